"""Batch norms of a changed network are gathered anew, as those of what is deployed: all of them, or those from a unit on."""

from __future__ import annotations

import copy
from collections.abc import Sequence

import torch
from torch import nn
from torch.nn.modules.batchnorm import _BatchNorm

from dna_deploy.fit.channels import hooked
from dna_deploy.nets.batch_norm import estimate_statistics


def settled(network: nn.Module, batches: Sequence[torch.Tensor]) -> nn.Module:
    """A copy whose batch norms have the statistics that they meet in it, on ``batches``; where there are none, as it was."""
    copied = copy.deepcopy(network)
    if batches:
        estimate_statistics(copied, (images.clone() for images in batches))
    return copied.eval()


@torch.no_grad()
def absorb(unit: nn.Module, norms: Sequence[_BatchNorm], inputs: Sequence[torch.Tensor]) -> None:
    """Gathers statistics anew, in place, with scales and shifts that make up for it: the unit computes what it did.

    Args:
        unit: In inference mode.
        norms: Of it, in the order in which they run; those without scales stay.
        inputs: What it receives, batch by batch.
    """
    for norm in norms:
        if norm.weight is None or norm.running_mean is None or norm.running_var is None:
            continue
        mean, deviation = norm.running_mean.clone(), (norm.running_var + norm.eps).sqrt()
        estimate_statistics(unit, (x.clone() for x in inputs), [norm])
        norm.bias.add_(norm.weight * (norm.running_mean - mean) / deviation)
        norm.weight.mul_((norm.running_var + norm.eps).sqrt() / deviation)


class Tail(nn.Module):
    """A network from the output of a unit on: what is before it runs on one blank image, and changes nothing.

    Args:
        network: Of which the answers follow from that output alone.
        last: The last module of the unit in it.
        image: One that it takes, ``(1, channels, height, width)``.
    """

    def __init__(self, network: nn.Module, last: nn.Module, image: torch.Tensor) -> None:
        super().__init__()
        self.network, self._last, self._blank = network, [last], torch.zeros_like(image)
        order = _order(network, last, self._blank)
        at = order.index(last) if last in order else len(order)
        self.norms = [norm for norm in dict.fromkeys(order[at + 1 :]) if isinstance(norm, _BatchNorm)]
        """Batch norms that run behind the unit."""
        self.is_shared = any(norm in order[:at] for norm in self.norms)
        """Whether one of them runs before it as well."""

    def forward(self, output: torch.Tensor) -> torch.Tensor:
        """Answers, the output of the unit given."""
        with hooked({self._last[0]: lambda _module, _inputs, _output: output}):
            answers: torch.Tensor = self.network(self._blank)
        return answers

    def settle(self, module: nn.Module, inputs: Sequence[torch.Tensor]) -> None:
        """Gathers the statistics of a module in the place of the unit, and of what is behind it, in place.

        Args:
            module: Whatever stands there.
            inputs: What it receives while the statistics of the whole network are gathered, batch by batch.
        """
        norms = [norm for norm in module.modules() if isinstance(norm, _BatchNorm)]
        if norms or self.norms:
            estimate_statistics(nn.Sequential(module, self), (x.clone() for x in inputs), [*norms, *self.norms])


@torch.no_grad()
def _order(network: nn.Module, last: nn.Module, image: torch.Tensor) -> list[nn.Module]:
    """Batch norms and the last module of a unit, as they run."""
    order: list[nn.Module] = []
    norms = [norm for norm in network.modules() if isinstance(norm, _BatchNorm) and norm is not last]
    with (
        hooked(dict.fromkeys(norms, lambda module, _inputs: order.append(module)), before=True),
        hooked({last: lambda module, _inputs, _output: order.append(module)}),
    ):
        network(image)
    return order
