"""Which rating of candidates tells how accurate a network is after a short fine-tuning: local, replace-one, or joint.

    python -m benchmarks.fit.ablation CASE --pictures FOLDER --weights FOLDER --out OUT > results/fit_ablation_CASE.md

Networks of one band of time that are chosen blindly, and networks near the best by the sum of ratings (found by ratings
that are blurred by chance), are all fine-tuned from the weights that the product hands out. A network is a row of
benchmarks/results/fit_ablation_CASE.csv with every score, so that the same command resumes; blind ones and near ones
take turns.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import torch
from tabulate import tabulate

from benchmarks.fit.__main__ import bench_of, case_of, options_of
from benchmarks.fit.bench import UNIT_STEPS, Bench, say
from benchmarks.rows import add_rows, read_rows
from dna_deploy.export.kits.own_kit import macs_of
from dna_deploy.fit.candidates import Candidates
from dna_deploy.fit.judging import Judge
from dna_deploy.pipeline.fit.baselines import random_feasible
from dna_deploy.pipeline.fit.ratings import Ratings, rate
from dna_deploy.pipeline.fit.space import Choice
from dna_deploy.pipeline.fit.wholes import Wholes
from dna_deploy.statistics.ranks import SMALLEST, bootstrap, resamples, tau, tau_given

BLIND, NEAR = "chosen blindly", "near the best"
_BLUR = 0.5
"""Standard deviation of the logarithm that ratings are blurred by."""

_MACS, _WEIGHTS, _LATENCY = "multiply-accumulates", "parameters", "predicted latency"
_COSTS = (_MACS, _WEIGHTS, _LATENCY)


@dataclass
class Ablation:
    """A bench and all ratings of its candidates."""

    bench: Bench
    share: float

    @cached_property
    def ratings(self) -> Mapping[str, Ratings]:
        """By how candidates were made, and how they were rated."""
        prepared = self.bench.prepared
        say("candidates with nothing refitted")
        plain = self.bench.prepare(repaired=False)
        say("candidates that have learnt")
        trained = self.bench.prepare(unit_steps=UNIT_STEPS)
        return {
            "refitted": prepared.space.ratings,
            "refitted, norms as they were": self._stale("refitted", prepared.space.candidates),
            "as they were cut": plain.space.ratings,
            "as they were cut, norms as they were": self._stale("cut", plain.space.candidates),
            "refitted and trained": trained.space.ratings,
        }

    def _stale(self, name: str, candidates: Mapping[str, Candidates]) -> Ratings:
        """Batch norms behind a candidate keep the statistics of the original."""
        judge, folder = self.bench.prepared.judge, self.bench.sources.out / "work" / f"stale-{name}"
        return rate(Wholes(Judge(judge.network, judge.batches), folder / "wholes.json"), candidates, folder)

    def scores(self, choice: Choice) -> dict[str, float]:
        """Of a network, less is better."""
        prepared = self.bench.prepared
        space, judge = prepared.space, prepared.judge
        scores: dict[str, float] = {}
        for name, ratings in self.ratings.items():
            scores[f"replace-one, {name}"] = sum(ratings.divergences[path][code] for path, code in choice.items())
            scores[f"local, {name}"] = sum(ratings.errors[path][code] for path, code in choice.items())
        scores["replace-one and depths, refitted"] = space.rating(choice)
        network = space.assembled(choice)
        joint: Callable[[torch.nn.Module], float] = lambda each: judge.divergence(judge.answers_of(each)).value  # noqa: E731
        scores["joint, refitted, norms as they were"] = joint(network)
        scores["joint, refitted"] = prepared.divergence(choice, mends=False).value
        images = torch.zeros(1, *self.bench.own.input.sizes)
        costs = (macs_of(network, images), sum(weight.numel() for weight in network.parameters()), space.predicted_s(choice))
        return {**scores, **dict(zip(_COSTS, costs, strict=True))}

    def networks(self, count: int) -> Iterator[tuple[str, int, Choice]]:
        """So many of each group, all different, the groups in turns."""
        space = self.bench.prepared.space
        budget_s, seen = self.share * space.original_s, set[tuple[str, ...]]()

        def near(seed: int) -> Choice:
            rng = random.Random(seed)
            blurred = {
                path: {code: rating * rng.lognormvariate(0.0, _BLUR) for code, rating in rated.items()}
                for path, rated in space.ratings.divergences.items()
            }
            return space.best(budget_s, ratings=blurred, with_depths=False)[0][0]

        for number in range(count):
            for group, draw in ((BLIND, lambda seed: random_feasible(space, budget_s, seed)), (NEAR, near)):
                choice = next(each for seed in range(100) if tuple((each := draw(1000 * seed + number)).values()) not in seen)
                seen.add(tuple(choice.values()))
                yield group, number, choice


def add_missing(ablation: Ablation, count: int, epochs: int) -> None:
    """The rows of networks that are not there."""
    bench = ablation.bench
    for group, number, choice in ablation.networks(count):
        there = {(row["group"], int(row["number"])) for row in read_rows(bench.rows)}
        if (group, number) in there:
            continue
        say(group, number)
        scores, whole = ablation.scores(choice), bench.prepared.deployed(choice)
        tuned = bench.tuned(whole.network, epochs, seed=0)
        before, after = (bench.right(network).mean() for network in (whole.network, tuned))
        add_rows(bench.rows, [{
            "group": group, "number": number, "before": f"{float(before):.4f}", "after": f"{float(after):.4f}",
            "epochs": epochs, "test images": len(bench.data.test),
            **{name: f"{score:.6g}" for name, score in {**scores, "joint, mended": whole.joint.value}.items()},
            "changes": "; ".join(f"{path} {code}" for path, code in choice.items() if code != "keep"),
        }])  # fmt: skip


def page(words: str, rows: Sequence[Mapping[str, str]]) -> str:
    """Kendall's tau of every score with accuracy after fine-tuning, a group a column, with 95 % intervals over networks."""
    fixed = {"group", "number", "before", "after", "epochs", "test images", "changes"}
    names = [name for name in (rows[0] if rows else {}) if name not in fixed]
    lines = [[name, *(cell for group in (BLIND, NEAR) for cell in _cells(name, group, rows))] for name in (*names, "before")]
    headers = ("score", *(f"{group}{what}" for group in (BLIND, NEAR) for what in (": tau", ", given MACs")))
    counts = ", ".join(f"{sum(row['group'] == group for row in rows)} {group}" for group in (BLIND, NEAR))
    spread = "; ".join(_spread(group, rows) for group in (BLIND, NEAR))
    return f"# Ratings against accuracy after fine-tuning\n\n{words}; {counts}. Accuracy after it: {spread}.\n\n" + tabulate(
        lines, headers, tablefmt="github", disable_numparse=True
    )


