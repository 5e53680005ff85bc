"""Writes what the scores are worth as Markdown, and the most telling of them as a picture."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt
from ground_truth import operator_counts
from ground_truth_records import GroundTruth, NetworkList
from scipy.stats import rankdata
from tabulate import tabulate

from dna_deploy.records.latency_table import LatencyTable
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

if TYPE_CHECKING:
    from evidence import MethodScores

Values = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Truth:
    """What is known about the networks of the list."""

    listed: NetworkList
    accuracy: Values
    by_seed: Values
    macs: Values
    parameters: Values

    @classmethod
    def read(cls, found: GroundTruth) -> Truth:
        listed, by_seed = found.listed, found.accuracies
        if np.isnan(by_seed).any():
            raise SystemExit("the ground truth is not finished: python benchmarks/ground_truth.py make")
        layers = [listed.found_space.place(architecture) for architecture in listed.architectures]
        macs, parameters = (
            [float(sum(getattr(layer, cost) for layer in of)) for of in layers] for cost in ("macs", "parameters")
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


VOTES = {
    "second stage": ("stitched", "stitched agreement", "block sum"),
    "second stage, from answers": ("from answers", "stitched agreement", "block sum"),
    "second stage, as it was": ("from scores", "agreement, not shifted"),
    "divergence, block sum and parameters": ("stitched", "block sum"),
    "divergence from scores, block sum and parameters": ("from scores", "block sum"),
}
"""Whose ranks are averaged, parameters always among them."""

ASKED_TOGETHER = {
    ("second stage", method)
    for method in (
        "dna",
        "dna-longer",
        "dna-small-batches",
        "dna-small-batches-longer",
        "dna-largest-teacher",
        "dna-largest-teacher-small-batches",
        "dna-largest-teacher-small-batches-longer",
    )
}
"""Methods whose seeds share a teacher: what they say is averaged as well, as `rate --supernets 3` does."""


def rows_of(truth: Truth, found: Sequence[MethodScores]) -> list[Row]:
    """Costs, operator counts, every kind of every method, and the rank averages of DNA's kinds."""
    listed = truth.listed
    table = LatencyTable.read(Path(__file__).parent.parent / "latency_tables" / "fashion.cpu-1thread.json")
    counts = operator_counts(listed.found_space, listed.architectures)
    predicted = [table.predict(listed.found_space, architecture).seconds for architecture in listed.architectures]
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
    for one in found:
        for kind, values in one.scores.items():
            kinds.setdefault((one.method, kind), []).append(values)
    rows += [Row(f"{method}: {kind}", np.array(values)) for (method, kind), values in kinds.items()]
    for method in dict.fromkeys(method for method, _ in kinds):
        for name, votes in VOTES.items():
            if all((method, kind) in kinds for kind in votes):
                parts = [np.array(kinds[method, kind]) for kind in votes]
                rows.append(Row(f"{method}: {name}", rank_average(*parts, np.tile(truth.parameters, (len(parts[0]), 1)))))
                if (name, method) in ASKED_TOGETHER:
                    means = [part.mean(0, keepdims=True) for part in parts]
                    rows.append(Row(f"{method}: {name}, all seeds asked", rank_average(*means, truth.parameters[None])))
    return rows


def rank_average(*scores: Values) -> Values:
    """The mean rank by each of several scores ``(seeds, networks)``, as the tool's second stage ranks; more is better."""
    return np.mean([rankdata(score, axis=1) for score in scores], axis=0)


def left_one_out(features: Values, target: Values, strength: float = 1.0) -> Values:
    """Each target as ridge regression on all others predicts it."""
    found = np.empty(len(target))
    for number in range(len(target)):
        rest = np.arange(len(target)) != number
        centre, spread = features[rest].mean(0), features[rest].std(0)
        scaled = (features - centre) / np.where(spread > 0, spread, 1)
        design, mean = scaled[rest], target[rest].mean()
        weights = np.linalg.solve(design.T @ design + strength * np.eye(design.shape[1]), design.T @ (target[rest] - mean))
        found[number] = mean + scaled[number] @ weights
    return found


