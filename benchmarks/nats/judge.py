"""What a rating is worth to somebody who searches with it: orders, and what is lost at twenty latency budgets."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from tabulate import tabulate

from benchmarks.nats.truth import SPACE, Truth, Values
from dna_deploy.records.rating_table import RatingTable
from dna_deploy.search.constraints import Constraint
from dna_deploy.search.cost_model import CostModel
from dna_deploy.search.quantities import Latency, Rating
from dna_deploy.search.solver.exact import solve
from dna_deploy.statistics.ranks import tau, tau_given

BANDS, BEST = 10, 5
SLACK = 0.1
"""How much faster than the budget a network of its band may be."""


@dataclass(frozen=True)
class Merit:
    """What a rating says of some networks, more is better; of all of them where it has a ``table`` or costs nothing."""

    name: str
    values: Values
    networks: npt.NDArray[np.intp] | None = None
    """Positions in the truth; all where there are none."""
    table: RatingTable | None = None
    picks: tuple[npt.NDArray[np.intp], ...] = ()
    """For every budget the best networks of a second stage, best first; such have no value for all networks."""

    @classmethod
    def of_table(cls, name: str, table: RatingTable, truth: Truth) -> Merit:
        """The sum over blocks of every network."""
        sums = sum(np.array(ratings)[chosen] for (ratings, _), chosen in zip(table.candidates, truth.choices.T, strict=True))
        return cls(name, -np.asarray(sums), table=table)


def baselines(truth: Truth) -> list[Merit]:
    """What needs no rating, and what BossNAS published."""
    macs, parameters, seconds = truth.costs
    return [
        Merit("parameters", parameters),
        Merit("MACs", macs),
        Merit("latency", seconds),
        Merit("sum of widths", truth.widths.sum(1)),
        Merit("sum of log widths", np.log(truth.widths).sum(1)),
        Merit("BossNAS, published", -truth.published),
    ]


def orders(truth: Truth, merit: Merit) -> tuple[float, float, float, float]:
    """Kendall's tau: plain, given MACs, given latency, and in the mean within bands of latency that hold equally many."""
    some = np.arange(len(truth.accuracy)) if merit.networks is None else merit.networks
    accuracy, (macs, _, seconds) = truth.accuracy[some], (cost[some] for cost in truth.costs)
    bands = np.array_split(np.argsort(seconds, kind="stable"), BANDS)
    within = float(np.mean([tau(merit.values[band], accuracy[band]) for band in bands]))
    given = (tau_given(merit.values, accuracy, (cost,)) for cost in (macs, seconds))
    return (tau(merit.values, accuracy), *given, within)  # type: ignore[return-value]


def regrets(truth: Truth, merit: Merit) -> Values:
    """Accuracy of the best-rated network within each budget, and of the five best, minus the best of all: ``(budgets, 2)``."""
    lost, seconds = [], truth.costs[2]
    for number, budget in enumerate(truth.budgets):
        within = np.flatnonzero(seconds <= budget)
        if merit.picks:
            picks = merit.picks[number]
        elif merit.table:
            picks = searched(truth, merit.table, budget, BEST)
        else:
            picks = within[np.argsort(-merit.values[within], kind="stable")]
        accuracy = truth.accuracy[picks[:BEST]]
        lost.append((accuracy[0] - truth.accuracy[within].max(), accuracy.mean() - truth.accuracy[within].max()))
    return np.array(lost)


def chance(truth: Truth) -> float:
    """The mean regret of a network drawn from those that need nine tenths of a budget or more, where there are any."""
    lost, seconds = [], truth.costs[2]
    for budget in truth.budgets:
        within = seconds <= budget
        if (band := within & (seconds >= (1 - SLACK) * budget)).any():
            lost.append(truth.accuracy[band].mean() - truth.accuracy[within].max())
    return float(np.mean(lost))


def searched(truth: Truth, table: RatingTable, budget: float, count: int) -> npt.NDArray[np.intp]:
    """What the exact search finds within a budget, so many, best first."""
    model = CostModel.build(SPACE, table, [truth.table], (Latency(),))
    latency = model.tables.resolve(Latency())
    found = solve(model, (Rating(), latency), (Constraint(latency, float(budget)),), top=count).choices
    return np.ravel_multi_index(tuple(found.T), SPACE.index.counts)


def shown(truth: Truth, merits: Sequence[Merit]) -> str:
    """All ratings side by side."""
    lines = []
    for merit in merits:
        count = "-" if merit.picks else f"{len(merit.values):,}"
        cells = ["-"] * 4 if merit.picks else [f"{value:+.3f}" for value in orders(truth, merit)]
        lost = regrets(truth, merit) if merit.networks is None else None
        points = (
            ["-"] * 3
            if lost is None
            else [f"{-lost[:, 0].mean():.2f}", f"{-lost[:, 0].min():.2f}", f"{-lost[:, 1].mean():.2f}"]
        )
        lines.append((merit.name, count, *cells, *points))
    lines.append(("*a network of the budget's band by chance*", "", "", "", "", "", f"{-chance(truth):.2f}", "", ""))
    headers = ("rating", "networks", "tau", "given MACs", "given latency", "within bands", "regret", "worst", "of five best")
    return tabulate(lines, headers, tablefmt="github", disable_numparse=True)
