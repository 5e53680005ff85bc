"""TensorRT and TensorRT-RTX: one Python interface under two names. Engines are built here, timed with CUDA events.

Builds differ from each other, so several are made with one timing cache and the middle one is taken.
"""

from __future__ import annotations

import re
from importlib import import_module
from pathlib import Path
from types import MappingProxyType
from typing import Any

import numpy as np

from dna_deploy.errors import DependencyError, UsageError
from dna_deploy.latency.runners.cuda import Cuda, Nvml
from dna_deploy.latency.runners.inputs import GivenInputs, check_is_fed, input_values
from dna_deploy.plugins import suggest
from dna_deploy.targets.target import Target

OPTIONS = {"builds": "3", "cuda_graph": "on", "optimization_level": "3"}
"""What a target's ``provider_options`` can say, and what is taken otherwise."""

_CHOICES = {"cuda_graph": ("on", "off")}
_TRIAL_RUNS = 20


class EngineError(Exception):
    """TensorRT cannot build or run a model: that one is absent, and the others go on."""


class TensorRtSession:
    """An engine with buffers on the device, launched as it is or as a CUDA graph."""

    def __init__(
        self,
        trt: Any,
        engine: bytes,
        cuda: Cuda,
        *,
        cuda_graph: bool,
        batch: int = 1,
        inputs: GivenInputs = MappingProxyType({}),
    ) -> None:
        self._cuda = cuda
        self.shapes: dict[str, tuple[int, ...]] = {}
        self._runtime = trt.Runtime(trt.Logger(trt.Logger.ERROR))
        self._engine = self._runtime.deserialize_cuda_engine(engine)
        if self._engine is None:
            raise EngineError("the engine cannot be loaded on this GPU: it was built for another one, or another version")
        self._context = self._engine.create_execution_context()
        rng = np.random.default_rng(0)
        for index in range(self._engine.num_io_tensors):
            name = self._engine.get_tensor_name(index)
            shape, dtype = tuple(self._engine.get_tensor_shape(name)), trt.nptype(self._engine.get_tensor_dtype(name))
            is_input = self._engine.get_tensor_mode(name) == trt.TensorIOMode.INPUT
            sizes = [None if size < 0 else size for size in shape]
            values = input_values(name, sizes, dtype, batch, inputs, rng) if is_input else np.zeros(shape, dtype)
            if is_input:
                self.shapes[name] = values.shape
            self._context.set_tensor_address(name, cuda.allocate(values.tobytes()))
        check_is_fed(self.shapes)
        self._enqueue()
        cuda.wait()
        self._launch = cuda.captured(self._enqueue) if cuda_graph else self._enqueue

    @property
    def memory_bytes(self) -> int:
        """Scratch memory that the engine needs on the device."""
        return int(self._engine.device_memory_size_v2)

    def run(self) -> None:
        self._launch()
        self._cuda.wait()

    def time_runs(self, runs: int) -> list[int]:
        return self._cuda.time_runs(self._launch, runs)

    def _enqueue(self) -> None:
        if not self._context.execute_async_v3(int(self._cuda.stream)):
            raise EngineError("TensorRT could not enqueue the model")


