"""Runtimes as they are: each loads weights from beside the graph, times runs, and refuses what it cannot do."""

from __future__ import annotations

import gc
import importlib.util
import sys
import weakref
from pathlib import Path
from types import SimpleNamespace

import onnx
import onnxruntime
import pytest
from onnx import TensorProto, helper

from dna_deploy.errors import DependencyError, UsageError
from dna_deploy.export.formats.graph_parts import WeightSpace
from dna_deploy.latency.capabilities import capabilities, why_not
from dna_deploy.latency.isolation import IsolatedBench
from dna_deploy.latency.measure import measure_model
from dna_deploy.latency.runners import open_runner
from dna_deploy.latency.runners.cuda import Cuda, Nvml, reasons_in
from dna_deploy.latency.runners.onnxruntime_runner import OnnxRuntimeSession
from dna_deploy.latency.runners.tensorrt_runner import EngineBuilder, EngineError, load_tensorrt
from dna_deploy.latency.sampling import ProbeError
from dna_deploy.records.probe_kit import WEIGHTS_FILE
from dna_deploy.targets.plan import SamplingPlan
from dna_deploy.targets.target import Target

CPU = Target(name="cpu")
RTX = {"runtime": "tensorrt_rtx", "provider": "cuda:0"}
PLAN = SamplingPlan(rounds=4, runs=3, warmup_runs=1)


@pytest.fixture
def model(tmp_path: Path) -> Path:
    """A convolution whose weights are in another file, as in a kit."""
    weights = WeightSpace()
    tensor = weights.place(TensorProto(name="w", data_type=TensorProto.FLOAT, dims=[8, 3, 3, 3]))
    graph = helper.make_graph(
        [helper.make_node("Conv", ["input", "w"], ["output"], pads=[1, 1, 1, 1])],
        "g",
        [helper.make_tensor_value_info("input", TensorProto.FLOAT, [1, 3, 16, 16])],
        [helper.make_tensor_value_info("output", TensorProto.FLOAT, [1, 8, 16, 16])],
        [tensor],
    )
    made = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=10)
    (tmp_path / "model.onnx").write_bytes(made.SerializeToString())
    (tmp_path / WEIGHTS_FILE).write_bytes(b"\x00\x00\x80\x3f" * 216)
    return tmp_path / "model.onnx"


def test_onnx_runtime_times_a_model_and_the_measurement_says_how(model: Path) -> None:
    found = measure_model(model, CPU, PLAN)
    assert found.samples.count == 12
    assert 0 < found.p50.seconds < 1
    assert found.fingerprint.runtime_version == f"onnxruntime {onnxruntime.__version__}"
    assert (found.target, found.plan) == (CPU, PLAN)
    assert "few-rounds" in {doubt.name for doubt in found.doubts}


def test_what_a_model_reads_and_writes_lives_as_long_as_its_session() -> None:
    bound: list[weakref.ref[object]] = []
    binding = SimpleNamespace(
        bind_ortvalue_input=lambda _, value: bound.append(weakref.ref(value)),
        bind_ortvalue_output=lambda _, value: bound.append(weakref.ref(value)),
    )
    port = SimpleNamespace(name="x", shape=[1, 3], type="tensor(float)")
    loaded = SimpleNamespace(io_binding=lambda: binding, get_inputs=lambda: [port] * 2, get_outputs=lambda: [port])
    session = OnnxRuntimeSession(loaded, 1, "cpu")
    gc.collect()
    assert all(value() is not None for value in bound), "a binding of ONNX Runtime only points at them"
    del session
    assert len(bound) == 3


def test_a_provider_that_leaves_the_work_to_the_cpu_is_refused(model: Path) -> None:
    if "AzureExecutionProvider" not in onnxruntime.get_available_providers():
        pytest.skip("this ONNX Runtime has no provider that falls back")
    # The Azure provider takes no local work: without the refusal this would time the CPU under a wrong name.
    runner = open_runner(CPU.model_copy(update={"provider": "AzureExecutionProvider"}))
    with pytest.raises(Exception, match=r"(?i)fall\s*back"):
        runner.load(model)


