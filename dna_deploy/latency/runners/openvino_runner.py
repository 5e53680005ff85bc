"""OpenVINO on any of its devices: one request at a time, latency first."""

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
from dna_deploy.targets.target import Precision, Target

_HINTS: dict[Precision, str] = {"fp32": "f32", "fp16": "f16", "int8": "f32"}
"""What is left to compute in; int8 comes from the model itself."""


class OpenVinoSession:
    """A compiled model with fixed input and output."""

    def __init__(self, compiled: Any, batch: int, inputs: GivenInputs) -> None:
        self._request = compiled.create_infer_request()
        rng = np.random.default_rng(0)
        self.shapes: dict[str, tuple[int, ...]] = {}
        for port in compiled.inputs:
            sizes = [size.get_length() if size.is_static else None for size in port.partial_shape]
            values = input_values(port.any_name, sizes, port.element_type.to_dtype(), batch, inputs, rng)
            self.shapes[port.any_name] = values.shape
            self._request.get_tensor(port).shape = values.shape
            self._request.get_tensor(port).data[:] = values
        check_is_fed(self.shapes)

    def run(self) -> None:
        self._request.infer()

    def time_runs(self, runs: int) -> list[int]:
        return time_on_host(self.run, runs, time.perf_counter_ns)


class OpenVinoRunner:
    """Compiled models for one device. The provider of a target is the device: ``CPU``, ``GPU``, ``NPU``, ..."""

    def __init__(self, target: Target) -> None:
        self._openvino, self._target = _openvino(), target
        self._core = self._openvino.Core()
        devices = self.providers()
        if target.provider.partition(":")[0].partition(".")[0] not in {device.partition(".")[0] for device in devices}:
            raise DependencyError(f"OpenVINO finds no device {target.provider!r} here", suggest(target.provider, devices))
        self._check_precision()

    @staticmethod
    def providers() -> tuple[str, ...]:
        return tuple(_openvino().Core().available_devices)

    @property
    def version(self) -> str:
        return f"openvino {self._openvino.get_version()}"

    @property
    def libraries(self) -> dict[str, str]:
        return {"device": str(self._core.get_property(self._target.provider, "FULL_DEVICE_NAME"))}

    def load(self, path: Path, inputs: GivenInputs = MappingProxyType({})) -> OpenVinoSession:
        options = {
            "PERFORMANCE_HINT": "LATENCY",
            "NUM_STREAMS": "1",
            "INFERENCE_PRECISION_HINT": _HINTS[self._target.precision],
        }
        if self._target.provider == "CPU":
            options |= {"INFERENCE_NUM_THREADS": str(self._target.threads), "ENABLE_CPU_PINNING": "NO"}
        compiled = self._core.compile_model(str(path), self._target.provider, options | self._target.provider_options)
        return OpenVinoSession(compiled, self._target.batch, inputs)

    def throttle_reasons(self) -> tuple[str, ...]:
        return ()

    def _check_precision(self) -> None:
        capabilities = self._core.get_property(self._target.provider, "OPTIMIZATION_CAPABILITIES")
        precision = {"fp32": "FP32", "fp16": "FP16", "int8": "INT8"}[self._target.precision]
        if precision not in capabilities:
            raise UsageError(
                f"OpenVINO's {self._target.provider} has no {self._target.precision} here",
                f"it has {', '.join(capabilities)}",
            )


def _openvino() -> Any:
    try:
        import openvino
    except ImportError as error:
        raise DependencyError(f"OpenVINO cannot be loaded: {error}", "pip install 'dna-deploy[openvino]'") from error
    return openvino
