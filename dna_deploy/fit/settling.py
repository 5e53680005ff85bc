"""Batch norms of a changed network follow the change: their statistics move by as much as it moves what they meet.

What a norm meets on a few hundred images differs from what it met in training also where nothing was changed: by the draw of
images, by augmentation, by how they were stored. Gathering statistics anew would put that into the network: of the answers of
ResNet-20 on copies of CIFAR-10 it changed a fifth, of a network that was not changed at all. So the images are run through the
original as well, and only the difference counts; a network without a change stays as it is, exactly.
"""

from __future__ import annotations

import copy
from collections.abc import Iterable, Mapping, Sequence
from functools import cached_property
from typing import TypeAlias

import torch
from torch import nn
from torch.nn.modules.batchnorm import _BatchNorm

from dna_deploy.fit.channels import hooked
from dna_deploy.fit.features import FeatureMemory, UnitFeatures
from dna_deploy.fit.replacing import UnitNetwork
from dna_deploy.nets.batch_norm import batch_statistics, estimate_statistics

Moments: TypeAlias = tuple[torch.Tensor, torch.Tensor]
"""Mean and variance of every channel."""


class Reference:
    """What batch norms of the original meet, and its units receive, where each norm normalises by its batch."""

    def __init__(
        self, original: UnitNetwork, batches: Sequence[torch.Tensor], seen: Sequence[torch.Tensor] | None = None
    ) -> None:
        """Of a copy.

        Args:
            original: The network.
            batches: Images ``(images, channels, height, width)`` that it sees.
            seen: The same images as changed networks see them, where they see them smaller.
        """
        self.original, self.batches = original.on(copy.deepcopy(original.network)), batches
        self.seen = batches if seen is None else seen
        self._memory = FeatureMemory()

    @cached_property
    def moments(self) -> dict[str, Moments]:
        """Of what each norm meets, by name."""
        network = self.original.network
        names = [name for name, part in network.named_modules() if _has_moments(part)]
        return dict(zip(names, met(network, _norms_of(network, names), self.batches), strict=True))

    @torch.no_grad()
    def received(self, paths: Iterable[str]) -> dict[str, list[torch.Tensor]]:
        """By units, batch by batch."""
        remembered = {path: self._memory.read(path) for path in paths}
        received = {path: features for path, features in remembered.items() if features is not None}
        missing = tuple(path for path in remembered if path not in received)
        if missing:
            features = UnitFeatures(self.original, missing)
            with batch_statistics(self.original.network):
                runs = [features(images) for images in self.batches]
            received |= {path: [run[path][0] for run in runs] for path in missing}
        for path in missing:
            self._memory.add(path, received[path])
        return received


@torch.no_grad()
def settled(original: UnitNetwork, modules: Mapping[str, nn.Module], reference: Reference | None) -> nn.Module:
    """The original with copies of modules in the places of units, as it is deployed.

    Args:
        original: In inference mode; stays as it is.
        modules: By path; their statistics are those for what the unit receives in the original.
        reference: The original on the images that tell how norms follow; none: statistics stay.
    """
    copies = {path: copy.deepcopy(module) for path, module in modules.items()}
    network = original.replaced(copies).eval()
    if reference is None:
        return network
    inside = {part for path in modules for unit in original.parts(path) for part in unit.modules()}
    names = [name for name, part in original.network.named_modules() if _has_moments(part) and part not in inside]
    norms = [*_norms_of(network, names), *(norm for module in copies.values() for norm in norms_in(module))]
    if not norms:
        return network
    before = [reference.moments[name] for name in names]
    changed = {path: module for path, module in copies.items() if norms_in(module)}
    received = reference.received(changed)
    for path, module in changed.items():
        before += met(module, norms_in(module), received[path])
    _move(norms, _moments(norms), met(network, norms, reference.seen), before)
    return network