def test_a_session_without_the_wanted_provider_is_refused(model: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    runner = open_runner(CPU)
    fallen = SimpleNamespace(get_providers=lambda: ["OtherExecutionProvider"])
    monkeypatch.setattr(onnxruntime, "InferenceSession", lambda *_, **__: fallen)
    with pytest.raises(DependencyError, match="fell back to OtherExecutionProvider"):
        runner.load(model)


@pytest.mark.parametrize(
    ("changes", "error", "message"),
    [
        ({"provider": "CUDAExecutionProvide"}, DependencyError, "has no 'CUDAExecutionProvide'"),
        ({"precision": "fp16"}, UsageError, "computes fp16 in fp32 on the CPU"),
        ({"runtime": "onnxruntim"}, UsageError, "unknown runner 'onnxruntim'"),
        ({"runtime": "tensorrt_rtx", "provider": "CPU"}, UsageError, "tensorrt_rtx has no provider 'CPU'"),
        ({**RTX, "provider_options": {"build": "3"}}, UsageError, "tensorrt_rtx has no option 'build'"),
        ({**RTX, "provider_options": {"builds": "many"}}, UsageError, "builds is 'many', not a whole number"),
        ({**RTX, "provider_options": {"cuda_graph": "yes"}}, UsageError, "cuda_graph is 'yes'"),
        ({**RTX, "precision": "int8"}, UsageError, "tensorrt_rtx cannot use the int8 networks"),
        ({**RTX, "runtime": "tensorrt", "precision": "int8"}, UsageError, "tensorrt cannot use the int8 networks"),
    ],
)
def test_a_target_that_cannot_be_had_says_why(changes: dict[str, object], error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        open_runner(CPU.model_copy(update=changes))


def test_a_graph_that_does_not_load_loses_only_itself(model: Path) -> None:
    broken = model.with_name("broken.onnx")
    broken.write_bytes(b"\x08\x07 this is no graph")
    with IsolatedBench(CPU, PLAN, {"broken": broken, "good": model}) as bench:
        with pytest.raises(ProbeError, match=r"broken\.onnx"):
            bench.visit("broken")
        assert len(bench.visit("good")) == 3


def test_a_graph_that_points_out_of_its_folder_is_not_loaded(model: Path, tmp_path: Path) -> None:
    made = onnx.load(model, load_external_data=False)
    made.graph.initializer[0].external_data[0].value = "../../../../../../etc/passwd"
    bad = tmp_path / "bad.onnx"
    bad.write_bytes(made.SerializeToString())
    for target in (CPU, CPU.model_copy(update={"runtime": "openvino", "provider": "CPU"})):
        if target.runtime == "openvino" and importlib.util.find_spec("openvino") is None:
            continue
        with pytest.raises(Exception, match=r"(?i)external|invalid|escape|path|file"):
            open_runner(target).load(bad)


def test_openvino_times_a_model_and_refuses_a_precision_it_lacks(model: Path) -> None:
    pytest.importorskip("openvino")
    target = Target(name="ov", runtime="openvino", provider="CPU")
    found = measure_model(model, target, PLAN)
    assert found.fingerprint.runtime_version.startswith("openvino 20")
    assert found.fingerprint.libraries["device"]
    with pytest.raises(DependencyError, match="finds no device 'NPU'"):
        open_runner(target.model_copy(update={"provider": "NPU"}))
    runner = open_runner(target)
    monkey = SimpleNamespace(get_property=lambda *_: ["FP32"])
    runner._core, runner._target = monkey, target.model_copy(update={"precision": "int8"})  # type: ignore[attr-defined]
    with pytest.raises(UsageError, match="has no int8 here"):
        runner._check_precision()  # type: ignore[attr-defined]


def test_tensorrt_rtx_builds_an_engine_without_a_gpu_reading_weights_from_beside(model: Path) -> None:
    pytest.importorskip("tensorrt_rtx", reason="tensorrt_rtx is not installed; pip install 'dna-deploy[tensorrt-rtx]'")
    builder = EngineBuilder(load_tensorrt("tensorrt_rtx"), compute_capabilities=("SM89",))
    first, second = builder.build(model), builder.build(model)
    assert min(len(first), len(second)) > 1000
    model.write_bytes(b"no graph")
    with pytest.raises(EngineError, match=r"tensorrt_rtx cannot use model\.onnx"):
        builder.build(model)


@pytest.mark.gpu
@pytest.mark.parametrize("cuda_graph", ["on", "off"])
def test_tensorrt_times_an_engine_on_the_gpu(model: Path, cuda_graph: str) -> None:
    try:
        Cuda.count()
    except DependencyError as error:
        pytest.skip(f"no GPU: {error.message}")
    pytest.importorskip("tensorrt_rtx", reason="tensorrt_rtx is not installed")
    target = Target(name="gpu", runtime="tensorrt_rtx", provider="cuda:0", provider_options={"cuda_graph": cuda_graph})
    found = measure_model(model, target, PLAN.model_copy(update={"warmup_s": 0.2}))
    assert 0 < found.p50.seconds < 0.1


def test_throttle_reasons_are_named_and_harmless_ones_left_out() -> None:
    constants = {
        "nvmlClocksEventReasonGpuIdle": 1, "nvmlClocksEventReasonSwPowerCap": 4,
        "nvmlClocksEventReasonHwThermalSlowdown": 64, "somethingElse": 4,
    }  # fmt: skip
    assert reasons_in(1, constants) == ()
    assert reasons_in(1 | 4 | 64, constants) == ("hw_thermal_slowdown", "sw_power_cap")


def test_what_a_gpu_does_not_tell_stops_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    class NVMLError(Exception):
        pass

    def refuse(*_: object) -> None:
        raise NVMLError("Not Supported")

    names = ("nvmlSystemGetDriverVersion", "nvmlDeviceGetApplicationsClock", "nvmlDeviceGetMaxClockInfo",
             "nvmlDeviceGetCurrentClocksEventReasons")  # fmt: skip
    told = SimpleNamespace(
        NVMLError=NVMLError, NVML_CLOCK_SM=1, NVML_CLOCK_MEM=2, nvmlInit=lambda: None,
        nvmlDeviceGetHandleByPciBusId=lambda bus: bus, nvmlDeviceGetName=lambda handle: f"Orin at {handle}",
        **dict.fromkeys(names, refuse),
    )  # fmt: skip
    monkeypatch.setitem(sys.modules, "pynvml", told)
    gpu = Nvml("0000:01:00.0")
    facts = gpu.facts()
    assert facts["gpu"] == "Orin at 0000:01:00.0"
    assert facts["gpu_clock_limit_mhz"] == "unknown: Not Supported"
    assert gpu.throttle_reasons() == ()


def test_every_runtime_is_listed_with_its_version_or_the_reason() -> None:
    found = {of.runtime: of for of in capabilities()}
    assert {"onnxruntime", "openvino", "tensorrt", "tensorrt_rtx"} <= set(found)
    assert "CPUExecutionProvider" in found["onnxruntime"].providers
    assert all(bool(of.version) != bool(of.reason) for of in found.values())
    assert why_not(CPU) == ""
    assert "has no 'NopeProvider'" in why_not(CPU.model_copy(update={"provider": "NopeProvider"}))
