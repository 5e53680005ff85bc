"""Where and how a computation runs. With the defaults, results on a CPU do not depend on it, so it is in no digest.

What does change results, by rounding, is named by `Compute.rounding`.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from typing import Literal

import torch
from pydantic import Field, field_validator
from torch import nn

from dna_deploy.errors import DependencyError, UsageError
from dna_deploy.records.files import Part

Precision = Literal["float32", "bfloat16"]


class Compute(Part):
    """The device, the processes and threads, the precision of training, and how often to save."""

    device: str = Field("cpu", description="cpu, cuda, or cuda:1")
    jobs: int = Field(1, ge=1, description="processes over which blocks are spread; with cuda, over all GPUs as well")
    threads: int = Field(1, ge=1, description="a process; two or more are slower than one on a busy machine")
    workers: int = Field(0, ge=0, description="threads that prepare batches ahead; 0 prepares each when it is needed")
    precision: Precision = Field("float32", description="of training; bfloat16 is autocast: fast on GPUs and dense layers")
    compile: bool = Field(False, description="torch.compile: a slow start, then faster steps on GPUs")
    checkpoint_seconds: float = Field(15.0, ge=0, description="what a kill can cost")

    @field_validator("device")
    @classmethod
    def _is_here(cls, name: str) -> str:
        try:
            kind = torch.device(name).type
        except RuntimeError as error:
            raise UsageError(f"unknown device {name!r}", "known: cpu, cuda, cuda:1, ...") from error
        if kind == "cuda" and not torch.cuda.is_available():
            raise DependencyError(f"device {name!r} is not here: torch finds no CUDA GPU", "leave --device at cpu")
        return name

    @property
    def rounding(self) -> str:
        """What rounds otherwise than plain 32-bit arithmetic does; empty for the defaults."""
        return " ".join([*([self.precision] if self.precision != "float32" else []), *(["compiled"] if self.compile else [])])

    def for_process(self, number: int) -> Compute:
        """The same for one of several processes on this machine: plain ``cuda`` becomes a GPU of its own."""
        if self.device != "cuda":
            return self
        return self.model_copy(update={"device": f"cuda:{number % torch.cuda.device_count()}"})

    def autocast(self) -> AbstractContextManager[object]:
        """Inside, matrix products and convolutions run in `precision`; losses and statistics stay in 32 bits."""
        if self.precision == "float32":
            return nullcontext()
        return torch.autocast(torch.device(self.device).type, torch.bfloat16)

    def place(self, module: nn.Module) -> nn.Module:
        """The module on the device, in the memory order in which convolutions are fast, compiled where that is wanted.

        It is changed in place, and its state has the names that it had.
        """
        module.to(self.device, memory_format=torch.channels_last)  # type: ignore[call-overload]
        if self.compile:
            module.compile()
        return module

    @contextmanager
    def limited_threads(self) -> Iterator[None]:
        """Torch runs on ``threads`` threads inside, and on as many as before afterwards."""
        before = torch.get_num_threads()
        torch.set_num_threads(self.threads)
        try:
            yield
        finally:
            torch.set_num_threads(before)