class TensorRtRunner:
    """Engines for one GPU; the provider of a target is ``cuda:0`` and so on."""

    def __init__(self, target: Target) -> None:
        self._target, self._options = target, OPTIONS | target.provider_options
        check_options(target)
        self._trt = load_tensorrt(target.runtime)
        self._cuda = Cuda(int(target.provider.removeprefix("cuda:")))
        self._nvml = Nvml(self._cuda.bus_id)
        self._builder = EngineBuilder(self._trt, int(self._options["optimization_level"]))

    @staticmethod
    def providers() -> tuple[str, ...]:
        return tuple(f"cuda:{device}" for device in range(Cuda.count()))

    @property
    def version(self) -> str:
        return f"{self._target.runtime} {self._trt.__version__}"

    @property
    def libraries(self) -> dict[str, str]:
        return self._options | self._nvml.facts()

    def load(self, path: Path, inputs: GivenInputs = MappingProxyType({})) -> TensorRtSession:
        graph = self._options["cuda_graph"] == "on"
        sessions = []
        for _ in range(max(1, int(self._options["builds"]))):
            engine = self._builder.build(path)
            session = TensorRtSession(self._trt, engine, self._cuda, cuda_graph=graph, batch=self._target.batch, inputs=inputs)
            session.time_runs(_TRIAL_RUNS)
            sessions.append((float(np.median(session.time_runs(_TRIAL_RUNS))), session))
        sessions.sort(key=lambda timed: timed[0])
        return sessions[len(sessions) // 2][1]

    def throttle_reasons(self) -> tuple[str, ...]:
        return self._nvml.throttle_reasons()


def check_options(target: Target) -> None:
    """Raises `UsageError` for what a target asks for and TensorRT cannot do anywhere."""
    if not re.fullmatch(r"cuda:\d{1,3}", target.provider):
        raise UsageError(f"{target.runtime} has no provider {target.provider!r}", "write provider = 'cuda:0'")
    if target.precision == "int8":
        # Developer Guide, "Working with Quantized Types": zero points must be 0, and those of exported networks are not.
        raise UsageError(f"{target.runtime} cannot use the int8 networks of this tool", "use fp16, or the runtime onnxruntime")
    for name, value in target.provider_options.items():
        if name not in OPTIONS:
            raise UsageError(f"{target.runtime} has no option {name!r}", suggest(name, tuple(OPTIONS)))
        if name in _CHOICES and value not in _CHOICES[name]:
            raise UsageError(f"{target.runtime}: {name} is {value!r}", f"write {' or '.join(_CHOICES[name])}")
        if name not in _CHOICES and not re.fullmatch(r"\d{1,3}", value):
            raise UsageError(f"{target.runtime}: {name} is {value!r}, not a whole number", f"write it like {OPTIONS[name]}")


def load_tensorrt(package: str) -> Any:
    """The package ``tensorrt`` or ``tensorrt_rtx``."""
    try:
        return import_module(package)
    except (ImportError, OSError) as error:
        extra = package.replace("_", "-")
        raise DependencyError(f"{package} cannot be loaded: {error}", f"pip install 'dna-deploy[{extra}]'") from error


class EngineBuilder:
    """Builds engines from ONNX files, all with one timing cache, in the precision that the file says."""

    def __init__(self, trt: Any, optimization_level: int = 3, compute_capabilities: tuple[str, ...] = ()) -> None:
        self._trt, self._level, self._capabilities = trt, optimization_level, compute_capabilities
        self._logger = trt.Logger(trt.Logger.ERROR)
        try:
            self._builder = trt.Builder(self._logger)
        except (RuntimeError, TypeError) as error:
            raise DependencyError(f"{trt.__name__} finds no GPU to build for", "is NVIDIA's driver installed?") from error
        # TensorRT-RTX chooses its kernels when an engine is loaded, and has nothing to remember from building.
        self._times_tactics, self._cache = trt.__name__ == "tensorrt", b""

    def build(self, path: Path) -> bytes:
        """The engine of an ONNX file; weights outside the file are read from beside it.

        Raises:
            EngineError: TensorRT cannot use the file; its own words say why.
        """
        trt = self._trt
        network = self._builder.create_network(1 << int(trt.NetworkDefinitionCreationFlag.STRONGLY_TYPED))
        parser = trt.OnnxParser(network, self._logger)
        if not parser.parse_from_file(str(path)):
            raise EngineError(f"{trt.__name__} cannot use {path.name}: {parser.get_error(0).desc()}")
        config = self._builder.create_builder_config()
        config.builder_optimization_level = self._level
        if self._capabilities:
            config.num_compute_capabilities = len(self._capabilities)
            for index, name in enumerate(self._capabilities):
                config.set_compute_capability(getattr(trt.ComputeCapability, name), index)
        if self._times_tactics:
            config.set_timing_cache(config.create_timing_cache(self._cache), ignore_mismatch=False)
        engine = self._builder.build_serialized_network(network, config)
        if engine is None:
            raise EngineError(f"{trt.__name__} cannot build an engine of {path.name}")
        if self._times_tactics:
            self._cache = bytes(config.get_timing_cache().serialize())
        return bytes(engine)
