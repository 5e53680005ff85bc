"""Networks that fill a budget: chosen, measured, and chosen again with what was learnt."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from torch import nn

from dna_deploy.errors import InfeasibleError
from dna_deploy.fit.at_size import AtSize
from dna_deploy.pipeline.fit.prepare import Prepared
from dna_deploy.pipeline.fit.sizes import largest_within
from dna_deploy.pipeline.fit.space import Choice, FitSpace
from dna_deploy.pipeline.fit.stopwatch import Stopwatch
from dna_deploy.spaces.shapes import FeatureMap

ROUNDS = 4
"""Of choices, each with what the measurement of the last has taught."""

SLACK = 0.01
"""By so much a measurement may exceed a budget: two of one file differ by as much."""

_UNUSED = 0.03
"""Of a budget; where more is left, a slower network may be better."""

Choose = Callable[[float], Choice]
"""Seconds that a network may take, as predicted -> the network."""


def keeps(seconds: float, budget_s: float) -> bool:
    """Whether what was measured is within a budget, as far as a measurement tells."""
    return seconds <= budget_s * (1 + SLACK)


@dataclass(frozen=True)
class Fitted:
    """A network of one's own space, mended where that helps, and nothing fine-tuned."""

    prepared: Prepared
    """What it is made of, at the size of its images."""
    choice: Choice
    network: nn.Module
    is_mended: bool
    predicted_s: float
    measured_s: float
    """At the pace that the original had when its units were timed."""

    @property
    def input(self) -> FeatureMap:
        """The images that the network takes."""
        return self.prepared.space.input

    def keeps(self, budget_s: float) -> bool:
        """Whether it takes no longer, as far as a measurement tells."""
        return keeps(self.measured_s, budget_s)

    def on(self, images: FeatureMap) -> nn.Module:
        """The network for the original's images, which it may see smaller."""
        return self.network if images == self.input else AtSize(self.network, (self.input.height, self.input.width))


@dataclass(frozen=True)
class Timed:
    """A network as it was measured before it is refitted as a whole, by the weights of its candidates."""

    choice: Choice
    predicted_s: float
    measured_s: float

    @classmethod
    def of(cls, space: FitSpace, choice: Choice, stopwatch: Stopwatch) -> Timed:
        """Measures it."""
        return cls(choice, space.predicted_s(choice), stopwatch.time(space.assembled(choice), space.input))

    @property
    def ratio(self) -> float:
        """How much longer it takes than predicted."""
        return self.measured_s / self.predicted_s

    def keeps(self, budget_s: float) -> bool:
        """Whether it takes no longer, as far as a measurement tells."""
        return keeps(self.measured_s, budget_s)

    def fitted(self, prepared: Prepared, stopwatch: Stopwatch) -> Fitted:
        """It as it is handed out, and measured as that."""
        deployed = prepared.deployed(self.choice)
        seconds = stopwatch.time(deployed.network, prepared.space.input)
        return Fitted(prepared, self.choice, deployed.network, deployed.is_mended, self.predicted_s, seconds)


def filling(space: FitSpace, budget_s: float, stopwatch: Stopwatch, choose_within: Choose) -> Timed:
    """Chooses, measures, and chooses again with what was learnt, until the budget is kept and used.

    Args:
        space: That predicts.
        budget_s: What the network may take, in seconds.
        stopwatch: What measures.
        choose_within: The best within what may be predicted.

    Raises:
        InfeasibleError: nothing keeps the budget.
    """
    timed, ratio = list[Timed](), 1.0
    for _ in range(ROUNDS):
        try:
            choice = choose_within(budget_s / ratio)
        except InfeasibleError:
            if not timed:
                raise
            break
        if choice in [each.choice for each in timed]:
            break
        timed.append(Timed.of(space, choice, stopwatch))
        ratio = timed[-1].ratio
        if timed[-1].keeps(budget_s) and timed[-1].measured_s >= budget_s * (1 - _UNUSED):
            break
    return max((each for each in timed if each.keeps(budget_s)), key=lambda each: each.measured_s, default=timed[-1])


def fill(prepared: Prepared, budget_s: float, stopwatch: Stopwatch, choose_within: Choose) -> Fitted:
    """What `filling` finds, as it is handed out."""
    return filling(prepared.space, budget_s, stopwatch, choose_within).fitted(prepared, stopwatch)


def untouched_within(prepared: Prepared, budget_s: float, stopwatch: Stopwatch) -> Fitted:
    """The original on the largest images that it is fast enough for; its batch norms follow where that helps.

    Raises:
        InfeasibleError: at half the edges it is not.
        UsageError: it takes no smaller images.
    """
    smaller = largest_within(prepared, stopwatch, budget_s)
    deployed, original_s = smaller.deployed(smaller.space.kept), smaller.space.original_s
    return Fitted(smaller, smaller.space.kept, deployed.network, deployed.is_mended, original_s, original_s)
