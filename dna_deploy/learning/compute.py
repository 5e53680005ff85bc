"""Where and how a computation runs. With the defaults, results on a CPU do not depend on it, so it is in no digest.

What does change results, by rounding, is named by `Compute.rounding`. Torch is imported when something runs.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from typing import TYPE_CHECKING, Annotated, Literal, ParamSpec, TypeVar

from pydantic import BeforeValidator, Field, field_validator, model_validator

from dna_deploy.errors import DependencyError, UsageError
from dna_deploy.executors.executor import Demand, Executor, find_executor
from dna_deploy.learning.allocator import keep_freed_memory
from dna_deploy.records.files import Part
from dna_deploy.units import Bytes

if TYPE_CHECKING:
    from torch.amp import GradScaler

P = ParamSpec("P")
T = TypeVar("T")
TrainingPrecision = Literal["float32", "bfloat16", "float16"]


def _read_bytes(size: object) -> object:
    return Bytes.parse(size).count if isinstance(size, str) else size


class Compute(Part):
    """The device, the processes and threads, the precision of training, and how often to save."""

    device: str = Field("cpu", description="where: cpu, cuda, or cuda:1; with cuda every process has a GPU of its own")
    on: str = Field(
        "processes",
        description="where tasks run that need not wait for each other: here, processes, ray:local, ray://HOST:PORT",
    )
    jobs: int = Field(1, ge=1, description="processes for such tasks; with cuda, over all GPUs; a cluster has its own number")
    threads: int = Field(1, ge=1, description="a process; two or more are slower than one on a busy machine")
    workers: int = Field(0, ge=0, description="threads that prepare batches ahead; 0 prepares each when it is needed")
    precision: TrainingPrecision = Field(
        "float32", description="of training; bfloat16 is autocast: fast on GPUs and dense layers"
    )
    compile: bool = Field(False, description="compile the teacher: a slow start, then faster steps on GPUs")
    feature_cache_bytes: Annotated[int, BeforeValidator(_read_bytes)] = Field(
        0, ge=0, description="room on disk for features of the teacher, such as 4GiB; it rounds them to 16 bits; 0: none"
    )
    checkpoint_seconds: float = Field(15.0, ge=0, description="what a kill can cost")

    @field_validator("device")
    @classmethod
    def _is_here(cls, name: str) -> str:
        if name == "cpu":  # a plan needs no torch
            return name
        import torch

        try:
            kind = torch.device(name).type
        except RuntimeError as error:
            raise UsageError(f"unknown device {name!r}", "known: cpu, cuda, cuda:1, ...") from error
        if kind == "cuda" and not torch.cuda.is_available():
            raise DependencyError(f"device {name!r} is not here: torch finds no CUDA GPU", "leave --device at cpu")
        return name

    @model_validator(mode="after")
    def _is_a_place(self) -> Compute:
        find_executor(self.on, self._demand)
        return self

    @property
    def rounding(self) -> str:
        """What rounds otherwise than plain 32-bit arithmetic does; empty for the defaults."""
        said = {
            self.precision: self.precision != "float32",
            "compiled": self.compile,
            "float16-features": self.feature_cache_bytes > 0,
        }
        return " ".join(name for name, is_so in said.items() if is_so)

    @property
    def is_spread(self) -> bool:
        """Whether tasks run anywhere else than in this process."""
        return self.on not in ("here", "processes") or (self.on == "processes" and self.jobs > 1)

    @property
    def executor(self) -> Executor:
        """Where tasks run that know nothing of each other."""
        return find_executor(self.on, self._demand)

    @property
    def _demand(self) -> Demand:
        return Demand(self.jobs, self.threads, int(self.device != "cpu"))

    def check_answers(self) -> None:
        """Raises `UsageError` where nobody answers at the place where tasks are to run, before anything is computed."""
        assert self.executor.slots

    def for_worker(self, number: int) -> Compute:
        """The same for one of several workers on a machine: ``cuda`` becomes a GPU of its own; nothing is spread again."""
        alone: dict[str, object] = {"on": "here", "jobs": 1}
        if self.device == "cuda":
            import torch

            alone["device"] = f"cuda:{number % torch.cuda.device_count()}"
        return self.model_copy(update=alone)

    def autocast(self) -> AbstractContextManager[object]:
        """Inside, matrix products and convolutions run in `precision`; losses and statistics stay in 32 bits."""
        if self.precision == "float32":
            return nullcontext()
        import torch

        return torch.autocast(torch.device(self.device).type, getattr(torch, self.precision))

    def gradient_scaler(self) -> GradScaler:
        """Keeps small gradients from vanishing in float16; for other precisions it does nothing."""
        import torch

        return torch.amp.GradScaler(torch.device(self.device).type, enabled=self.precision == "float16")

    def compiled(self, function: Callable[P, T]) -> Callable[P, T]:
        """The function, compiled where that is wanted. It must not depend on hooks, which a compiled one may miss."""
        if not self.compile:
            return function
        import torch

        return torch.compile(function)

    @contextmanager
    def limited_threads(self) -> Iterator[None]:
        """Torch runs on ``threads`` threads inside, and on as many as before afterwards; freed memory is kept."""
        import torch

        keep_freed_memory()
        before = torch.get_num_threads()
        torch.set_num_threads(self.threads)
        try:
            yield
        finally:
            torch.set_num_threads(before)
