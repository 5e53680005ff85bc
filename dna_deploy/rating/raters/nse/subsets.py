"""Networks of several branches a layer, in a supernet of the operations that are live: drawn, run, and their gates learnt."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TypeAlias, cast

import torch
import torch.nn.functional as F
from torch import nn

from dna_deploy.data.randomness import derived_seed
from dna_deploy.learning.phase import StepView
from dna_deploy.nets.layers.branches import Mean
from dna_deploy.nets.supernets.whole import OneShotSupernet
from dna_deploy.rating.raters.one_shot.held_out import HeldOutLoss, only_looked_at
from dna_deploy.spaces.options import layers_of
from dna_deploy.spaces.placed import PlacedLayer

Subsets: TypeAlias = tuple[tuple[int, ...], ...]
"""For every layer the numbers of its live operations that run; none: it is left out."""


@dataclass(frozen=True, eq=False)
class Live:
    """The layers of a supernet of one cell a block: their options, what these cost, and whether they can be left out."""

    supernet: OneShotSupernet
    seconds: tuple[tuple[float, ...], ...]
    """What every live operation adds to the latency of a network, as the table predicts it."""
    fixed_s: float
    """Of everything else."""

    @cached_property
    def options(self) -> list[nn.ModuleList]:
        """The live operations of every layer."""
        places = (place for (route,) in self.supernet.routes for place in route.places)
        return [
            self.supernet.options(place, layer[0].input.channels) for place, layer in zip(places, self._layers, strict=True)
        ]

    @cached_property
    def keeps_shape(self) -> list[bool]:
        """Whether a layer can be left out."""
        return [layer[0].place.keeps_shape for layer in self._layers]

    @cached_property
    def _layers(self) -> list[tuple[PlacedLayer, ...]]:
        return layers_of(self.supernet.space)

    def network(self, subsets: Subsets) -> nn.Sequential:
        """Its modules, not copies: class scores of images."""
        layers = [
            Mean([options[number] for number in chosen])
            for options, chosen in zip(self.options, subsets, strict=True)
            if chosen
        ]
        return nn.Sequential(*self.supernet.stem, *layers, *self.head)

    @cached_property
    def head(self) -> nn.Sequential:
        """What stands behind the last block."""
        (head,) = self.supernet.heads.values()
        return cast(nn.Sequential, head)

    def latency_s(self, subsets: Subsets) -> float:
        """What a network is predicted to take: branches run one after another."""
        rows = zip(self.seconds, subsets, strict=True)
        return self.fixed_s + sum(seconds[number] for seconds, chosen in rows for number in chosen)

    def draw(self, rng: random.Random, share: float | Sequence[Sequence[float]] = 0.5, among: Subsets | None = None) -> Subsets:
        """A network whose branches run with a probability each.

        A layer that cannot be left out has at least one: any, or the most probable where probabilities differ.
        """
        drawn = []
        for layer, may_be_empty in enumerate(self.keeps_shape):
            numbers = among[layer] if among else tuple(range(len(self.seconds[layer])))
            shares = dict.fromkeys(numbers, share) if isinstance(share, float) else share[layer]
            chosen = tuple(number for number in numbers if rng.random() < shares[number])
            if not chosen and not may_be_empty:
                chosen = (rng.choice(numbers) if isinstance(share, float) else max(numbers, key=shares.__getitem__),)
            drawn.append(chosen)
        return tuple(drawn)


@dataclass(frozen=True)
class RandomSubsets:
    """The network of a step: every branch is on with probability one half."""

    live: Live
    seed: int

    def draw(self, step: int) -> Subsets:
        return self.live.draw(random.Random(derived_seed(self.seed, "subsets", step)))


class Gates(nn.Module):
    """A logit for every live operation: how much its branch counts."""

    def __init__(self, live: Live) -> None:
        super().__init__()
        self.live = [live]  # a list, since its weights are not the gates' own
        self.logits = nn.ParameterList(nn.Parameter(torch.zeros(len(seconds))) for seconds in live.seconds)

    def forward(self, images: torch.Tensor, first: Subsets, second: Subsets) -> torch.Tensor:
        """Class scores of two networks' branches, weighed by their gates; those of the second alone get no gradient."""
        (live,) = self.live
        x = live.supernet.stem(images)
        for options, logits, learning, looking in zip(live.options, self.logits, first, second, strict=True):
            if not (numbers := sorted({*learning, *looking})):
                continue
            gates, outputs = logits[numbers].sigmoid(), []
            for number in numbers:
                with torch.set_grad_enabled(number in learning):
                    outputs.append(options[number](x))
            x = sum((gate * output for gate, output in zip(gates, outputs, strict=True)), torch.zeros(())) / gates.sum()
        scores: torch.Tensor = live.head(x)
        return scores

    def expected_s(self) -> torch.Tensor:
        """The expected latency of a network whose branches run with the probabilities of their gates."""
        (live,) = self.live
        terms = (
            logits.sigmoid() @ logits.new_tensor(seconds) for logits, seconds in zip(self.logits, live.seconds, strict=True)
        )
        return live.fixed_s + sum(terms, torch.zeros(()))

    def draw(self, rng: random.Random) -> Subsets:
        """A network whose branches run with the probabilities of their gates."""
        return self.live[0].draw(rng, [logits.detach().sigmoid().tolist() for logits in self.logits])


class GateLoss(HeldOutLoss):
    """Cross entropy on held-out images, and how far the expected latency is off the budget."""

    measure = "cross entropy with held-out labels, and the squared share by which the expected latency is off the budget"

    def __init__(self, gates: Gates, budget_s: float, penalty: float, every: int, seed: int) -> None:
        super().__init__(every)
        self._gates, self._budget_s, self._penalty, self._seed = gates, budget_s, penalty, seed

    def of(self, view: StepView) -> torch.Tensor:
        rng, gates = random.Random(derived_seed(self._seed, "gates", view.step)), self._gates
        with only_looked_at(gates.live[0].supernet):
            scores = view.network(view.batch.inputs, gates.draw(rng), gates.draw(rng)).float()
        off = gates.expected_s() / self._budget_s - 1
        return F.cross_entropy(scores, view.batch.labels()) + self._penalty * off.square()
