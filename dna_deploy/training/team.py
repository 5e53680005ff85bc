"""The processes of one training: one on its own, or as many as torchrun started, each with its share of every batch."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import torch
from torch import distributed, nn
from torch.nn.parallel import DistributedDataParallel


@dataclass(frozen=True)
class Team:
    """This process among its like. The first one alone writes files and tells of progress."""

    rank: int = 0
    size: int = 1
    device: str = "cpu"

    @property
    def is_first(self) -> bool:
        return self.rank == 0

    def joined(self, network: nn.Module) -> nn.Module:
        """The network with gradients that are means over all processes."""
        if self.size == 1:
            return network
        return DistributedDataParallel(network, device_ids=[self.device] if self.device.startswith("cuda") else None)

    def mean(self, value: float) -> float:
        """The mean of every process's value."""
        return value if self.size == 1 else self.total(value) / self.size

    def total(self, value: float) -> float:
        """The sum of every process's value."""
        if self.size == 1:
            return value
        shared = torch.tensor(value, dtype=torch.float64, device=self.device)
        distributed.all_reduce(shared)
        return float(shared)

    def share_statistics(self, network: nn.Module) -> None:
        """Gives every process the batch norms' running statistics of the first."""
        if self.size > 1:
            from timm.utils.distributed import distribute_bn

            distribute_bn(network, self.size)  # type: ignore[no-untyped-call]

    def wait(self) -> None:
        """Until every process is here."""
        if self.size > 1:
            distributed.barrier()


def is_first_process() -> bool:
    """Whether this is the process that speaks, before a `Team` is there."""
    return not distributed.is_torchelastic_launched() or os.environ["RANK"] == "0"


@contextmanager
def team(device: str) -> Iterator[Team]:
    """This process and those that torchrun started beside it; alone without torchrun. Each takes a GPU of its own."""
    if not distributed.is_torchelastic_launched():
        yield Team(device=device)
        return
    on_gpu = torch.device(device).type == "cuda"
    if on_gpu:
        device = f"cuda:{os.environ['LOCAL_RANK']}"
        torch.cuda.set_device(device)
    distributed.init_process_group("nccl" if on_gpu else "gloo")
    try:
        yield Team(distributed.get_rank(), distributed.get_world_size(), device)
    finally:
        distributed.destroy_process_group()
