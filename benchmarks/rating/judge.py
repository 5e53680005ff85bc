"""What scores are worth: statistics of every rating against the accuracies of a list, with 95 % intervals over networks."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
from scipy.stats import rankdata
from tabulate import tabulate

from benchmarks.rating.experiments import EXPERIMENTS
from benchmarks.rating.scores import RunScores
from benchmarks.rating.truth import GroundTruth, NetworkList
from dna_deploy.records.latency_table import LatencyTable
from dna_deploy.statistics.operator_counts import left_one_out, operator_counts
from dna_deploy.statistics.ranks import (
    Drawn,
    Estimate,
    bootstrap,
    gain_within,
    resamples,
    tau,
    tau_given,
    tau_within,
)

Values = npt.NDArray[np.float64]

TABLE = Path(__file__).parents[2] / "latency_tables" / "fashion.cpu-1thread.json"
VOTES = ("stitched", "stitched agreement", "block sum")
"""Whose ranks the second stage averages, parameters always among them."""
OF_EARLIER_RATINGS = ("from answers", "from scores", "agreement, not shifted")
"""Kinds of scores that the raw files keep from formulas that were given up (`docs/notebook/2026-11-22-ratings.md`)."""


@dataclass(frozen=True)
class Truth:
    """What is known about the networks of the list."""

    listed: NetworkList
    accuracy: Values
    by_seed: Values
    macs: Values
    parameters: Values

    @classmethod
    def read(cls, ground_truth: GroundTruth) -> Truth:
        listed, by_seed = ground_truth.listed, ground_truth.accuracies
        if np.isnan(by_seed).any():
            raise SystemExit("the ground truth is not finished: python -m benchmarks.rating truth train")
        layers = [listed.search_space.place(architecture) for architecture in listed.architectures]
        macs, parameters = (
            [float(sum(getattr(layer, cost) for layer in network)) for network in layers] for cost in ("macs", "parameters")
        )
        return cls(listed, by_seed.mean(1), by_seed, np.array(macs), np.array(parameters))


@dataclass(frozen=True)
class Row:
    """One rating with all its seeds, ``(seeds, networks)``, more is better."""

    name: str
    scores: Values

    def mean_over_seeds(self, statistic: Callable[[Values, Drawn], float]) -> Callable[[Drawn], float]:
        return lambda of: float(np.mean([statistic(score[of], of) for score in self.scores]))


Statistics = Mapping[str, Callable[[Values, Drawn], float]]


def statistics_of(truth: Truth) -> Statistics:
    """What is said about every rating. All take scores of some networks, and which networks those are."""
    accuracy, bands, macs, parameters = truth.accuracy, truth.listed.bands, truth.macs, truth.parameters
    return {
        "tau": lambda score, of: tau(score, accuracy[of]),
        "given MACs": lambda score, of: tau_given(score, accuracy[of], (macs[of],)),
        "given MACs and parameters": lambda score, of: tau_given(score, accuracy[of], (macs[of], parameters[of])),
        "within bands": lambda score, of: tau_within(score, accuracy[of], bands[of]),
        "top 1, points": lambda score, of: 100 * gain_within(score, accuracy[of], bands[of], 1),
        "top 5, points": lambda score, of: 100 * gain_within(score, accuracy[of], bands[of], 5),
    }


def rows_of(truth: Truth, runs: Sequence[RunScores]) -> list[Row]:
    """Costs, operator counts, every kind of every experiment, and the rank averages of DNA's kinds."""
    listed = truth.listed
    table = LatencyTable.read(TABLE)
    counts = operator_counts(listed.search_space, listed.architectures)
    predicted = [table.predict(listed.search_space, architecture).seconds for architecture in listed.architectures]
    measured = [network.measured_s for network in listed.networks]
    rows = [
        Row("parameters", truth.parameters[None]),
        Row("MACs", truth.macs[None]),
        Row("latency, predicted", np.array([predicted])),
        Row("latency, measured", np.array([measured])),
        Row(
            "operator counts, fitted on all other networks",
            left_one_out(counts, truth.accuracy)[None],
        ),
    ]
    kinds: dict[tuple[str, str], list[tuple[float, ...]]] = {}
    for run in runs:
        for kind, values in run.scores.items():
            if kind not in OF_EARLIER_RATINGS:
                kinds.setdefault((run.experiment, kind), []).append(values)
    rows += [Row(f"{experiment}: {kind}", np.array(values)) for (experiment, kind), values in kinds.items()]
    for experiment in dict.fromkeys(experiment for experiment, _ in kinds):
        if all((experiment, kind) in kinds for kind in VOTES):
            parts = [np.array(kinds[experiment, kind]) for kind in VOTES]
            average = rank_average(*parts, np.tile(truth.parameters, (len(parts[0]), 1)))
            rows.append(Row(f"{experiment}: second stage", average))
            if EXPERIMENTS[experiment].together:
                means = [part.mean(0, keepdims=True) for part in parts]
                together = rank_average(*means, truth.parameters[None])
                rows.append(Row(f"{experiment}: second stage, all seeds asked", together))
    return rows


