"""How far answers go from the original's when parts of it are replaced, on images that nothing was fitted to.

One unit is replaced in the whole original, and answers are compared: the divergence of beliefs (KL) for an image. Beside it
the local error: how far the unit's own output is off, relative to the spread of each channel. Both are means over images,
with standard errors. Batch norms follow the change where that helps, as in what is deployed.
"""

from __future__ import annotations

import copy
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property

import torch
import torch.nn.functional as F
from torch import nn

from dna_deploy.fit.at_size import resized
from dna_deploy.fit.candidates import Candidate
from dna_deploy.fit.features import FeatureMemory
from dna_deploy.fit.replacing import UnitNetwork
from dna_deploy.fit.settling import Reference, Tail, settled
from dna_deploy.nets.batch_norm import batch_statistics


@dataclass(frozen=True)
class Mean:
    """A mean over images, and its standard error."""

    value: float
    standard_error: float

    @classmethod
    def of(cls, values: torch.Tensor) -> Mean:
        """Of a number an image, ``(images,)``."""
        error = float(values.double().std()) / len(values) ** 0.5 if len(values) > 1 else 0.0
        return cls(float(values.double().mean()), error)


@dataclass(frozen=True)
class Rated:
    """What replacing one unit by a candidate does to the answers, and to the unit's output."""

    code: str
    divergence: Mean
    error: Mean


class _ReachedError(Exception):
    """The network ran as far as was wanted."""