def ceilings(truth: Truth) -> dict[str, float]:
    """What one training says about another, and what the best possible picks gain."""
    first, second, bands = truth.by_seed[:, 0], truth.by_seed[:, 1], truth.listed.bands
    return {
        "tau": tau(first, second),
        "given MACs": tau_given(first, second, (truth.macs,)),
        "given MACs and parameters": tau_given(first, second, (truth.macs, truth.parameters)),
        "within bands": tau_within(first, second, bands),
        "top 1, points": 100 * np.mean([gain_within(first, second, bands, 1), gain_within(second, first, bands, 1)]),
        "top 5, points": 100 * np.mean([gain_within(first, second, bands, 5), gain_within(second, first, bands, 5)]),
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


IMITATED = {
    "dna": "random-teacher",
    "dna-small-batches": "random-teacher-small-batches",
    "dna-largest-teacher": "random-largest-teacher",
    "dna-largest-teacher-small-batches": "random-largest-teacher-small-batches",
}
"""Trained teachers, and the random ones of the same kind that were imitated in as many steps."""

PERMUTED = ("permuted-targets", "permuted-targets-small-batches")
CONTROLS = tuple(dict.fromkeys((*IMITATED.values(), *PERMUTED)))


def controls(truth: Truth, rows: Mapping[str, Row]) -> str:
    """Every teacher by itself, since means over teachers hide signs: how much is known of it, and what orders networks."""
    drawn, given_macs = resamples(truth.listed.bands), statistics_of(truth)["given MACs"]
    kinds = ("stitched", "stitched agreement", "second stage", "block sum", "made sure", "made sure, agreement")
    lines = []
    for method in (*IMITATED, *CONTROLS):
        of = {kind: rows[f"{method}: {kind}"].scores for kind in ("known", *kinds) if f"{method}: {kind}" in rows}
        for seed, known in enumerate(of.get("known", ())):
            cells = []
            for kind in kinds:
                one = Row(kind, of[kind][seed][None]) if kind in of else None
                cells.append("" if one is None else shown(bootstrap(one.mean_over_seeds(given_macs), drawn)))
            lines.append((method, seed, f"{known.min():.2%} to {known.max():.2%}", *cells))
    return tabulate(lines, ("teacher", "seed", "known", *kinds), tablefmt="github", disable_numparse=True)


@dataclass(frozen=True)
class Order:
    """What orders networks, with what else is given besides their MACs for each seed; ``(seeds, networks)`` all.

    A seed of a control is another teacher, drawn at random like the networks: then its interval is over both.
    """

    truth: Truth
    scores: Values
    given: tuple[Values, ...] = ()
    are_teachers: bool = False

    def tau(self, of: Drawn, seeds: Drawn) -> float:
        """Kendall's tau with accuracy given MACs and what else is given, in the mean over some seeds."""
        accuracy, macs = self.truth.accuracy[of], self.truth.macs[of]
        return float(
            np.mean(
                [tau_given(self.scores[seed][of], accuracy, (macs, *(also[seed][of] for also in self.given))) for seed in seeds]
            )
        )

    def drawn_tau(self) -> Callable[[Drawn], float]:
        """The same over all seeds; over as many drawn ones in every resample where they are teachers."""
        rng, every = np.random.default_rng(0), np.arange(len(self.scores))

        def statistic(of: Drawn) -> float:
            is_resample = not np.array_equal(of, np.arange(len(of)))
            return self.tau(of, rng.choice(every, len(every)) if self.are_teachers and is_resample else every)

        return statistic


def sources_of_order(truth: Truth, rows: Mapping[str, Row]) -> str:
    """What is left of the stitched rating of trained teachers, and of what it would be of random ones, once the order by block
    sums of the same supernets is taken away; and of trained ones, once the order by imitation of random ones is.
    """
    drawn, lines = resamples(truth.listed.bands), []

    def added(name: str, *orders: Order | None) -> None:
        cells = ["" if order is None else shown(bootstrap(order.drawn_tau(), drawn)) for order in orders]
        lines.append((name, str(len(rows[name].scores)), *cells))

    for control in PERMUTED:
        if f"{control}: made sure" in rows:
            added(f"{control}: made sure", *orders_of_control(truth, rows, control, "made sure"), None)
    for trained, control in IMITATED.items():
        if f"{control}: made sure" not in rows or f"{trained}: stitched" not in rows:
            continue
        for kind in ("made sure", "made sure, agreement"):
            added(f"{control}: {kind}", *orders_of_control(truth, rows, control, kind), None)
        for kind in ("stitched", "stitched agreement", "second stage", "block sum"):
            plain, beyond = orders_of_trained(truth, rows, trained, kind)
            imitated = np.tile(imitation(rows, control), (len(plain.scores), 1))
            added(f"{trained}: {kind}", plain, beyond if "stitched" in kind else None, Order(truth, plain.scores, (imitated,)))
        stitched = orders_of_trained(truth, rows, trained, "stitched")
        made_sure = orders_of_control(truth, rows, control, "made sure")
        differences = [difference(*pair, drawn) for pair in zip(stitched, made_sure, strict=True)]
        lines.append(("*stitched minus made sure*", "", *differences, ""))
    headers = ("order", "seeds", "given MACs", "and the block sum", "and imitation")
    return tabulate(lines, headers, tablefmt="github", disable_numparse=True)


def orders_of_control(truth: Truth, rows: Mapping[str, Row], control: str, kind: str) -> tuple[Order, Order]:
    """Given MACs, and given the block sum, too."""
    scores, sums = rows[f"{control}: {kind}"].scores, -rows[f"{control}: block sum"].scores
    return Order(truth, scores, are_teachers=True), Order(truth, scores, (sums,), are_teachers=True)


def orders_of_trained(truth: Truth, rows: Mapping[str, Row], trained: str, kind: str) -> tuple[Order, Order]:
    """Given MACs, and given the block sum, too."""
    scores = rows[f"{trained}: {kind}"].scores
    return Order(truth, scores), Order(truth, scores, (-rows[f"{trained}: block sum"].scores,))


def difference(first: Order, second: Order, drawn: list[Drawn]) -> str:
    """What the first has more, and how often it is ahead."""
    ahead, behind = first.drawn_tau(), second.drawn_tau()
    found = np.array([ahead(of) - behind(of) for of in drawn])
    low, high = np.quantile(found, (0.025, 0.975))
    every = np.arange(len(first.truth.accuracy))
    value = ahead(every) - behind(every)
    return f"{shown(Estimate(value, float(low), float(high)))}, ahead {np.mean(found > 0):.2f}"


def imitation(rows: Mapping[str, Row], control: str) -> Values:
    """How well each network imitates random teachers: its mean rank by what it knows of them, made sure of themselves."""
    return np.mean([rankdata(score) for score in rows[f"{control}: made sure"].scores], axis=0)


def tells(name: str) -> bool:
    """Whether a row is in the table of all ratings: of controls what the tool says alone, the rest is in their own."""
    method, _, kind = name.partition(": ")
    if method in CONTROLS:
        return kind in ("block sum", "second stage")
    return method != "calibrated" and kind != "known" and (kind == "block sum" or not kind.startswith("block "))


PAIRS = (
    ("dna+: second stage", "dna: second stage"),
    ("dna+: second stage", "spos: minus loss"),
    ("dna+: block sum", "dna: block sum"),
    ("dna+: block sum", "spos: minus loss"),
    ("dna-largest-teacher: block sum", "dna: block sum"),
    ("dna-largest-teacher: block sum", "dna: second stage"),
    ("dna-largest-teacher: block sum", "dna+: block sum"),
    ("dna-largest-teacher: block sum", "spos: minus loss"),
    ("dna-largest-teacher: block sum", "MACs"),
    ("dna-largest-teacher: second stage", "dna: second stage"),
    ("dna-largest-teacher: second stage", "dna-largest-teacher: block sum"),
    ("dna-largest-teacher: second stage", "dna-largest-teacher: second stage, as it was"),
    ("dna-largest-teacher: second stage", "random-largest-teacher: second stage"),
    ("dna-largest-teacher: second stage", "spos: minus loss"),
    ("dna-largest-teacher: second stage", "spos: accuracy"),
    ("dna-largest-teacher: second stage", "MACs"),
    ("dna-largest-teacher: second stage", "parameters"),
    ("dna: second stage", "dna: second stage, as it was"),
    ("dna: second stage", "spos: minus loss"),
    ("dna: second stage, all seeds asked", "dna: second stage"),
    ("dna-longer: second stage", "dna: second stage"),
    ("dna-small-batches: second stage", "dna: second stage"),
    ("dna-small-batches: block sum", "dna: block sum"),
    ("dna-small-batches: second stage", "spos-small-batches: minus loss"),
    ("dna-small-batches: second stage, all seeds asked", "dna: second stage, all seeds asked"),
    ("spos-small-batches: minus loss", "spos: minus loss"),
    ("dna-largest-teacher-small-batches: second stage", "dna-largest-teacher: second stage"),
    ("dna-largest-teacher-small-batches: second stage", "dna-small-batches: second stage"),
    ("dna-largest-teacher-small-batches: second stage", "spos-small-batches: minus loss"),
    ("dna-largest-teacher-small-batches: block sum", "dna-largest-teacher: block sum"),
    ("dna-largest-teacher-small-batches: block sum", "dna-small-batches: block sum"),
    ("dna-largest-teacher-small-batches: block sum", "spos-small-batches: minus loss"),
    ("dna-largest-teacher-small-batches: second stage", "random-largest-teacher-small-batches: second stage"),
    ("dna-largest-teacher-small-batches: block sum", "random-largest-teacher-small-batches: block sum"),
    ("dna-largest-teacher-small-batches-longer: second stage", "dna-largest-teacher-small-batches: second stage"),
    ("dna-largest-teacher-small-batches-longer: second stage", "spos-small-batches: minus loss"),
    ("dna: second stage, all seeds asked", "dna-longer: second stage"),
    ("dna-longer: block sum", "dna: block sum"),
    ("dna: second stage", "parameters"),
    ("dna: second stage", "random-teacher: second stage"),
    ("dna: second stage", "spos: accuracy"),
    ("dna: block sum", "spos: accuracy"),
    ("dna: stitched", "spos: accuracy"),
    ("dna: second stage", "MACs"),
    ("dna: second stage", "operator counts, fitted on all other networks"),
    ("dna: block sum", "random-teacher: block sum"),
    ("dna: block sum", "permuted-targets: block sum"),
    ("chain-2: second stage", "chain-3: second stage"),
    ("chain-3: second stage", "chain-1: second stage"),
    ("chain-2: block sum", "chain-3: block sum"),
    ("chain-3: block sum", "chain-1: block sum"),
    ("chain-2: block sum", "chain-1: block sum"),
)
DRAWN = (
    "MACs",
    "dna-small-batches: block sum",
    "dna-small-batches: second stage",
    "dna-largest-teacher-small-batches: block sum",
    "dna-largest-teacher-small-batches: second stage",
    "spos-small-batches: minus loss",
)


def report(of: GroundTruth, found: Sequence[MethodScores], tables: Path, picture: Path) -> None:
    """Writes the tables and the picture."""
    truth = Truth.read(of)
    listed = truth.listed
    rows = {row.name: row for row in rows_of(truth, found)}
    pairs = [(rows[first], rows[second]) for first, second in PAIRS if first in rows and second in rows]
    costs = tabulate(
        [
            (one.method, one.seed, f"{one.cpu_s:.0f}", *(f"{name} {value:.1%}" for name, value in one.facts.items()))
            for one in found
        ],
        ("method", "seed", "CPU s"),
        tablefmt="github",
    )
    parts = (
        "<!-- made by: python benchmarks/evidence.py report -->",
        f"{len(listed.networks)} networks, {truth.by_seed.shape[1]} trainings each; list {listed.digest[:19]}, images "
        f"{listed.data_digest[:19]}. Means over supernet seeds, with 95 % bootstrap intervals over networks, bands kept.",
        judge(
            truth,
            [row for name, row in rows.items() if tells(name)],
        ),
        "Paired differences on the same resampled networks, and the share of resamples in which the first is ahead:",
        compare(truth, pairs),
        "Controls, tau given MACs of each teacher by itself. *Known* is what networks know of its beliefs, of what an answer "
        "can tell: below 1 % it is not counted, and the stitched rating has no order (-). *Made sure*: the order that there "
        "would be if it were counted, of scores as far apart as a trained teacher's.",
        controls(truth, rows),
        "Where a trained teacher's order comes from: tau given MACs; given the sum of block ratings of the same supernets, "
        "too, which keeps much of what it knows with any teacher; and given imitation, the mean rank of a network by what it "
        "knows of random teachers of the same kind, made sure of themselves. Intervals of random teachers are over teachers "
        "and networks.",
        sources_of_order(truth, rows),
        "What each run took; a teacher, trained once, is in the first run that needed it:",
        costs,
    )
    tables.write_text("\n\n".join(parts) + "\n")
    draw(truth, [rows[name] for name in DRAWN if name in rows], picture)


def draw(truth: Truth, rows: Sequence[Row], path: Path) -> None:
    """Accuracy over score, a dot a network, coloured by band of latency."""
    import matplotlib as mpl

    mpl.use("svg")
    mpl.rcParams["svg.hashsalt"] = "evidence"  # the same bytes from the same numbers
    from matplotlib import pyplot as plt

    figure, axes = plt.subplots(2, -(-len(rows) // 2), figsize=(11, 6.4), sharey=True, squeeze=False, layout="constrained")
    for axis, row in zip(axes.flat, rows, strict=False):
        for band, colour in zip(np.unique(truth.listed.bands), ("#2a6f97", "#e07a1f", "#7a3b8f"), strict=False):
            of = truth.listed.bands == band
            axis.scatter(rankdata(row.scores[0])[of], 100 * truth.accuracy[of], s=18, color=colour, label=f"band {band + 1}")
        axis.set_title(row.name, fontsize=10)
        axis.set_xlabel("rank by the rating, best to the right", fontsize=8)
    for axis in axes[:, 0]:
        axis.set_ylabel("test accuracy, %")
    axes[0, 0].legend(fontsize=8)
    figure.savefig(path, metadata={"Date": None})
    plt.close(figure)
