"""The network for a budget: the best by sums of ratings, judged again as whole networks, and measured."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from torch import nn

from dna_deploy.fit.judging import Mean
from dna_deploy.pipeline.fit.prepare import Prepared
from dna_deploy.pipeline.fit.recovery import settled
from dna_deploy.pipeline.fit.space import Choice, OwnSpace
from dna_deploy.pipeline.fit.timing import Stopwatch
from dna_deploy.progress import OnProgress, Progress, silent
from dna_deploy.statistics.ranks import tau

_ROUNDS = 3
"""Of searches, each with what the measurement of the last has taught."""

_SLACK = 0.01
"""By so much a measurement may exceed a budget: two of one file differ by as much."""

_LEAST = 0.3
"""Below this order of sums is no order of networks."""


@dataclass(frozen=True)
class Chosen:
    """A network of one's own space, assembled, with batch norms gathered anew, and nothing fine-tuned."""

    choice: Choice
    network: nn.Module
    rating: float
    joint: Mean
    predicted_s: float
    measured_s: float
    """At the pace of the original's first measurement."""
    tau: float
    """Kendall's, of sums of ratings with the judgement of whole networks, over those that were judged."""
    judged: int

    @property
    def words(self) -> str:
        """Whether the two orders agree."""
        said = f"sums of ratings and {self.judged} whole networks agree with tau {self.tau:.2f}"
        return said if self.tau >= _LEAST else f"{said}: the whole networks are believed"


def choose(
    prepared: Prepared, budget_s: float, stopwatch: Stopwatch, top: int = 16, on_progress: OnProgress = silent
) -> Chosen:
    """Searches, judges the ``top`` networks as a whole, measures the best; and again with a smaller budget where that is late.

    Raises:
        InfeasibleError: nothing keeps the budget.
    """
    space, asked_s = prepared.space, budget_s
    for _ in range(_ROUNDS):
        networks = space.best(asked_s, top)
        judged = []
        for count, (choice, rating) in enumerate(networks, 1):
            network = settled(space.assembled(choice), prepared.fitting)
            judged.append((choice, rating, prepared.judge.divergence(prepared.judge.answers_of(network)), network))
            on_progress(Progress("judging whole networks", count, len(networks)))
        choice, rating, joint, network = min(judged, key=lambda each: each[2].value)
        measured_s = measure(space, {"chosen": network}, stopwatch)["chosen"]
        if measured_s <= budget_s * (1 + _SLACK):
            break
        asked_s *= budget_s / measured_s * (1 - _SLACK)
    sums, wholes = np.array([each[1] for each in judged]), np.array([each[2].value for each in judged])
    order = tau(sums, wholes) if len(judged) > 1 else 1.0
    return Chosen(choice, network, rating, joint, space.predicted_s(choice), measured_s, order, len(judged))


def measure(space: OwnSpace, networks: Mapping[str, nn.Module], stopwatch: Stopwatch) -> dict[str, float]:
    """What whole networks take, in turns with the original, at the pace that it had when units were timed."""
    original = "the original"
    times = stopwatch.time(
        {name: (network, space.input) for name, network in {original: space.network.network, **networks}.items()}
    )
    pace = space.original_s / times[original].seconds
    return {name: times[name].seconds * pace for name in networks}
