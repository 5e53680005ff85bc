"""What is left of a space from which options are dropped: no slot is ever emptied, and some network keeps the budget.

That a budget stays within reach is ours: none of the papers has one that a space could lose.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from statistics import fmean
from typing import Any

from dna_deploy.errors import InfeasibleError, UsageError
from dna_deploy.rating.raters.shrinking.config import ShrinkingConfig
from dna_deploy.rating.work import RatingWork
from dna_deploy.records.changed_space import ShrunkSpace
from dna_deploy.records.latency_table import LatencyTable
from dna_deploy.spaces.architecture import Architecture
from dna_deploy.spaces.chain import HeadedSpace
from dna_deploy.spaces.options import Option, least_cost, options, options_of, without
from dna_deploy.spaces.placed import PlacedLayer
from dna_deploy.units import Duration


@dataclass(frozen=True)
class Budget:
    """What the layers of a network may cost together."""

    cost: Callable[[PlacedLayer], float] = lambda _: 0.0
    """Of a layer: its measured seconds; infinite where it cannot run."""
    limit: float = math.inf
    name: str = "no budget"

    @classmethod
    def of(cls, config: ShrinkingConfig, space: HeadedSpace) -> Budget:
        """The budget that settings name: the sum of rows that its table predicts to take so long.

        Raises:
            TableError: the table cannot be read, or is of other networks.
        """
        if config.table is None or config.budget is None:
            return cls()
        table = LatencyTable.read(config.table)
        table.check_space(space)
        calibration, seconds = table.calibration("p50"), {row.layer: row.latency_s for row in table.rows}
        limit = (Duration.parse(config.budget).seconds - calibration.offset_s) / calibration.scale
        return cls(lambda layer: seconds.get(layer.key, math.inf), limit, f"{config.budget} by {table.digest[:19]}")

    def admits(self, space: HeadedSpace, network: Architecture) -> bool:
        """Whether a network keeps it."""
        return self.limit == math.inf or sum(map(self.cost, space.place(network))) <= self.limit


class Left:
    """A space that gets smaller. ``dropped`` are its losses, in their order."""

    def __init__(self, space: HeadedSpace, budget: Budget) -> None:
        """Raises `InfeasibleError` if no network keeps the budget to begin with, `UsageError` where blocks are coupled."""
        if space.index.is_coupled:
            raise UsageError(f"the blocks of {space.name!r} are coupled by widths", "it cannot lose a cell of a block alone")
        if (least := least_cost(space, budget.cost)) > budget.limit:
            raise InfeasibleError(
                f"no network of {space.name!r} keeps {budget.name}",
                f"the layers of the fastest take {1e3 * least:.3g} ms together, and {1e3 * budget.limit:.3g} ms are allowed",
            )
        self.whole, self.budget, self.space = space, budget, space
        self.dropped: tuple[Option, ...] = ()

    @classmethod
    def of(cls, work: RatingWork[Any, None]) -> Left:
        """The whole space of a rating, with the budget of its settings. Raises as `Budget.of` and as the space's own making."""
        assert isinstance(work.space, HeadedSpace)
        return cls(work.space, Budget.of(work.config, work.space))

    def drop_if_it_may_go(self, option: Option) -> bool:
        """Drops an option, unless its slot or the budget would be left with nothing; says whether it did."""
        if option not in set(options(self.space)):
            return False
        smaller = without(self.space, [option])
        if self.budget.limit < math.inf and least_cost(smaller, self.budget.cost) > self.budget.limit:
            return False
        self.space, self.dropped = smaller, (*self.dropped, option)
        return True

    def drop_worst(self, scores: Mapping[Option, float], most: int | None = None, keep: int = 1) -> None:
        """Drops what scores lowest, so many options at most, until no more than ``keep`` networks are left.

        Options without a score stay.
        """
        before = len(self.dropped)
        for option in sorted(scores, key=lambda option: (scores[option], str(option))):
            if self.space.size() <= keep or (most is not None and len(self.dropped) - before == most):
                return
            self.drop_if_it_may_go(option)

    def record(self, method: str) -> ShrunkSpace:
        """What is left, for files."""
        return ShrunkSpace.of(self.whole, method, self.dropped)

    def facts(self) -> dict[str, Any]:
        """Plain data for a checkpoint."""
        return {"budget": self.budget.name, "dropped": list(map(str, self.dropped))}

    def restore(self, facts: Mapping[str, Any]) -> None:
        """Raises `UsageError` where the training was begun with another budget."""
        if facts.get("budget", self.budget.name) != self.budget.name:
            changed = f"the budget changed: {facts['budget']} -> {self.budget.name}"
            raise UsageError(changed, "give another folder, or the former table")
        self.dropped = tuple(map(Option.parse, facts.get("dropped", ())))
        self.space = without(self.whole, self.dropped)


def mean_scores(
    space: HeadedSpace, scores: Iterable[tuple[Architecture, float]], among: Iterable[Option]
) -> dict[Option, float]:
    """For some options the mean score of the networks that hold it; none for those that no network holds."""
    held: dict[Option, list[float]] = {option: [] for option in among}
    for network, score in scores:
        for option in options_of(space, network):
            if option in held:
                held[option].append(score)
    return {option: fmean(values) for option, values in held.items() if values}