def rank_average(*scores: Values) -> Values:
    """The mean rank by each of several scores ``(seeds, networks)``, as the tool's second stage ranks; more is better."""
    return np.mean([rankdata(score, axis=1) for score in scores], axis=0)


def ceilings(truth: Truth) -> dict[str, float]:
    """What one training says about another, and what the best possible picks gain."""
    first, second, bands = truth.by_seed[:, 0], truth.by_seed[:, 1], truth.listed.bands
    return {
        "tau": tau(first, second),
        "given MACs": tau_given(first, second, (truth.macs,)),
        "given MACs and parameters": tau_given(first, second, (truth.macs, truth.parameters)),
        "within bands": tau_within(first, second, bands),
        "top 1, points": 100 * float(np.mean([gain_within(first, second, bands, 1), gain_within(second, first, bands, 1)])),
        "top 5, points": 100 * float(np.mean([gain_within(first, second, bands, 5), gain_within(second, first, bands, 5)])),
    }


def shown(estimate: Estimate) -> str:
    if np.isnan(estimate.value):
        return "-"
    return f"{estimate.value:.2f} [{estimate.low:.2f}, {estimate.high:.2f}]"


def judge(truth: Truth, rows: Sequence[Row]) -> str:
    """The table of all ratings with 95 % intervals."""
    drawn, statistics = resamples(truth.listed.bands), statistics_of(truth)
    lines = []
    for row in rows:
        estimates = [bootstrap(row.mean_over_seeds(statistic), drawn) for statistic in statistics.values()]
        lines.append((row.name, len(row.scores), *map(shown, estimates)))
    limit = ceilings(truth)
    lines.append(("*another training of the same networks*", 1, *(f"{limit[name]:.2f}" for name in statistics)))
    best = [100 * gain_within(truth.accuracy, truth.accuracy, truth.listed.bands, top) for top in (1, 5)]
    lines.append(("*the best possible*", 1, "1", "1", "1", "1", *(f"{gain:.2f}" for gain in best)))
    return tabulate(lines, ("rating", "seeds", *statistics), tablefmt="github", disable_numparse=True)


def compare(truth: Truth, pairs: Sequence[tuple[Row, Row]]) -> str:
    """Paired differences on the same resampled networks, and how often the first is ahead."""
    drawn, lines = resamples(truth.listed.bands), []
    chosen = ("tau", "given MACs", "within bands", "top 5, points")
    for first, second in pairs:
        cells = []
        for name in chosen:
            ahead, behind = (row.mean_over_seeds(statistics_of(truth)[name]) for row in (first, second))
            differences = np.array([ahead(of) - behind(of) for of in drawn])
            estimate = bootstrap(lambda of, ahead=ahead, behind=behind: ahead(of) - behind(of), drawn)
            cells.append(f"{shown(estimate)}, ahead {np.mean(differences > 0):.2f}")
        lines.append((f"{first.name} minus {second.name}", *cells))
    return tabulate(lines, ("difference", *chosen), tablefmt="github", disable_numparse=True)
