"""The order of measuring: every model once a round, in a new random order each round, so that drift hits all alike."""

from __future__ import annotations

import itertools
import random
from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass
from typing import Protocol

from dna_deploy.records.samples import MOST_NS
from dna_deploy.targets.plan import SamplingPlan


class ProbeError(Exception):
    """A probe could not be loaded or run: it will be absent, the run goes on."""


class Bench(Protocol):
    """What runs probes."""

    def visit(self, name: str) -> tuple[int, ...]:
        """Warms a probe up and times some runs, in nanoseconds. Raises `ProbeError`."""


@dataclass(frozen=True)
class Visit:
    """What came of one visit: samples, or the reason why there will never be any."""

    round: int
    name: str
    samples_ns: tuple[int, ...]
    failure: str = ""

    @property
    def is_possible(self) -> bool:
        """Whether the clock went forward at each run, and did not jump."""
        return all(0 < sample <= MOST_NS for sample in self.samples_ns)


def order_of_round(names: Sequence[str], seed: int, round: int) -> list[str]:
    """A random order that is the same whenever this round is taken up again."""
    order = sorted(names)
    random.Random(f"{seed}/{round}").shuffle(order)
    return order


def sample(
    bench: Bench,
    names: Sequence[str],
    plan: SamplingPlan,
    clock: Callable[[], float],
    finished: Collection[tuple[int, str]] = (),
    absent: Collection[str] = (),
    spent_s: float = 0.0,
) -> Iterator[Visit]:
    """Visits every name in every round, for as long as the plan says.

    Args:
        bench: Runs the probes.
        names: What to visit.
        plan: How many rounds, and for how long.
        clock: Seconds that only go forward.
        finished: Visits of an earlier, interrupted run.
        absent: Names given up in it.
        spent_s: Time already used by it.
    """
    lost, begin = set(absent), clock()
    for round in itertools.count():
        for name in order_of_round(names, plan.seed, round):
            if name in lost or (round, name) in finished:
                continue
            try:
                yield Visit(round, name, bench.visit(name))
            except ProbeError as error:
                lost.add(name)
                yield Visit(round, name, (), str(error))
        if plan.is_over(round + 1, spent_s + clock() - begin):
            return