class Tail(nn.Module):
    """A network from the output of a unit on: what is before it runs on one blank image, and changes nothing.

    Args:
        network: Of which the answers follow from that output alone; its batch norms are changed.
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
        self._own = _moments(self.norms)

    def forward(self, output: torch.Tensor) -> torch.Tensor:
        """Answers, the output of the unit given."""
        with hooked({self._last[0]: lambda _module, _inputs, _output: output}):
            answers: torch.Tensor = self.network(self._blank)
        return answers

    def met_behind(self, module: nn.Module, inputs: Sequence[torch.Tensor]) -> list[Moments]:
        """What its batch norms meet with a module in the place of the unit.

        Args:
            module: Whatever stands there.
            inputs: What it receives while the statistics of the whole network are gathered, batch by batch.
        """
        norms = norms_in(module)
        return met(nn.Sequential(module, self), [*norms, *self.norms], inputs)[len(norms) :]

    def reset(self) -> None:
        """Gives batch norms the statistics of the original."""
        _write(self.norms, self._own)

    def settle(self, met_now: Sequence[Moments], met_by_original: Sequence[Moments]) -> None:
        """Moves the statistics of what is behind the unit."""
        _move(self.norms, self._own, met_now, met_by_original)


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


def norms_in(module: nn.Module) -> list[_BatchNorm]:
    """Batch norms with statistics, in the order in which modules stand."""
    return [part for part in module.modules() if isinstance(part, _BatchNorm) and _has_moments(part)]


@torch.no_grad()
def met(network: nn.Module, norms: Sequence[_BatchNorm], batches: Iterable[torch.Tensor]) -> list[Moments]:
    """What batch norms meet where each normalises by its batch; afterwards they are as before."""
    before, counts = _moments(norms), [copy.deepcopy(norm.num_batches_tracked) for norm in norms]
    estimate_statistics(network, (images.clone() for images in batches), norms)
    moments = _moments(norms)
    _write(norms, before)
    for norm, count in zip(norms, counts, strict=True):
        norm.num_batches_tracked = count
    return moments


def _move(norms: Sequence[_BatchNorm], own: Sequence[Moments], changed: Sequence[Moments], original: Sequence[Moments]) -> None:
    """Sets statistics to ``own``, and what the change does to what is met."""
    moved = [
        (mean + now[0] - before[0], variance * (now[1] + norm.eps) / (before[1] + norm.eps))
        for norm, (mean, variance), now, before in zip(norms, own, changed, original, strict=True)
    ]
    _write(norms, moved)


def _moments(norms: Sequence[_BatchNorm]) -> list[Moments]:
    moments = []
    for norm in norms:
        assert norm.running_mean is not None and norm.running_var is not None
        moments.append((norm.running_mean.clone(), norm.running_var.clone()))
    return moments


def _write(norms: Sequence[_BatchNorm], moments: Sequence[Moments]) -> None:
    for norm, (mean, variance) in zip(norms, moments, strict=True):
        assert norm.running_mean is not None and norm.running_var is not None
        norm.running_mean.copy_(mean)
        norm.running_var.copy_(variance)


def _has_moments(module: nn.Module) -> bool:
    return isinstance(module, _BatchNorm) and module.track_running_stats and module.running_mean is not None


def _norms_of(network: nn.Module, names: Sequence[str]) -> list[_BatchNorm]:
    norms = [network.get_submodule(name) for name in names]
    return [norm for norm in norms if isinstance(norm, _BatchNorm)]


@torch.no_grad()
def _order(network: nn.Module, last: nn.Module, image: torch.Tensor) -> list[nn.Module]:
    """Batch norms and the last module of a unit, as they run."""
    order: list[nn.Module] = []
    norms = [norm for norm in norms_in(network) if norm is not last]
    with (
        hooked(dict.fromkeys(norms, lambda module, _inputs: order.append(module)), before=True),
        hooked({last: lambda module, _inputs, _output: order.append(module)}),
    ):
        network(image)
    return order
