"""How well a rating orders networks, said with its uncertainty and beside what cost alone would say.

A correlation with accuracy means little by itself: published ratings fall behind plain operation counts on published
benchmarks. So every number comes with a bootstrap interval over networks, given cost, and among networks of equal cost.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
import numpy.typing as npt
from scipy.stats import kendalltau, pearsonr, spearmanr

from dna_deploy.errors import UsageError

Values: TypeAlias = npt.NDArray[np.float64]
RankStatistic: TypeAlias = Callable[[Values, Values], float]
Drawn: TypeAlias = npt.NDArray[np.intp]
"""Which networks a resample holds."""

SMALLEST = 5
"""Networks below which an order says nothing."""

RESAMPLES = 500


@dataclass(frozen=True)
class Estimate:
    """A statistic and its 95 % bootstrap interval over networks. NaN where it does not exist, as for a constant score."""

    value: float
    low: float
    high: float


@dataclass(frozen=True)
class RankReport:
    """How one score orders networks of known accuracy; for every field more is better."""

    score: str
    tau: Estimate
    spearman: Estimate
    pearson: Estimate
    tau_given_cost: Estimate
    tau_at_equal_cost: Estimate
    gain_of_top: Estimate


def rank_report(
    name: str, score: Values, accuracy: Values, costs: tuple[Values, ...], *, top: int = 5, seed: int = 0
) -> RankReport:
    """How well ``score`` (more is better) orders networks by ``accuracy``.

    Args:
        name: what the score is.
        score: one number a network.
        accuracy: what it should order by.
        costs: what a rating must know more than, such as parameters and operations, all positive; the first defines what
            equal cost means: within 10 % of each other.
        top: how many of the best-scored networks count for the gain over the mean network.
        seed: of the bootstrap.

    Raises:
        UsageError: too few networks.
    """
    if len(score) < SMALLEST:
        raise UsageError(f"{len(score)} networks cannot be ranked", f"give at least {SMALLEST}, better 48")

    def estimate(statistic: Callable[[Drawn], float]) -> Estimate:
        return bootstrap(statistic, resamples(np.zeros(len(score)), seed))

    return RankReport(
        name,
        estimate(lambda drawn: tau(score[drawn], accuracy[drawn])),
        estimate(lambda drawn: _defined(spearmanr, score[drawn], accuracy[drawn])),
        estimate(lambda drawn: _defined(pearsonr, score[drawn], accuracy[drawn])),
        estimate(lambda drawn: tau_given(score[drawn], accuracy[drawn], tuple(cost[drawn] for cost in costs))),
        estimate(lambda drawn: tau_among_equals(score[drawn], accuracy[drawn], costs[0][drawn])),
        estimate(lambda drawn: gain_of_top(score[drawn], accuracy[drawn], top)),
    )


def tau(first: Values, second: Values) -> float:
    """Kendall's tau-b; NaN where one of them is constant."""
    return _defined(kendalltau, first, second)


def tau_given(score: Values, accuracy: Values, costs: tuple[Values, ...]) -> float:
    """Kendall's tau of what is left of both once a linear fit on the logarithms of the costs is taken away."""
    design = np.column_stack([np.ones(len(score)), *(np.log(cost) for cost in costs)])

    def residual(values: Values) -> Values:
        left: Values = values - design @ np.linalg.lstsq(design, values, rcond=None)[0]
        return np.where(np.abs(left) < 1e-9 * (np.abs(values).max() + 1e-300), 0.0, left)

    return tau(residual(score), residual(accuracy))


def tau_among_equals(score: Values, accuracy: Values, cost: Values, tolerance: float = 0.1) -> float:
    """The share of rightly minus wrongly ordered pairs, among pairs whose costs are within ``tolerance`` of each other."""
    first, second = np.triu_indices(len(score), 1)
    return _rightly_ordered(score, accuracy, np.abs(np.log(cost[first] / cost[second])) <= np.log1p(tolerance))


def tau_within(score: Values, accuracy: Values, groups: npt.NDArray[np.generic]) -> float:
    """The share of rightly minus wrongly ordered pairs, among pairs of one group, such as networks of one latency."""
    first, second = np.triu_indices(len(score), 1)
    return _rightly_ordered(score, accuracy, groups[first] == groups[second])


def _rightly_ordered(score: Values, accuracy: Values, counted: npt.NDArray[np.bool_]) -> float:
    """Of the counted pairs, in the order of `np.triu_indices`."""
    first, second = np.triu_indices(len(score), 1)
    counted = counted & (accuracy[first] != accuracy[second])
    if not counted.any():
        return float("nan")
    signs = np.sign(score[first] - score[second]) * np.sign(accuracy[first] - accuracy[second])
    return float(signs[counted].mean())


def gain_of_top(score: Values, accuracy: Values, top: int) -> float:
    """How much better the mean accuracy of the ``top`` best-scored networks is than that of all. Of networks that tie for the
    last places each is as likely to be taken, so that a constant score gains nothing.
    """
    top = min(top, len(score))
    last = np.sort(score)[-top]
    better = score > last
    gained = accuracy[better].sum() + (top - better.sum()) * accuracy[score == last].mean()
    return float(gained / top - accuracy.mean())


def gain_within(score: Values, accuracy: Values, groups: npt.NDArray[np.generic], top: int) -> float:
    """The mean over groups of `gain_of_top` among the networks of a group."""
    parts = (groups == group for group in np.unique(groups))
    return float(np.mean([gain_of_top(score[part], accuracy[part], top) for part in parts]))


def tau_between_seeds(accuracies: npt.NDArray[np.float64]) -> float:
    """The noise ceiling: the mean tau between trainings of the same networks, ``(networks, seeds)``; NaN for one seed."""
    seeds = accuracies.shape[1]
    pairs = [tau(accuracies[:, seed], accuracies[:, other]) for seed in range(seeds) for other in range(seed)]
    return float(np.mean(pairs)) if pairs else float("nan")


def resamples(groups: npt.NDArray[np.generic], seed: int = 0) -> list[Drawn]:
    """Networks drawn with replacement, `RESAMPLES` times; each group keeps its size. One list serves paired comparisons."""
    rng = np.random.default_rng(seed)
    parts = [np.flatnonzero(groups == group) for group in np.unique(groups)]
    return [np.concatenate([rng.choice(part, len(part)) for part in parts]) for _ in range(RESAMPLES)]


def bootstrap(statistic: Callable[[Drawn], float], drawn: list[Drawn]) -> Estimate:
    """A statistic of the networks that it is given, and its interval over resamples."""
    value = statistic(np.arange(len(drawn[0])))
    values = np.array([statistic(resample) for resample in drawn])
    values = values[~np.isnan(values)]
    if np.isnan(value) or not values.size:
        return Estimate(float("nan"), float("nan"), float("nan"))
    low, high = np.quantile(values, (0.025, 0.975))
    return Estimate(value, float(low), float(high))


def _defined(statistic: Callable[[Values, Values], object], first: Values, second: Values) -> float:
    """The statistic, or NaN where a side is constant and it does not exist."""
    if np.ptp(first) == 0 or np.ptp(second) == 0:
        return float("nan")
    result: tuple[float, float] = statistic(first, second)  # type: ignore[assignment]
    return float(result[0])
