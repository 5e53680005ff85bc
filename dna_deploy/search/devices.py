"""Fewest models for many devices: one network for all of them, and the fewest that are nearly as good as one each."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np

from dna_deploy.errors import UsageError
from dna_deploy.records.latency_table import LatencyTable
from dna_deploy.records.rating_table import RatingTable
from dna_deploy.records.search_outcome import FoundNetwork
from dna_deploy.search.constraints import Constraint
from dna_deploy.search.cost_model import CostModel
from dna_deploy.search.quantities import Latency, Rating
from dna_deploy.search.solver.exact import solve
from dna_deploy.search.solver.infeasible import infeasible
from dna_deploy.spaces.chain import HeadedSpace

_MOST_DEVICES = 12


@dataclass(frozen=True)
class DeviceOptimum:
    """What a device could have if it had a network of its own."""

    budget: Constraint
    own: FoundNetwork


@dataclass(frozen=True)
class SharedNetwork:
    """A network that serves several devices, and the worst relative loss among them."""

    network: FoundNetwork
    devices: tuple[str, ...]
    loss: float


@dataclass(frozen=True)
class Portfolio:
    """The best single network for all devices (if any fits them all), and the smallest set within the allowed loss."""

    optima: tuple[DeviceOptimum, ...]
    single: SharedNetwork | None
    fewest: tuple[SharedNetwork, ...]
    searches: int


def portfolio(
    space: HeadedSpace,
    ratings: RatingTable,
    tables: Iterable[LatencyTable],
    budgets: Iterable[Constraint],
    within: float = 0.01,
    shared: Iterable[Constraint] = (),
    confidence: float | None = None,
) -> Portfolio:
    """The fewest networks such that every device has one that keeps its budget and loses at most ``within`` of the rating.

    Args:
        space: what may be chosen.
        ratings: a rating of every candidate.
        tables: one latency table a device.
        budgets: one latency constraint a device.
        within: the relative loss against a device's own optimum that is allowed, such as 0.01.
        shared: constraints that every network must keep, such as a size.
        confidence: plan with upper bounds of the latencies.

    Raises:
        InfeasibleError: a device alone cannot be served.
        UsageError: a device has two budgets or none, or there are too many devices to try all their groups.
    """
    budgets, shared = tuple(budgets), tuple(shared)
    quantities = [constraint.quantity for constraint in (*budgets, *shared)]
    model = CostModel.build(space, ratings, tables, quantities, confidence)
    return _Solver(model, model.tables.resolved(shared), _one_a_device(model, budgets), within).solve()


class _Solver:
    def __init__(
        self, model: CostModel, shared: tuple[Constraint, ...], budgets: tuple[Constraint, ...], within: float
    ) -> None:
        self._model, self._shared, self._budgets, self._within = model, shared, budgets, within
        self._searches = 0

    def solve(self) -> Portfolio:
        own = [self._best((device,)) for device in range(len(self._budgets))]
        for budget, choices in zip(self._budgets, own, strict=True):
            if choices is None:
                raise infeasible(self._model, (*self._shared, budget))
        optima = [self._model.rating(choices)[0] for choices in own if choices is not None]
        served = self._served(optima)
        everyone = tuple(range(len(optima)))
        single = self._best(everyone)
        return Portfolio(
            optima=tuple(
                DeviceOptimum(budget, self._found(choices))
                for budget, choices in zip(self._budgets, own, strict=True)
                if choices
            ),
            single=None if single is None else self._shared_network(single, everyone, optima),
            fewest=tuple(self._shared_network(served[group], group, optima) for group in _cover(list(served), len(optima))),
            searches=self._searches,
        )

    def _served(self, optima: list[float]) -> dict[tuple[int, ...], list[int]]:
        """Every group of devices that one network serves well enough, with the best such network.

        A group can only be served if every smaller group in it can, so groups are tried by size and few are searched.
        """
        served: dict[tuple[int, ...], list[int]] = {}
        for size in range(1, len(optima) + 1):
            for group in combinations(range(len(optima)), size):
                if size > 1 and any(part not in served for part in combinations(group, size - 1)):
                    continue
                choices = self._best(group)
                if choices is not None and self._loss(choices, group, optima) <= self._within:
                    served[group] = choices
        return served

    def _best(self, group: tuple[int, ...]) -> list[int] | None:
        self._searches += 1
        constraints = (*self._shared, *(self._budgets[device] for device in group))
        solution = solve(self._model, (Rating(), self._budgets[group[0]].quantity), constraints)
        choices: list[int] = solution.choices[0].tolist() if len(solution.choices) else []
        return choices or None

    def _loss(self, choices: list[int], group: tuple[int, ...], optima: list[float]) -> float:
        rating = self._model.rating(choices)[0]
        return max((rating - optima[device]) / (abs(optima[device]) or 1.0) for device in group)

    def _shared_network(self, choices: list[int], group: tuple[int, ...], optima: list[float]) -> SharedNetwork:
        targets = tuple(str(getattr(self._budgets[device].quantity, "target", "")) for device in group)
        return SharedNetwork(self._found(choices), targets, max(0.0, self._loss(choices, group, optima)))

    def _found(self, choices: Sequence[int]) -> FoundNetwork:
        return self._model.found(choices, [budget.quantity for budget in self._budgets])


def _one_a_device(model: CostModel, budgets: Sequence[Constraint]) -> tuple[Constraint, ...]:
    named = model.tables.resolved(budgets)
    targets = [budget.quantity.target for budget in named if isinstance(budget.quantity, Latency)]
    if len(targets) != len(named) or len(set(targets)) != len(targets):
        raise UsageError("a portfolio wants one latency budget a device", "write --latency 20ms@jetson --latency 35ms@pi")
    if not 1 <= len(targets) <= _MOST_DEVICES:
        raise UsageError(f"{len(targets)} devices cannot be grouped exactly", f"give 1 to {_MOST_DEVICES} latency budgets")
    return named


def _cover(groups: list[tuple[int, ...]], devices: int) -> list[tuple[int, ...]]:
    """The fewest groups that hold every device once: exact, by a small integer programme."""
    from scipy.optimize import Bounds, LinearConstraint, milp  # late: slow to import

    member = np.array([[device in group for group in groups] for device in range(devices)], float)
    whole = np.ones(len(groups), np.int64)
    solution = milp(np.ones(len(groups)), integrality=whole, bounds=Bounds(0, 1), constraints=LinearConstraint(member, 1, 1))
    assert solution.x is not None
    return [group for group, chosen in zip(groups, solution.x, strict=True) if chosen > 0.5]
