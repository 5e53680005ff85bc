"""What orders networks where a teacher has learnt something, and where it has not: trained teachers against controls."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
from scipy.stats import rankdata
from tabulate import tabulate

from benchmarks.rating.experiments import EXPERIMENTS
from benchmarks.rating.judge import Row, Truth, Values, shown, statistics_of
from dna_deploy.statistics.ranks import Drawn, Estimate, bootstrap, resamples, tau_given

IMITATED = {experiment.name: experiment.imitated for experiment in EXPERIMENTS.values() if experiment.imitated}
"""Trained teachers, and the random ones of the same kind that were imitated in as many steps."""

PERMUTED = tuple(experiment.name for experiment in EXPERIMENTS.values() if experiment.targets == "permuted")
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
