"""Every format is made for real from one exported model, and computes what torch does as far as its precision allows."""

from __future__ import annotations

import dataclasses
from collections import Counter
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import onnx
import onnxruntime
import openvino
import pytest

from dna_deploy.errors import DependencyError, UsageError
from dna_deploy.export.cards.metadata import ModelInfo
from dna_deploy.export.checks.parity import LIMITS, check_parity
from dna_deploy.export.delivery import deliver
from dna_deploy.export.formats.catalog import Conversion, find_format
from dna_deploy.export.formats.model_file import ExportResult, export_architecture
from dna_deploy.export.runtimes import onnx_runtime
from dna_deploy.export.runtimes.onnx_runtime import read_notes
from dna_deploy.export.source import Source
from dna_deploy.records.model_card import Absent, ModelCard, PredictedLatency
from tests.export.made import made_up_data
from tests.export.networks import images, lively_weights, tiny
from tests.spaces.chains import FASHION

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def exported(tmp_path_factory: pytest.TempPathFactory) -> ExportResult:
    folder = tmp_path_factory.mktemp("exported")
    return export_architecture(FASHION, tiny(), lively_weights(folder / "w.safetensors", tiny()), folder)


def convert(exported: ExportResult, name: str, folder: Path) -> Path:
    kind = find_format(name)
    path = folder / f"model{kind.suffix}"
    info = exported.info.model_copy(update={"precision": kind.precision})
    kind.convert(Conversion(exported.path, info, images(64)), path)
    return path


def test_fp16_holds_its_weights_in_half_precision_and_stays_within_its_limits(exported: ExportResult, tmp_path: Path) -> None:
    path = convert(exported, "onnx-fp16", tmp_path)
    tensors = [tensor for tensor in onnx.load(path).graph.initializer if len(tensor.dims) == 4]
    assert {tensor.data_type for tensor in tensors} == {onnx.TensorProto.FLOAT16}
    parity = check_parity(exported.network, path, images(), precision="fp16", judges=find_format("onnx-fp16").judges)
    assert all(judge.max_absolute_error > 0 for judge in parity.judges), "half precision rounds"
    info = ModelInfo.parse(read_notes(path), "model")
    assert info is not None
    assert info.precision == "fp16"
    assert info.labels == exported.info.labels


