"""The exported file against judges that are not ours: ONNX's checker, published parameter counts, the file's own bytes."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import pytest
from safetensors.torch import load_file, save_file

from dna_deploy.errors import TableError, UsageError
from dna_deploy.export.cards.metadata import ModelInfo
from dna_deploy.export.formats.model_file import export_architecture
from dna_deploy.spaces.catalog.mbconv import PUBLISHED
from tests.export.networks import TINY, lively_weights, tiny
from tests.spaces.chains import FASHION, MBCONV

pytestmark = pytest.mark.slow


def test_file_stands_alone_with_batch_norms_folded_and_says_what_it_is(tmp_path: Path) -> None:
    labels = tuple("abcdefghij")
    weights = lively_weights(tmp_path / "w.safetensors", tiny())
    result = export_architecture(FASHION, tiny(), weights, tmp_path / "out", labels=labels, mean=[0.3], deviation=[0.4])
    model = onnx.load(result.path, load_external_data=False)
    onnx.checker.check_model(model, full_check=True)
    assert not {"BatchNormalization", "Identity"} & {node.op_type for node in model.graph.node}
    assert {domain.domain for domain in model.opset_import} == {""}
    assert not model.functions
    assert all(tensor.data_location == onnx.TensorProto.DEFAULT for tensor in model.graph.initializer)
    info = ModelInfo.parse({pair.key: pair.value for pair in model.metadata_props}, "model")
    assert info is not None
    assert (info.architecture, info.space_digest, info.labels) == (TINY, FASHION.digest, labels)
    assert (info.mean, info.deviation) == ((0.3,), (0.4,))
    assert info.weights.startswith("sha256:")
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["model.onnx"]


def test_nodes_carry_their_layer_and_nothing_of_the_exporting_machine(tmp_path: Path) -> None:
    result = export_architecture(FASHION, tiny(), None, tmp_path)
    names = [node.name for node in onnx.load(result.path).graph.node]
    assert names[0] == "stem.0.0/Conv"
    assert "blocks.1.0.body.1.0/Conv" in names
    assert len(set(names)) == len(names)
    assert b".py" not in result.path.read_bytes()


def test_same_network_gives_the_same_file(tmp_path: Path) -> None:
    first = export_architecture(FASHION, tiny(), None, tmp_path / "a", seed=3)
    second = export_architecture(FASHION, tiny(), None, tmp_path / "b", seed=3)
    assert first.path.read_bytes() == second.path.read_bytes()
    assert export_architecture(FASHION, tiny(), None, tmp_path / "c", seed=4).digest != first.digest


def test_efficientnet_b0_holds_its_published_number_of_parameters_once_batch_norms_are_folded(tmp_path: Path) -> None:
    architecture = MBCONV.parse(PUBLISHED["efficientnet-b0"])
    result = export_architecture(MBCONV, architecture, None, tmp_path)
    tensors = onnx.load(result.path).graph.initializer
    held = sum(int(np.prod(tensor.dims)) for tensor in tensors if tensor.data_type == onnx.TensorProto.FLOAT)
    layers = MBCONV.place(architecture)
    assert held == sum(layer.deployed_parameters for layer in layers)
    # 5.289 M trainable parameters are published; folding turns scale and shift of 21,008 normalised channels into a bias.
    assert held + sum(step.folded for layer in layers for step in layer.steps) == 5_288_548


@pytest.mark.parametrize(("batch", "shape"), [(4, 4), (None, "batch")])
def test_batch_is_fixed_or_open(tmp_path: Path, batch: int | None, shape: int | str) -> None:
    result = export_architecture(FASHION, tiny(), None, tmp_path, batch=batch)
    first = onnx.load(result.path).graph.input[0].type.tensor_type.shape.dim[0]
    assert (first.dim_value or first.dim_param) == shape


def test_damaged_checkpoint_is_refused_and_leaves_nothing(tmp_path: Path) -> None:
    whole = lively_weights(tmp_path / "w.safetensors", tiny()).read_bytes()
    (tmp_path / "cut.safetensors").write_bytes(whole[: len(whole) // 2])
    with pytest.raises(UsageError, match=r"cut.safetensors is not a safetensors file"):
        export_architecture(FASHION, tiny(), tmp_path / "cut.safetensors", tmp_path / "out")
    with pytest.raises(TableError, match="No such file"):
        export_architecture(FASHION, tiny(), tmp_path / "none.safetensors", tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_checkpoint_of_another_network_is_refused_with_the_first_difference(tmp_path: Path) -> None:
    weights = lively_weights(tmp_path / "w.safetensors", tiny())
    other = FASHION.parse("24:k3e1/40:k5e3,k5e3/80:k3e3")
    with pytest.raises(UsageError, match=r"does not belong to this architecture: blocks\.1\.1\S+ is absent there and \d+x"):
        export_architecture(FASHION, other, weights, tmp_path / "out")


def test_checkpoint_with_another_number_of_classes_is_refused(tmp_path: Path) -> None:
    weights = lively_weights(tmp_path / "w.safetensors", tiny())
    with pytest.raises(UsageError, match="has 10 classes, the network has 7"):
        export_architecture(FASHION.with_head(FASHION.head_for(7)), tiny(), weights, tmp_path / "out")


def test_weights_that_are_not_numbers_are_refused(tmp_path: Path) -> None:
    weights = lively_weights(tmp_path / "w.safetensors", tiny())
    state = load_file(weights)
    state["head.0.classifier.bias"][0] = float("nan")
    save_file(state, weights)
    with pytest.raises(UsageError, match=r"head\.0\.classifier\.bias .* not numbers"):
        export_architecture(FASHION, tiny(), weights, tmp_path / "out")


def test_labels_must_be_as_many_as_classes(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="2 labels for a network with 10 classes"):
        export_architecture(FASHION, tiny(), None, tmp_path / "out", labels=("cat", "dog"))


def test_full_disk_leaves_no_half_written_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.fsync", full)
    with pytest.raises(UsageError, match=r"cannot write .*model.onnx: No space left on device"):
        export_architecture(FASHION, tiny(), None, tmp_path / "out")
    assert list((tmp_path / "out").iterdir()) == []
