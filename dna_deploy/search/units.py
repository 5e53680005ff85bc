"""The replacements of units of somebody's own network that cost its answers least within a latency: exact.

Units lie in stages, of which several depths may be rated: which units are left out together, and what that does. What else
replaces the units that stay adds up. The depth of a stage is the solver's state, as the width of a block is elsewhere.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from dna_deploy.errors import InfeasibleError
from dna_deploy.search.measures import RATING
from dna_deploy.search.solver.exact import solve_trellis
from dna_deploy.search.solver.problem import Column, Levels, LevelValues
from dna_deploy.search.solver.trellis import Criterion, Trellis
from dna_deploy.units import Duration

_MOST_TICKS = 1e12
"""Of a sum: ratings and latencies are rounded to a share of it."""


@dataclass(frozen=True)
class Option:
    """What may stand in the place of a unit that stays: lower ratings are better."""

    code: str
    rating: float
    latency_s: float


@dataclass(frozen=True)
class UnitDepth:
    """Units of a stage, by their number in it, that are left out together."""

    skipped: frozenset[int]
    rating: float


@dataclass(frozen=True)
class UnitStage:
    """Units in a row with the options of each, and the depths that the stage may have besides its full one."""

    units: tuple[tuple[Option, ...], ...]
    depths: tuple[UnitDepth, ...] = ()


@dataclass(frozen=True)
class Replacement:
    """An option for every unit, None where it is left out; its rating and its latency are sums."""

    options: tuple[Option | None, ...]
    rating: float
    latency_s: float


def best_replacements(
    stages: Sequence[UnitStage], budget_s: float, rest_s: float = 0.0, top: int = 1
) -> tuple[Replacement, ...]:
    """The ``top`` networks of the least rating within a latency, best first.

    Args:
        stages: Of the network.
        budget_s: What it may take.
        rest_s: What it takes besides its units.
        top: How many.

    Raises:
        InfeasibleError: none does; the message names the fastest and the part that cannot change.
    """
    columns = tuple(_column(name, stages) for name in (RATING, "latency"))
    choices = [_choices(stage) for stage in stages]
    levels = [level for stage in choices for level in _level_values(stage, columns)]
    end = LevelValues(np.zeros(1, np.intp), np.zeros((2, 1, 1)))
    problem = Levels(columns, np.zeros(2), tuple(_joined([*levels, end])))
    criteria = (Criterion(0, is_objective=True), Criterion(1, limit=columns[1].most_ticks(budget_s - rest_s)))
    solution = solve_trellis(Trellis(problem, criteria, depth=top), top)
    if not len(solution.choices):
        fastest = rest_s + sum(min(_latency(depth, stage) for depth in _depths(stage)) for stage in stages)
        spent = f"{Duration(rest_s)} are spent outside of units; f" if rest_s > 0 else "f"
        raise InfeasibleError(
            f"nothing made of these units takes {Duration(budget_s)}: the fastest takes {Duration(max(0.0, fastest))}",
            f"{spent}reeze fewer of them, or ask for more time",
        )
    lists = [unit for stage in choices for unit in stage]
    return tuple(_replacement(chosen, lists) for chosen in solution.choices.tolist())


@dataclass(frozen=True)
class _Choice:
    """What a unit does at one depth of its stage; the first unit of a stage bears the rating of the depth."""

    depth: int
    option: Option | None
    rating: float

    @property
    def latency_s(self) -> float:
        return self.option.latency_s if self.option else 0.0


def _depths(stage: UnitStage) -> tuple[UnitDepth, ...]:
    return (UnitDepth(frozenset(), 0.0), *stage.depths)


def _latency(depth: UnitDepth, stage: UnitStage) -> float:
    stays = (options for number, options in enumerate(stage.units) if number not in depth.skipped)
    return sum(min(option.latency_s for option in options) for options in stays)


def _choices(stage: UnitStage) -> list[list[_Choice]]:
    units = []
    for number, options in enumerate(stage.units):
        choices = []
        for state, depth in enumerate(_depths(stage)):
            borne = 0.0 if number else depth.rating
            stay: tuple[Option | None, ...] = (None,) if number in depth.skipped else options
            choices += [_Choice(state, option, borne + (option.rating if option else 0.0)) for option in stay]
        units.append(choices)
    return units


def _level_values(units: list[list[_Choice]], columns: tuple[Column, ...]) -> list[LevelValues]:
    """A level a unit, entered with every depth of its own stage; that of the first unit is entered with any."""
    values = []
    for number, choices in enumerate(units):
        exits = np.array([choice.depth for choice in choices], np.intp)
        numbers = np.array([[choice.rating for choice in choices], [choice.latency_s for choice in choices]])
        ticks = np.rint(numbers * np.array([[column.ticks_per_unit] for column in columns]))
        states = 1 if not number else int(exits.max()) + 1
        entered = np.repeat(ticks[:, None], states, 1)
        if number:
            entered[:, exits[None] != np.arange(states)[:, None]] = np.inf
        values.append(LevelValues(exits, entered))
    return values


def _joined(levels: Sequence[LevelValues]) -> list[LevelValues]:
    """Levels of which those that are entered with any depth take as many states as the one before them leaves."""
    fitted, states = [], 1
    for level in levels:
        values = level.values if level.inputs == states else np.repeat(level.values[:, :1], states, 1)
        fitted.append(LevelValues(level.exits, values))
        states = level.widths
    return fitted


def _column(name: str, stages: Sequence[UnitStage]) -> Column:
    def number(option: Option) -> float:
        return option.rating if name == RATING else option.latency_s

    total = sum(max(abs(number(option)) for option in options) for stage in stages for options in stage.units)
    total += sum(max((abs(depth.rating) for depth in stage.depths), default=0.0) for stage in stages) * (name == RATING)
    terms = sum(len(stage.units) for stage in stages)
    return Column(name, 10.0 ** math.floor(math.log10(_MOST_TICKS / total)) if total else 1.0, terms)


def _replacement(chosen: Sequence[int], units: Sequence[Sequence[_Choice]]) -> Replacement:
    choices = [choices[number] for number, choices in zip(chosen, units, strict=True)]
    options = tuple(choice.option for choice in choices)
    return Replacement(options, sum(choice.rating for choice in choices), sum(choice.latency_s for choice in choices))