def test_int8_holds_8_bit_weights_and_decides_as_torch_does(
    exported: ExportResult, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = convert(exported, "onnx-int8", tmp_path)
    model = onnx.load(path)
    assert {"QuantizeLinear", "DequantizeLinear"} <= {node.op_type for node in model.graph.node}
    weights = [tensor for tensor in model.graph.initializer if len(tensor.dims) == 4]
    assert {tensor.data_type for tensor in weights} == {onnx.TensorProto.INT8}
    assert path.stat().st_size < exported.path.stat().st_size
    # Noise lies close to the borders between classes, unlike the images that a network was trained for.
    monkeypatch.setitem(LIMITS, "int8", dataclasses.replace(LIMITS["int8"], agreement=0.85))
    parity = check_parity(exported.network, path, images(64), precision="int8", judges=find_format("onnx-int8").judges)
    assert [judge.judge for judge in parity.judges] == ["onnxruntime", "openvino"]


def test_no_convolution_of_an_int8_file_is_left_in_single_precision(exported: ExportResult, tmp_path: Path) -> None:
    path = convert(exported, "onnx-int8", tmp_path)
    options = onnxruntime.SessionOptions()
    options.optimized_model_filepath, options.log_severity_level = str(tmp_path / "fused.onnx"), 4
    onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
    kinds = Counter(node.op_type for node in onnx.load(tmp_path / "fused.onnx").graph.node)
    assert kinds["QLinearConv"] == sum(node.op_type == "Conv" for node in onnx.load(path).graph.node)
    assert (kinds["Conv"], kinds["QuantizeLinear"], kinds["Sigmoid"]) == (0, 2, 0), "the input and what the head pools"


@pytest.mark.parametrize(("images", "batch", "feeds"), [(5, 8, 1), (20, 8, 3), (16, 8, 2), (3, 1, 3), (300, 1, 256)])
def test_every_calibration_image_is_seen_in_whole_batches(
    monkeypatch: pytest.MonkeyPatch, images: int, batch: int, feeds: int
) -> None:
    session = SimpleNamespace(get_inputs=lambda: [SimpleNamespace(name="input", shape=[batch, 1, 2, 2])])
    monkeypatch.setattr(onnx_runtime, "_open", lambda path: session)
    values = np.arange(images, dtype=np.float32)[:, None, None, None] * np.ones((1, 1, 2, 2), np.float32)
    seen = [feed["input"] for feed in onnx_runtime._feeds(Path("model.onnx"), values)]
    assert [feed.shape for feed in seen] == [(batch, 1, 2, 2)] * feeds
    assert {int(value) for feed in seen for value in feed[:, 0, 0, 0]} == set(range(min(images, 256)))


def test_int8_without_calibration_images_is_refused(exported: ExportResult, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="int8 needs training images to calibrate on"):
        deliver(Source(FASHION, tiny()), tmp_path / "out", formats=("onnx-int8",))
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("name", ["openvino", "openvino-fp16"])
def test_openvino_ir_computes_the_same_and_carries_its_provenance(exported: ExportResult, tmp_path: Path, name: str) -> None:
    path = convert(exported, name, tmp_path)
    kind = find_format(name)
    check_parity(exported.network, path, images(), precision=kind.precision, judges=kind.judges)
    model = openvino.Core().read_model(path)
    assert model.get_rt_info(["dna_deploy", "architecture"]).astype(str) == str(tiny())
    assert path.with_suffix(".bin").stat().st_size > 0


def test_rtx_engine_is_built_ahead_of_time_without_a_gpu(exported: ExportResult, tmp_path: Path) -> None:
    pytest.importorskip("tensorrt_rtx", reason="tensorrt-rtx-cu13 is not installed")
    fixed = convert(exported, "tensorrt-rtx", tmp_path)
    assert fixed.stat().st_size > 100_000
    opened = export_architecture(FASHION, tiny(), None, tmp_path / "open", batch=None)
    assert convert(opened, "tensorrt-rtx", tmp_path / "open").stat().st_size > 100_000


def test_operator_that_tensorrt_lacks_is_named_with_its_layer(exported: ExportResult, tmp_path: Path) -> None:
    pytest.importorskip("tensorrt_rtx", reason="tensorrt-rtx-cu13 is not installed")
    model = onnx.load(exported.path)
    node = next(node for node in model.graph.node if node.name == "blocks.1.0.body.1.0/Conv")
    node.op_type = "FancyConv"
    onnx.save(model, tmp_path / "odd.onnx")
    conversion = Conversion(tmp_path / "odd.onnx", exported.info, None)
    with pytest.raises(UsageError, match="FancyConv") as caught:
        find_format("tensorrt-rtx").convert(conversion, tmp_path / "odd.engine")
    assert caught.value.hint == "it is in blocks.1.0.body.1.0/Conv"
    assert not (tmp_path / "odd.engine").exists()


@pytest.mark.parametrize("name", ["tensorrt", "tensorrt-rtx", "openvino"])
def test_missing_runtime_is_named_with_how_to_install_it(
    exported: ExportResult, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    monkeypatch.setitem(__import__("sys").modules, name.replace("-", "_"), None)
    with pytest.raises(DependencyError, match=name.replace("-", "_")) as caught:
        convert(exported, name, tmp_path)
    assert f"pip install 'dna-deploy[{name}]'" in caught.value.hint
    assert list(tmp_path.iterdir()) == []


def test_unknown_format_names_the_nearest() -> None:
    with pytest.raises(UsageError, match="unknown format 'onnx-fp61'") as caught:
        find_format("onnx-fp61")
    assert "onnx-fp16" in caught.value.hint


def test_every_format_gets_its_own_card_beside_it(exported: ExportResult, tmp_path: Path) -> None:
    source = Source(FASHION, tiny(), predicted=PredictedLatency(latency_s=1e-3, relative_error=0.01), predicted_in="fp16")
    done = deliver(source, tmp_path / "out", data=made_up_data(), formats=("openvino", "onnx-fp16"), images=16)
    cards = [ModelCard.read(one.card_file) for one in (done, *done.others)]
    assert [card.model for card in cards] == ["model.onnx", "model.openvino.xml", "model.fp16.onnx"]
    assert cards[1].model_bytes > cards[0].parameters * 4 * 0.9, "the weights lie in a second file, and count"
    assert "model.openvino.bin" in cards[1].digests
    assert cards[2].precision == "fp16"
    assert cards[2].predicted == source.predicted
    assert cards[0].predicted == cards[1].predicted == Absent(reason="latency tables are for plain ONNX, this one for fp16")
