"""Do networks keep their budget when they are measured? Ten budgets spread over the front, with the promise loop and without.

For every budget there are two networks: what search finds first (what a user gets without ``search promise``), and what the
promise loop chooses. Right after the loop both are measured again as ``verify`` does, in processes of their own, three times in
turns; the median counts. A reference network takes its turn with them: where it takes longer than it did at the beginning, the
machine has changed its pace since it was profiled, and nothing but the loop can know. Search answers with the optimum itself,
since a cheaper network that ties with it would leave slack.

    dna-deploy profile --space fashion
    python -m benchmarks.latency.promise fashion latency_tables/fashion.cpu-1thread.json \
        > benchmarks/results/promise_fashion.txt

Where others share the machine, give ``--steady`` to both: what they slowed down is then measured again.

What is found is kept in a file, so that the budgets can be gone through a few at a time: ``--some 2 --work found.jsonl``.
"""

from __future__ import annotations

import argparse
import json
import os
import tempfile
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import median

import numpy as np
from tabulate import tabulate

from benchmarks.search.instances import rating_table
from dna_deploy.errors import PromiseError
from dna_deploy.export.formats.model_file import export_architecture
from dna_deploy.latency.measure import measure_model
from dna_deploy.pipeline.promise import MOST_ROUNDS, keep_promise, measure_untrained
from dna_deploy.records.latency_table import LatencyTable
from dna_deploy.records.rating_table import RatingTable
from dna_deploy.records.search_outcome import SearchOutcome
from dna_deploy.search import Constraint, Latency, search
from dna_deploy.spaces.catalog import find_chain
from dna_deploy.spaces.chain import HeadedSpace
from dna_deploy.targets.plan import SamplingPlan
from dna_deploy.units import Duration


@dataclass(frozen=True)
class Effort:
    """How thoroughly networks are measured, how often all of them, and how many rounds the loop has at most."""

    plan: SamplingPlan
    passes: int = 3
    rounds: int = MOST_ROUNDS


USUAL = Effort(SamplingPlan(least_s=2.0))
"""Of small networks more samples, over two seconds."""

STEADY = Effort(USUAL.plan.model_copy(update={"steady": True}))
QUICK = Effort(SamplingPlan(rounds=4), passes=1, rounds=1)


@dataclass(frozen=True)
class Found:
    """One budget, what was found for it, and what that took when it was measured again (seconds, medians)."""

    budget_s: float
    first: str
    chosen: str | None
    """None: the loop found no network that kept it."""
    rounds: int
    first_s: float
    chosen_s: float | None
    reference_s: float
    """The slowest network of the front, measured in turns with them."""


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("space")
    parser.add_argument("table", type=Path)
    parser.add_argument("--budgets", type=int, default=10)
    parser.add_argument("--seed", type=int, default=0, help="of the ratings")
    parser.add_argument("--steady", action="store_true", help="repeat what others slowed down")
    parser.add_argument("--work", type=Path, help="keep what is found here, and go on from it")
    parser.add_argument("--quick", action="store_true", help="try this program: what it prints is worth nothing")
    parser.add_argument("--some", type=int, help="stop after so many budgets; the last call measures all again")
    asked = parser.parse_args(arguments)
    space, table = find_chain(asked.space).with_head(), LatencyTable.read(asked.table)
    table.check_space(space)
    ratings = rating_table(space, asked.seed)
    known = asked.work.read_text().splitlines() if asked.work and asked.work.exists() else []
    found = [Found(**json.loads(line)) for line in known]
    points = search(space, ratings, [table]).front.points
    budgets = spread(points[0].costs[0], points[-1].costs[0], asked.budgets)
    effort = QUICK if asked.quick else STEADY if asked.steady else USUAL
    for budget in budgets[len(found) :][: asked.some]:
        found.append(find(space, ratings, table, budget, points[-1].architecture, effort))
        if asked.work:
            with asked.work.open("a") as file:
                file.write(json.dumps(asdict(found[-1])) + "\n")
    if len(found) == len(budgets) and asked.some is None:
        report(table, found, "steady" if asked.steady else "every visit counts")


def spread(fastest_s: float, slowest_s: float, count: int) -> list[Duration]:
    return [Duration(float(fastest_s + share * (slowest_s - fastest_s))) for share in (np.arange(count) + 0.5) / count]


def find(
    space: HeadedSpace, ratings: RatingTable, table: LatencyTable, budget: Duration, reference: str, effort: Effort
) -> Found:
    def best(with_table: LatencyTable) -> SearchOutcome:
        limit = Constraint(Latency(), at_most=budget.seconds)
        return search(space, ratings, [with_table], [limit], prefer_cheaper=False)

    first, chosen, rounds = best(table).best.architecture, None, 0
    measure = measure_untrained(space, table, effort.plan, "p50")
    with suppress(PromiseError):
        kept = keep_promise(space, best, table, budget, "p50", measure, rounds=effort.rounds)
        chosen, rounds = kept.chosen.architecture, len(kept.attempts)
    took = measured_again(space, table, [line for line in (first, chosen, reference) if line], effort)
    return Found(budget.seconds, first, chosen, rounds, took[first], took[chosen] if chosen else None, took[reference])


def measured_again(space: HeadedSpace, table: LatencyTable, architectures: list[str], effort: Effort) -> dict[str, float]:
    networks = list(dict.fromkeys(architectures))
    with tempfile.TemporaryDirectory() as folder:
        files = {
            line: export_architecture(space, space.parse(line), None, Path(folder) / str(number)).path
            for number, line in enumerate(networks)
        }
        passes = [
            {line: measure_model(file, table.target, effort.plan).p50.seconds for line, file in files.items()}
            for _ in range(effort.passes)
        ]
    return {line: median(one[line] for one in passes) for line in networks}


def report(table: LatencyTable, found: list[Found], how: str) -> None:
    machine, off = table.fingerprint, table.calibration("p50").relative_error
    print(f"space {table.space}, target {table.target.name} ({machine.processor}, {machine.runtime_version})")
    print(
        f"table grade {table.grade}, off by {off:.1%} on networks left out; {how}; load {os.getloadavg()[0]:.1f} at the end\n"
    )
    pace = found[0].reference_s
    rows = [
        (
            *(Duration(one.budget_s), Duration(one.first_s), left(one.budget_s, one.first_s), one.rounds or "-"),
            *(Duration(one.chosen_s) if one.chosen_s else "none", left(one.budget_s, one.chosen_s)),
            f"{one.reference_s / pace - 1:+.1%}",
        )
        for one in found
    ]
    headers = ("asked", "without loop", "left", "rounds", "with loop", "left", "reference")
    print(tabulate(rows, headers=headers, disable_numparse=True))
    print()
    for name, pairs in (
        ("without", [(one.budget_s, one.first_s) for one in found]),
        ("with", [(one.budget_s, one.chosen_s) for one in found if one.chosen_s]),
    ):
        shares = [1 - took_s / budget_s for budget_s, took_s in pairs]
        met = [share for share in shares if share >= 0]
        slack = f", mean slack of those {np.mean(met):.1%}" if met else ""
        worst = f"; at worst {min(shares):+.1%}" if shares else ""
        print(f"{name} the loop: {len(met)} of {len(found)} budgets met{slack}{worst}")


def left(budget_s: float, took_s: float | None) -> str:
    return "-" if took_s is None else f"{1 - took_s / budget_s:+.1%}"


if __name__ == "__main__":
    main()
