"""Statistics of batch norms: those of the batch at hand, without a trace; or running ones, gathered anew.

Running statistics gathered under mixed paths are true for none of them, so a path is rated with the statistics of its own
batch. A teacher's, gathered at another resolution, are gathered once at the one that is used, and then stay.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager

import torch
from torch import nn
from torch.nn.modules.batchnorm import _BatchNorm


@contextmanager
def batch_statistics(module: nn.Module) -> Iterator[None]:
    """Inside, batch norms of ``module`` use each batch's own statistics and keep none; afterwards they are as before."""
    norms = [norm for norm in module.modules() if isinstance(norm, _BatchNorm)]
    before = [(norm.training, norm.track_running_stats) for norm in norms]
    try:
        for norm in norms:
            norm.training, norm.track_running_stats = True, False
        yield
    finally:
        for norm, (training, tracks) in zip(norms, before, strict=True):
            norm.training, norm.track_running_stats = training, tracks


@torch.no_grad()
def estimate_statistics(network: nn.Module, batches: Iterable[torch.Tensor], only: Iterable[nn.Module] | None = None) -> None:
    """Gathers the running statistics of all batch norms (or ``only`` some) anew, as plain means over ``batches``."""
    parts = network.modules() if only is None else only
    norms = [norm for norm in parts if isinstance(norm, _BatchNorm) and norm.track_running_stats]
    momenta = [norm.momentum for norm in norms]
    network.eval()
    if not norms:
        return
    try:
        for norm in norms:
            norm.reset_running_stats()
            norm.momentum = None  # a cumulative mean
            norm.train()
        for images in batches:
            network(images)
    finally:
        for norm, momentum in zip(norms, momenta, strict=True):
            norm.momentum = momentum
            norm.eval()