class Judge:
    """The original network on some images: what its units receive, what it answers, and what others answer beside it."""

    def __init__(self, network: UnitNetwork, batches: Sequence[torch.Tensor], gathering: Sequence[torch.Tensor] = ()) -> None:
        """Of ``batches`` ``(images, channels, height, width)`` as the network takes them.

        Args:
            network: The original.
            batches: To judge by.
            gathering: Others, to see on what a change does to batch norms; none: these stay as they are.
        """
        self.network, self.batches, self.gathering = network, batches, gathering
        self._memory = FeatureMemory()

    @cached_property
    def fitter(self) -> Judge:
        """Of the same network on the images to gather on, which are fitted to as well."""
        return Judge(self.network, self.gathering)

    @cached_property
    def reference(self) -> Reference | None:
        """What batch norms follow, if they do."""
        return Reference(self.network, self.gathering) if self.gathering else None

    def at(self, size: tuple[int, int]) -> Judge:
        """By the same answers, of networks that see the same images at a smaller height and width."""
        batches, gathering = ([resized(images, size) for images in every] for every in (self.batches, self.gathering))
        smaller = Judge(self.network, batches, gathering)
        smaller.answers = self.answers
        smaller.reference = Reference(self.network, self.gathering, gathering) if gathering else None
        return smaller

    @cached_property
    def answers(self) -> list[torch.Tensor]:
        """Of the original, batch by batch."""
        return self.answers_of(self.network.network)

    @torch.no_grad()
    def answers_of(self, network: nn.Module) -> list[torch.Tensor]:
        """Of any network that takes the same images."""
        network.eval()
        return [network(images.clone()) for images in self.batches]

    @torch.no_grad()
    def inputs(
        self, path: str, batches: Sequence[torch.Tensor] | None = None, run: nn.Module | None = None
    ) -> list[torch.Tensor]:
        """What a unit receives, batch by batch; the network runs no further than there.

        Args:
            path: Of the unit.
            batches: Other images than the judge's.
            run: The network from somewhere on, which takes what stands there instead of images.
        """
        reached: list[torch.Tensor] = []
        call, run = self.network.call(path), run or self.network.network

        def keep(_module: nn.Module, args: tuple[object, ...], kwargs: dict[str, object]) -> None:
            reached.append(call.tensor_of(args, kwargs).clone())
            raise _ReachedError

        handle = self.network.parts(path)[0].register_forward_pre_hook(keep, with_kwargs=True)
        try:
            for images in self.batches if batches is None else batches:
                try:
                    run(images.clone())
                except _ReachedError:
                    continue
        finally:
            handle.remove()
        return reached

    def remembered_inputs(self, path: str) -> list[torch.Tensor]:
        """The same of the judge's own images, and the same tensors again and again, as long as there is room."""
        inputs = self._memory.read(path)
        if inputs is None:
            inputs = self.inputs(path)
            self._memory.add(path, inputs)
        return inputs

    @torch.no_grad()
    def rate(self, path: str, candidates: Sequence[Candidate]) -> Iterator[Rated]:
        """Each candidate in the place of a unit of the original, with batch norms as they were or moved, whatever is nearer."""
        inputs, original = self.inputs(path), self.network.module(path)
        expected = [original(x.clone()) for x in inputs]
        spread, tail = spread_of(expected), self._tail(path, expected)
        gathering, moments = [], []
        if tail and tail.norms and self.gathering:
            with batch_statistics(self.network.network):
                gathering = self.inputs(path, self.gathering)
            moments = tail.met_behind(original, gathering)
        for candidate in candidates:
            outputs = [candidate.module(x.clone()) for x in inputs]
            if tail:
                tail.reset()
                answers = [[tail(output) for output in outputs]]
                if gathering:
                    tail.settle(tail.met_behind(candidate.module, gathering), moments)
                    answers.append([tail(output) for output in outputs])
            else:
                ways = (self.reference, None) if self.reference else (None,)
                answers = [self.answers_of(settled(self.network, {path: candidate.module}, way)) for way in ways]
            errors = [relative_error(output, target, spread) for output, target in zip(outputs, expected, strict=True)]
            nearest = min(map(self.divergence, answers), key=lambda mean: mean.value)
            yield Rated(candidate.code, nearest, Mean.of(torch.cat(errors)))

    def divergence(self, answers: Sequence[torch.Tensor]) -> Mean:
        """Of answers from the original's."""
        pairs = zip(self.answers, answers, strict=True)
        return Mean.of(torch.cat([divergence(own, other) for own, other in pairs]))

    def agreement(self, answers: Sequence[torch.Tensor]) -> torch.Tensor:
        """For every image whether the class is the original's, ``(images,)``."""
        pairs = zip(self.answers, answers, strict=True)
        return torch.cat([own.argmax(1) == other.argmax(1) for own, other in pairs])

    def _tail(self, path: str, outputs: Sequence[torch.Tensor]) -> Tail | None:
        """The network behind a unit, if answers follow from its output alone, so that what is before it need not run."""
        network = copy.deepcopy(self.network.network) if self.gathering else self.network.network
        try:
            tail = Tail(network, self.network.on(network).parts(path)[-1], self.batches[0][:1])
            answers = tail(outputs[0].clone())
        except RuntimeError:
            return None
        is_same = torch.allclose(answers, self.answers[0], rtol=1e-4, atol=1e-5)
        return tail if is_same and not tail.is_shared else None


def divergence(answers: torch.Tensor, others: torch.Tensor) -> torch.Tensor:
    """Of beliefs, ``(images,)``: KL of scores ``(images, classes)``; of other outputs the error relative to their spread."""
    if answers.ndim == 2:
        own, other = F.log_softmax(answers, 1), F.log_softmax(others, 1)
        return F.kl_div(other, own, reduction="none", log_target=True).sum(1).clamp_min(0)
    return (others - answers).square().flatten(1).mean(1) / answers.var().clamp_min(1e-12)


def spread_of(outputs: Sequence[torch.Tensor]) -> torch.Tensor:
    """The variance of each channel, shaped to divide by."""
    joined = torch.cat(list(outputs))
    dims = (0, 2, 3) if joined.ndim == 4 else tuple(range(joined.ndim - 1))
    return joined.var(dims, keepdim=True).clamp_min(1e-12)


def relative_error(output: torch.Tensor, target: torch.Tensor, spread: torch.Tensor) -> torch.Tensor:
    """Squared, an image, ``(images,)``."""
    return ((output - target).square() / spread).flatten(1).mean(1)
