"""Whatever export meets: named with its layer, its file or its number; and no half-written folder."""

from __future__ import annotations

import os
import resource
import signal
import subprocess
import sys
from pathlib import Path

import onnx
import pytest
import torch
from safetensors.torch import save_file
from torch import nn

from dna_deploy.errors import DependencyError, UsageError
from dna_deploy.export import delivery
from dna_deploy.export.checks.judge import open_judge
from dna_deploy.export.checks.parity import open_judges
from dna_deploy.export.delivery import deliver
from dna_deploy.export.formats import model_file
from dna_deploy.export.formats.catalog import find_format
from dna_deploy.export.formats.onnx_graph import export_onnx
from dna_deploy.export.source import Source
from dna_deploy.latency.measure import measure_model
from dna_deploy.nets.network import Network
from dna_deploy.records.model_card import Absent
from dna_deploy.targets.plan import SamplingPlan
from dna_deploy.targets.target_file import default_target
from tests.export.made import made_up_data
from tests.export.networks import TINY, tiny
from tests.spaces.chains import FASHION


class Airy(nn.Module):
    """An activation that ONNX does not have."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return torch.special.airy_ai(x)


@pytest.mark.slow
def test_an_operator_that_the_exporter_lacks_is_named_with_its_layer() -> None:
    network = Network(FASHION, tiny())
    network.blocks[1][0].body[0][2] = Airy()  # type: ignore[index, union-attr, operator]
    with pytest.raises(UsageError, match=r"nothing for the operator aten\.special_airy_ai") as caught:
        export_onnx(network, FASHION.input)
    assert caught.value.hint == "it is in blocks.1.0.body.0.2 (Airy)"


def write_model(path: Path, operator: str) -> Path:
    """A model of one operator."""
    value = onnx.helper.make_tensor_value_info
    node = onnx.helper.make_node(operator, ["input"], ["output"], name=f"blocks.1.0/{operator}")
    shapes = [value(name, onnx.TensorProto.FLOAT, [1, 4]) for name in ("input", "output")]
    graph = onnx.helper.make_graph([node], "one", shapes[:1], shapes[1:])
    onnx.save(onnx.helper.make_model(graph, ir_version=10, opset_imports=[onnx.helper.make_opsetid("", 18)]), path)
    return path


def test_an_operator_that_the_runtime_lacks_is_named_with_its_layer(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="FancyConv") as caught:
        open_judges(("onnxruntime",), write_model(tmp_path / "odd.onnx", "FancyConv"))
    assert caught.value.hint == "it is in blocks.1.0 (FancyConv)"


def test_a_precision_that_the_target_lacks_is_refused(tmp_path: Path) -> None:
    target = default_target().model_copy(update={"precision": "fp16"})
    with pytest.raises(UsageError, match="computes fp16 in fp32 on the CPU") as caught:
        measure_model(write_model(tmp_path / "model.onnx", "Relu"), target, SamplingPlan())
    assert "use fp32 or int8" in caught.value.hint


def test_a_pickle_a_truncated_and_a_foreign_checkpoint_are_refused(tmp_path: Path) -> None:
    torch.save({"w": torch.zeros(2)}, tmp_path / "pickle.pt")
    save_file(Network(FASHION, tiny()).state_dict(), tmp_path / "whole.safetensors")
    (tmp_path / "half.safetensors").write_bytes((tmp_path / "whole.safetensors").read_bytes()[:5000])
    save_file(Network(FASHION.with_head(FASHION.head_for(7)), tiny()).state_dict(), tmp_path / "seven.safetensors")
    other = FASHION.parse("24:k3e3/40:k3e1/80:k3e1")
    for name, architecture, message in (
        ("pickle.pt", tiny(), "is a pickle"),
        ("half.safetensors", tiny(), "is not a safetensors file"),
        ("seven.safetensors", tiny(), "has 7 classes, the network has 10"),
        ("whole.safetensors", other, "does not belong to this architecture"),
    ):
        with pytest.raises(UsageError, match=message) as caught:
            deliver(Source(FASHION, architecture, tmp_path / name), tmp_path / "out")
        assert caught.value.hint
    assert not (tmp_path / "out").exists()


FULL = f"""
from pathlib import Path
import sys
from dna_deploy.cli.app import main
sys.argv = ["dna-deploy", "export", "{TINY}", "--space", "fashion", "--out", "out"]
main()
"""


@pytest.mark.slow
def test_a_full_disk_leaves_no_folder(tmp_path: Path) -> None:
    """The limit on file size stands for the disk: the model is larger than what still fits."""

    def limit() -> None:
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, 20_000))

    environment = {**os.environ, "PYTHONPATH": str(Path.cwd()), "PYTHONDONTWRITEBYTECODE": "1"}
    ran = subprocess.run(
        [sys.executable, "-c", FULL],
        cwd=tmp_path,
        env=environment,
        preexec_fn=limit,
        capture_output=True,
        text=True,
        check=False,
    )
    assert ran.returncode == 2, ran.stderr
    assert "error: cannot write" in ran.stderr
    assert "File too large" in ran.stderr
    assert list(tmp_path.iterdir()) == []


@pytest.mark.slow
def test_weights_beyond_what_one_file_holds_lie_in_a_second_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(model_file, "MOST_BYTES", 50_000)  # instead of 2 GiB
    done = deliver(Source(FASHION, tiny()), tmp_path / "out", data=made_up_data(), images=16, formats=("openvino",))
    names = sorted(path.name for path in (tmp_path / "out").iterdir())
    assert "model.onnx.data" in names
    assert done.model.stat().st_size < 50_000
    assert done.card.model_bytes > 4 * done.card.deployed_parameters
    assert "model.onnx.data" in done.card.digests
    assert not isinstance(done.card.parity, Absent)
    assert {judge.judge for judge in done.card.parity.judges} == {"onnxruntime", "openvino", "onnx-reference"}
    onnx.checker.check_model(str(done.model))


def test_polygraphy_is_absent_with_a_reason_where_it_cannot_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "polygraphy", None)
    (tmp_path / "model.tensorrt.engine").write_bytes(b"engine")
    with pytest.raises(DependencyError, match="polygraphy cannot be loaded") as caught:
        open_judge("polygraphy", tmp_path / "model.tensorrt.engine")
    assert "pip install polygraphy" in caught.value.hint
    assert find_format("tensorrt").judges == ("polygraphy",)


@pytest.mark.gpu
def test_polygraphy_judges_an_engine_as_torch_does(tmp_path: Path) -> None:
    for package in ("polygraphy", "tensorrt"):
        pytest.importorskip(package, reason=f"{package} is not installed")
    if not torch.cuda.is_available():
        pytest.skip("there is no NVIDIA GPU")
    done = deliver(Source(FASHION, tiny()), tmp_path / "out", data=made_up_data(), formats=("tensorrt",))
    parity = done.others[0].card.parity
    assert not isinstance(parity, Absent)
    assert [judge.judge for judge in parity.judges] == ["polygraphy"]


def test_an_engine_that_nobody_here_can_run_says_why(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def nobody(*_: object, **__: object) -> None:
        raise DependencyError("polygraphy cannot be loaded: none")

    monkeypatch.setattr(delivery, "check_parity", nobody)
    info = model_file.ModelInfo(
        tool_version="0", space="fashion", space_digest="", architecture=TINY, input="1x28x28", labels=(), mean=(),
        deviation=(), weights="untrained",
    )  # fmt: skip
    result = model_file.ExportResult(tmp_path / "model.tensorrt.engine", "", info, Network(FASHION, tiny()))
    judged = delivery._judged_images(Source(FASHION, tiny()), None, None)
    assert delivery._compare(result, judged, ("polygraphy",)) == Absent(reason="polygraphy cannot be loaded: none")
