"""Processes that ``torchrun`` started: which of them this is, what they share, and how they wait for each other.

Each runs the same command. Those that rate share files alone; those that train one network share its gradients.
"""

from __future__ import annotations

import atexit
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import torch
from torch import distributed, nn
from torch.nn.parallel import DistributedDataParallel

_PATIENCE = timedelta(days=14)
"""Parts of a long training may end days apart; a process that fails is noticed by torchrun, which ends the others."""


@dataclass(frozen=True)
class Processes:
    """This process among those that torchrun started; the only one where it did not."""

    rank: int = 0
    count: int = 1
    local_rank: int = 0
    device: str = "cpu"

    @classmethod
    def here(cls, device: str = "cpu") -> Processes:
        """As torchrun says in the environment. Plain ``cuda`` becomes a GPU of its own."""
        if not distributed.is_torchelastic_launched():  # others set RANK and WORLD_SIZE for purposes of their own
            return cls(device=device)
        rank, count, local_rank = (int(os.environ[name]) for name in ("RANK", "WORLD_SIZE", "LOCAL_RANK"))
        return cls(rank, count, local_rank, f"cuda:{local_rank}" if torch.device(device).type == "cuda" else device)

    @property
    def is_first(self) -> bool:
        """Whether this is the one that prints and writes what all have in common."""
        return self.rank == 0

    def wait(self) -> None:
        """Returns once every process is here."""
        if self.count > 1:
            self._meet()
            distributed.barrier()

    @contextmanager
    def first_goes_first(self) -> Iterator[None]:
        """What is inside runs in the first process, and then in the others, which find its files."""
        if not self.is_first:
            self.wait()
        yield
        if self.is_first:
            self.wait()

    def joined(self, network: nn.Module) -> nn.Module:
        """The network with gradients that are means over all processes."""
        if self.count == 1:
            return network
        self._meet()
        return DistributedDataParallel(network, device_ids=[self.device] if self._on_gpu else None)

    def mean(self, value: float) -> float:
        """The mean of every process's value."""
        return self.total(value) / self.count

    def total(self, value: float) -> float:
        """The sum of every process's value."""
        if self.count == 1:
            return value
        shared = torch.tensor(value, dtype=torch.float64, device=self.device)
        distributed.all_reduce(shared)
        return float(shared)

    def gathered(self, values: torch.Tensor) -> torch.Tensor:
        """Every process's values in a row, on the CPU."""
        if self.count == 1:
            return values
        parts: list[Any] = [None] * self.count
        distributed.all_gather_object(parts, values.cpu())
        return torch.cat(parts)

    def share_statistics(self, network: nn.Module) -> None:
        """Gives every process the batch norms' running statistics of the first."""
        if self.count > 1:
            from timm.utils.distributed import distribute_bn

            distribute_bn(network, self.count)  # type: ignore[no-untyped-call]

    @property
    def _on_gpu(self) -> bool:
        return torch.device(self.device).type == "cuda"

    def _meet(self) -> None:
        if distributed.is_initialized():
            return
        if self._on_gpu:
            torch.cuda.set_device(self.device)
        distributed.init_process_group("nccl" if self._on_gpu else "gloo", timeout=_PATIENCE)
        atexit.register(distributed.destroy_process_group)
