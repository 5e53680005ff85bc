"""Modern layers have latency rows in 8 and in 16 bits, or the target is refused with its reason before a kit is made."""

from __future__ import annotations

from functools import cache
from pathlib import Path

import pytest

from dna_deploy.errors import UsageError
from dna_deploy.export.kits.kit import KitPlan, kit_of_layers
from dna_deploy.latency.runners import open_runner
from dna_deploy.latency.runners.tensorrt_runner import EngineBuilder, check_options
from dna_deploy.records.probe_kit import ProbeKit
from dna_deploy.spaces.examples import TINY
from dna_deploy.spaces.operations.hybrid import AttentionBottleneck, ConvBottleneck
from dna_deploy.spaces.placed import PlacedLayer
from dna_deploy.targets.target import Precision, Target
from tests.nets.test_modern_layers import LAYERS, MAP

pytestmark = pytest.mark.slow

BOTTLENECKS = (PlacedLayer(ConvBottleneck(), MAP, 32, 2), PlacedLayer(AttentionBottleneck(head_channels=4), MAP, 16))


@cache
def kit_in(precision: Precision) -> ProbeKit:
    return kit_of_layers(TINY, [*LAYERS, *BOTTLENECKS], KitPlan(precision=precision))


@pytest.mark.parametrize(
    ("runtime", "provider", "precision"),
    [("onnxruntime", "CPUExecutionProvider", "int8"), ("openvino", "CPU", "int8"), ("openvino", "CPU", "fp16")],
)
@pytest.mark.filterwarnings("ignore")
def test_every_modern_layer_runs_on_a_processor(runtime: str, provider: str, precision: Precision, tmp_path: Path) -> None:
    target = Target(name="here", runtime=runtime, provider=provider, precision=precision)
    try:
        runner = open_runner(target)
    except UsageError as error:  # an old processor
        pytest.skip(error.message)
    kit = kit_in(precision)
    kit.unpack(tmp_path)
    times = {probe.key: runner.load(tmp_path / probe.file).time_runs(1) for probe in kit.probes("layer")}
    assert len(times) == len(LAYERS) + len(BOTTLENECKS)


@pytest.mark.filterwarnings("ignore")
def test_every_modern_layer_becomes_an_engine_of_tensorrt_rtx(tmp_path: Path) -> None:
    """No GPU is needed to build one ahead of time, which is where an operator would be lacking."""
    builder = EngineBuilder(pytest.importorskip("tensorrt_rtx"), compute_capabilities=("SM89",))
    kit = kit_in("fp16")
    kit.unpack(tmp_path)
    assert all(builder.build(tmp_path / probe.file) for probe in kit.probes("layer"))


@pytest.mark.parametrize(
    ("target", "message"),
    [
        (Target(name="gpu", runtime="tensorrt_rtx", provider="cuda:0", precision="int8"), "cannot use the int8 networks"),
        (Target(name="gpu", runtime="tensorrt", provider="cuda:0", precision="int8"), "cannot use the int8 networks"),
    ],
)
def test_a_precision_that_a_runtime_lacks_is_refused_by_name(target: Target, message: str) -> None:
    with pytest.raises(UsageError, match=message) as caught:
        check_options(target)
    assert "use fp16" in caught.value.hint


def test_half_precision_is_refused_where_a_processor_would_compute_in_full() -> None:
    with pytest.raises(UsageError, match="ONNX Runtime computes fp16 in fp32 on the CPU"):
        open_runner(Target(name="here", precision="fp16"))
