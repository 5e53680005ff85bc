"""ONNX Runtime with any of its execution providers, inputs and outputs bound to fixed buffers."""

from __future__ import annotations

import time
from pathlib import Path
from types import MappingProxyType
from typing import Any

import numpy as np

from dna_deploy.errors import DependencyError, UsageError
from dna_deploy.latency.runners import time_on_host
from dna_deploy.latency.runners.inputs import GivenInputs, check_is_fed, input_values
from dna_deploy.plugins import suggest
from dna_deploy.targets.target import Target

_CPU = "CPUExecutionProvider"
_DTYPES: dict[str, type[np.generic]] = {
    "tensor(float)": np.float32, "tensor(float16)": np.float16, "tensor(double)": np.float64, "tensor(uint8)": np.uint8,
    "tensor(int8)": np.int8, "tensor(int32)": np.int32, "tensor(int64)": np.int64, "tensor(bool)": np.bool_,
}  # fmt: skip
_DEVICES = {"CUDAExecutionProvider": "cuda", "TensorrtExecutionProvider": "cuda", "NvTensorRTRTXExecutionProvider": "cuda"}
"""Providers whose inputs and outputs stay on the device; the others take host memory."""


class OnnxRuntimeSession:
    """A model with its input and output bound once."""

    def __init__(self, session: Any, batch: int, device: str, inputs: GivenInputs = MappingProxyType({})) -> None:
        self._session = session
        self._binding = session.io_binding()
        # A value only borrows numpy's memory, and a binding holds neither: without these, runs read and write freed memory.
        self._buffers: list[Any] = []
        rng = np.random.default_rng(0)
        self.shapes: dict[str, tuple[int, ...]] = {}
        for input in session.get_inputs():
            sizes = [size if isinstance(size, int) else None for size in input.shape]
            if input.type not in _DTYPES:
                raise UsageError(f"the model's input {input.name!r} is a {input.type}", f"known: {', '.join(_DTYPES)}")
            values = input_values(input.name, sizes, _DTYPES[input.type], batch, inputs, rng)
            self.shapes[input.name] = values.shape
            self._buffers.append(_value(values, device))
            self._binding.bind_ortvalue_input(input.name, self._buffers[-1])
        check_is_fed(self.shapes)
        for output in session.get_outputs():
            sizes = output.shape if inputs else output.shape[1:]  # who says what goes in may say how much at once
            if not all(isinstance(size, int) for size in sizes) or output.type not in _DTYPES:
                self._binding.bind_output(output.name, device)  # its size depends on what goes in
                continue
            shape = [size if isinstance(size, int) else batch for size in output.shape]
            self._buffers.append(_value(np.zeros(shape, _DTYPES[output.type]), device))
            self._binding.bind_ortvalue_output(output.name, self._buffers[-1])

    def run(self) -> None:
        self._session.run_with_iobinding(self._binding)

    def time_runs(self, runs: int) -> list[int]:
        return time_on_host(self.run, runs, time.perf_counter_ns)


class FallbackError(Exception):
    """A provider that cannot run the whole of a model: this one is absent, and the others go on."""


LEVEL = "graph_optimization_level"
OPTIMIZATION_LEVELS = {
    "disabled": "ORT_DISABLE_ALL",
    "basic": "ORT_ENABLE_BASIC",
    "extended": "ORT_ENABLE_EXTENDED",
    "all": "ORT_ENABLE_ALL",
}
"""What a target's ``provider_options`` can say of the graph; ``all`` where it says nothing."""


class OnnxRuntimeRunner:
    """Sessions of one execution provider. A provider that would quietly leave work to the CPU is refused."""

    def __init__(self, target: Target) -> None:
        self._ort, self._target = _onnxruntime(), target
        providers = self.providers()
        if target.provider not in providers:
            raise DependencyError(
                f"this ONNX Runtime {self._ort.__version__} has no {target.provider!r}", suggest(target.provider, providers)
            )
        if target.precision == "fp16" and target.provider == _CPU:
            raise UsageError("ONNX Runtime computes fp16 in fp32 on the CPU", "use fp32 or int8, or another provider")
        self._level = target.provider_options.get(LEVEL, "all")
        if self._level not in OPTIMIZATION_LEVELS:
            raise UsageError(f"unknown {LEVEL} {self._level!r}", suggest(self._level, tuple(OPTIMIZATION_LEVELS)))
        self._ort.set_default_logger_severity(4)

    @staticmethod
    def providers() -> tuple[str, ...]:
        return tuple(_onnxruntime().get_available_providers())

    @property
    def version(self) -> str:
        return f"onnxruntime {self._ort.__version__}"

    @property
    def libraries(self) -> dict[str, str]:
        return {"graph_optimization_level": self._level}

    def load(self, path: Path, inputs: GivenInputs = MappingProxyType({})) -> OnnxRuntimeSession:
        try:
            session = self._ort.InferenceSession(str(path), self._options(), providers=self._providers())
        except Exception as error:  # its exceptions share no public base class
            if "fallback to CPU EP" in str(error):
                provider = self._target.provider
                raise FallbackError(f"{provider} cannot run all of it, and ONNX Runtime would fall back to the CPU") from error
            raise
        chosen = session.get_providers()
        if chosen[0] != self._target.provider:
            raise DependencyError(
                f"{self._target.provider} was asked for, but ONNX Runtime fell back to {chosen[0]}",
                "its libraries or its device are missing; a table of another device would be wrong",
            )
        return OnnxRuntimeSession(session, self._target.batch, _DEVICES.get(self._target.provider, "cpu"), inputs)

    def throttle_reasons(self) -> tuple[str, ...]:
        return ()

    def _options(self) -> Any:
        options = self._ort.SessionOptions()
        options.intra_op_num_threads = self._target.threads
        options.inter_op_num_threads = 1
        options.graph_optimization_level = getattr(self._ort.GraphOptimizationLevel, OPTIMIZATION_LEVELS[self._level])
        options.log_severity_level = 4
        # Threads that spin on after a run would take the processor from the next probe.
        options.add_session_config_entry("session.force_spinning_stop", "1")
        if self._target.provider != _CPU:
            options.add_session_config_entry("session.disable_cpu_ep_fallback", "1")
        return options

    def _providers(self) -> list[Any]:
        options = {name: value for name, value in self._target.provider_options.items() if name != LEVEL}
        return [(self._target.provider, options)]


def _onnxruntime() -> Any:
    try:
        import onnxruntime
    except ImportError as error:
        raise DependencyError(f"ONNX Runtime cannot be loaded: {error}", "pip install onnxruntime") from error
    return onnxruntime


def _value(values: np.ndarray, device: str) -> Any:
    return _onnxruntime().OrtValue.ortvalue_from_numpy(values, device, 0)