def _columns(group: str, rows: Sequence[Mapping[str, str]], *names: str) -> list[np.ndarray]:
    return [np.array([float(row[name]) for row in rows if row["group"] == group]) for name in names]


def _spread(group: str, rows: Sequence[Mapping[str, str]]) -> str:
    (after,) = _columns(group, rows, "after")
    return f"{group} {100 * after.min():.1f} to {100 * after.max():.1f} %" if len(after) else f"{group} none"


def _cells(name: str, group: str, rows: Sequence[Mapping[str, str]]) -> tuple[str, str]:
    score, after, macs = _columns(group, rows, name, "after", _MACS)
    if len(after) < SMALLEST:
        return "", ""
    score = score if name in {"before", *_COSTS} else -score  # a costlier network is taken for a better one
    drawn = resamples(np.zeros(len(after)))
    plain = bootstrap(lambda part: tau(score[part], after[part]), drawn)
    given = bootstrap(lambda part: tau_given(score[part], after[part], (macs[part],)), drawn)
    first, second = (f"{each.value:.2f} [{each.low:.2f}, {each.high:.2f}]" for each in (plain, given))
    return first, "" if name == _MACS else second


def main() -> None:
    """Adds the rows that are missing, and prints the table."""
    parser = options_of(__doc__)
    parser.add_argument("--networks", type=int, default=24, help="of each group")
    parser.add_argument("--share", type=float, default=0.5, help="of the original's time")
    parser.add_argument("--tuning", type=int, default=1, help="epochs")
    options = parser.parse_args()
    case, rows = case_of(options), options.results / f"fit_ablation_{options.case}.csv"
    if not options.print:
        add_missing(Ablation(bench_of(options, case, rows), options.share), options.networks, options.tuning)
    print(page(case.words, read_rows(rows)))


if __name__ == "__main__":
    main()
