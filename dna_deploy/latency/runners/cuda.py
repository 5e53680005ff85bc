"""The little of CUDA that timing needs: a stream, events, buffers, graphs, and why the clock is held back."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from dna_deploy.errors import DependencyError

_HARMLESS = {
    "gpu_idle", "applications_clocks_setting", "user_defined_clocks", "display_clock_setting", "sync_boost", "none", "all",
}  # fmt: skip
"""Clocks that someone chose are no doubt; clocks that heat or power choose are."""


class CudaError(Exception):
    """A call of the CUDA runtime failed."""


class Cuda:
    """One device and one stream on it."""

    def __init__(self, device: int) -> None:
        self._api = _runtime()
        count = self.count()
        if device >= count:
            raise DependencyError(f"there is no GPU number {device}", f"this machine has {count}")
        self.call(self._api.cudaSetDevice, device)
        # Neither library's numbers are the other's: CUDA counts only what it is shown, and fastest first.
        self.bus_id = self.call(self._api.cudaDeviceGetPCIBusId, 32, device).rstrip(b"\0").decode()
        self.stream = self.call(self._api.cudaStreamCreate)

    @classmethod
    def count(cls) -> int:
        """How many GPUs there are. Raises `DependencyError` if there is none."""
        try:
            return int(cls.call(_runtime().cudaGetDeviceCount))
        except CudaError as error:
            raise DependencyError(f"there is no GPU to run on: {error}", "is NVIDIA's driver installed?") from error

    @staticmethod
    def call(function: Callable[..., Any], *arguments: Any) -> Any:
        """Calls a function of the runtime, and returns what it returns besides its error code."""
        code, *values = function(*arguments)
        if int(code):
            raise CudaError(f"{function.__name__}: {getattr(code, 'name', code)}")
        return values[0] if values else None

    def allocate(self, content: bytes) -> int:
        """A buffer on the device that holds some bytes; lives as long as the process."""
        address = int(self.call(self._api.cudaMalloc, len(content)))
        kind = self._api.cudaMemcpyKind.cudaMemcpyHostToDevice
        self.call(self._api.cudaMemcpy, address, content, len(content), kind)
        return address

    def wait(self) -> None:
        """Returns when everything on the stream is done."""
        self.call(self._api.cudaStreamSynchronize, self.stream)

    def captured(self, enqueue: Callable[[], None]) -> Callable[[], None]:
        """What ``enqueue`` puts on the stream, as one graph to launch."""
        mode = self._api.cudaStreamCaptureMode.cudaStreamCaptureModeThreadLocal
        self.call(self._api.cudaStreamBeginCapture, self.stream, mode)
        enqueue()
        graph = self.call(self._api.cudaStreamEndCapture, self.stream)
        launchable = self.call(self._api.cudaGraphInstantiate, graph, 0)
        return lambda: self.call(self._api.cudaGraphLaunch, launchable, self.stream)

    def time_runs(self, enqueue: Callable[[], None], runs: int) -> list[int]:
        """How many nanoseconds the device works on each run, from event to event."""
        times = []
        for _ in range(runs):
            start, end = (self.call(self._api.cudaEventCreate) for _ in range(2))
            self.call(self._api.cudaEventRecord, start, self.stream)
            enqueue()
            self.call(self._api.cudaEventRecord, end, self.stream)
            self.call(self._api.cudaEventSynchronize, end)
            times.append(round(self.call(self._api.cudaEventElapsedTime, start, end) * 1e6))
            for event in (start, end):
                self.call(self._api.cudaEventDestroy, event)
        return times


def _runtime() -> Any:
    try:
        from cuda.bindings import runtime
    except ImportError as error:
        raise DependencyError(f"CUDA's Python bindings cannot be loaded: {error}", "pip install cuda-bindings") from error
    return runtime


class Nvml:
    """What the driver tells of a GPU; silent where its Python package is missing, or the GPU does not tell (Jetson)."""

    def __init__(self, bus_id: str) -> None:
        self._nvml: Any = None
        try:
            import pynvml
        except ImportError:
            return
        try:
            pynvml.nvmlInit()
            self._handle = pynvml.nvmlDeviceGetHandleByPciBusId(bus_id)
        except pynvml.NVMLError:
            return
        self._nvml = pynvml

    def facts(self) -> dict[str, str]:
        """Name, driver and clocks."""
        if self._nvml is None:
            return {"gpu_clock": "unknown: pip install nvidia-ml-py"}
        nvml, handle = self._nvml, self._handle
        return {
            "gpu": self._told(nvml.nvmlDeviceGetName, handle),
            "driver": self._told(nvml.nvmlSystemGetDriverVersion),
            "gpu_clock_set_mhz": self._told(nvml.nvmlDeviceGetApplicationsClock, handle, nvml.NVML_CLOCK_SM),
            "gpu_clock_limit_mhz": self._told(nvml.nvmlDeviceGetMaxClockInfo, handle, nvml.NVML_CLOCK_SM),
            "memory_clock_limit_mhz": self._told(nvml.nvmlDeviceGetMaxClockInfo, handle, nvml.NVML_CLOCK_MEM),
        }

    def throttle_reasons(self) -> tuple[str, ...]:
        """Why the clock is below what the load asks for."""
        if self._nvml is None:
            return ()
        try:
            active = self._nvml.nvmlDeviceGetCurrentClocksEventReasons(self._handle)
        except self._nvml.NVMLError:
            return ()
        return reasons_in(active, {name: getattr(self._nvml, name) for name in dir(self._nvml)})

    def _told(self, ask: Callable[..., Any], *arguments: Any) -> str:
        try:
            return str(ask(*arguments))
        except self._nvml.NVMLError as error:
            return f"unknown: {error}"


def reasons_in(active: int, constants: dict[str, Any]) -> tuple[str, ...]:
    """The names of the bits that are set, those left out that say nothing of heat or power."""
    prefix = "nvmlClocksEventReason"
    names = {name.removeprefix(prefix): bit for name, bit in constants.items() if name.startswith(prefix)}
    plain = {"".join(f"_{letter.lower()}" if letter.isupper() else letter for letter in name).strip("_"): bit
             for name, bit in names.items()}  # fmt: skip
    return tuple(sorted(name for name, bit in plain.items() if name not in _HARMLESS and bit & active))
