"""ONNX's reference implementation, in NumPy, as a runtime: slow, but it shows all that a runner needs."""

import time
from pathlib import Path

import numpy as np
import onnx
from onnx.reference import ReferenceEvaluator

from dna_deploy.api import Target
from dna_deploy.errors import UsageError
from dna_deploy.latency.runners import time_on_host


class ReferenceSession:
    """A loaded model with a fixed input."""

    def __init__(self, path: Path) -> None:
        self._model = ReferenceEvaluator(str(path))
        inputs = self._model.proto_.graph.input
        shapes = {value.name: [size.dim_value for size in value.type.tensor_type.shape.dim] for value in inputs}
        self._inputs = {name: np.ones(shape, np.float32) for name, shape in shapes.items()}

    def run(self) -> None:
        self._model.run(None, self._inputs)

    def time_runs(self, runs: int) -> list[int]:
        return time_on_host(self.run, runs, time.perf_counter_ns)


class ReferenceRunner:
    """Sessions of the one provider that there is, ``numpy``."""

    def __init__(self, target: Target) -> None:
        if target.provider not in self.providers():
            raise UsageError(f"the reference implementation has no provider {target.provider!r}", "use numpy")
        self.version = f"onnx {onnx.__version__}"
        self.libraries = {"numpy": np.__version__}

    @staticmethod
    def providers() -> tuple[str, ...]:
        return ("numpy",)

    def load(self, path: Path) -> ReferenceSession:
        return ReferenceSession(path)

    def throttle_reasons(self) -> tuple[str, ...]:
        return ()
