"""Where and how a computation runs. Results do not depend on it on a CPU, so it is in no digest."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from pydantic import Field, field_validator

from dna_deploy.errors import DependencyError, UsageError
from dna_deploy.records.files import Part


class Compute(Part):
    """The device, the processes and threads, and how often to save."""

    device: str = Field("cpu", description="cpu, cuda, or cuda:1")
    jobs: int = Field(1, ge=1, description="processes over which blocks are spread")
    threads: int = Field(1, ge=1, description="a process; two or more are slower than one on a busy machine")
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

    @contextmanager
    def limited_threads(self) -> Iterator[None]:
        """Torch runs on ``threads`` threads inside, and on as many as before afterwards."""
        before = torch.get_num_threads()
        torch.set_num_threads(self.threads)
        try:
            yield
        finally:
            torch.set_num_threads(before)
