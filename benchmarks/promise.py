"""Do networks keep their budget when they are measured? Ten budgets spread over the front, with the promise loop and without.

For every budget there are two networks: what search finds first (what a user gets without ``--keep-promise``), and what the
promise loop chooses. In the end all of them are measured again, apart from the loop, in passes over all of them; the median
of the passes counts. Search answers with the optimum itself, since a cheaper network that ties with it would leave slack.

    dna-deploy profile --space fashion
    python benchmarks/promise.py fashion latency_tables/fashion.cpu-1thread.json > benchmarks/results/promise_fashion.txt

What is found is kept in a file, so that the budgets can be gone through a few at a time: ``--some 2 --work found.jsonl``.
"""

from __future__ import annotations

import argparse
import json
import os
import tempfile
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import median

import numpy as np
from search_instances import rating_table
from tabulate import tabulate

from dna_deploy.errors import PromiseError
from dna_deploy.export.model_file import export_architecture
from dna_deploy.export.promise import keep_promise, measure_untrained
from dna_deploy.latency.measure import measure_model
from dna_deploy.records.latency_table import LatencyTable
from dna_deploy.records.rating_table import RatingTable
from dna_deploy.records.search_outcome import SearchOutcome
from dna_deploy.search import Constraint, Latency, search
from dna_deploy.spaces.catalog import find_space
from dna_deploy.spaces.space import SearchSpace
from dna_deploy.targets.plan import SamplingPlan
from dna_deploy.units import Duration

PASSES = 3
PLAN = SamplingPlan(least_s=2.0)
"""Of small networks more samples, over two seconds."""


@dataclass(frozen=True)
class Found:
    """One budget and what was found for it."""

    budget_s: float
    first: str
    chosen: str | None
    """None: the loop found no network that kept it."""
    rounds: int


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("space")
    parser.add_argument("table", type=Path)
    parser.add_argument("--budgets", type=int, default=10)
    parser.add_argument("--seed", type=int, default=0, help="of the ratings")
    parser.add_argument("--work", type=Path, help="keep what is found here, and go on from it")
    parser.add_argument("--some", type=int, help="stop after so many budgets; the last call measures all again")
    asked = parser.parse_args()
    space, table = find_space(asked.space), LatencyTable.read(asked.table)
    table.check_space(space)
    ratings = rating_table(space, asked.seed)
    known = asked.work.read_text().splitlines() if asked.work and asked.work.exists() else []
    found = [Found(**json.loads(line)) for line in known]
    budgets = spread(space, ratings, table, asked.budgets)
    for budget in budgets[len(found) :][: asked.some]:
        found.append(find(space, ratings, table, budget))
        if asked.work:
            with asked.work.open("a") as file:
                file.write(json.dumps(asdict(found[-1])) + "\n")
    if len(found) == len(budgets) and asked.some is None:
        report(table, found, measured_again(space, table, found))


def spread(space: SearchSpace, ratings: RatingTable, table: LatencyTable, count: int) -> list[Duration]:
    front = search(space, ratings, [table]).front.points
    fastest, slowest = front[0].costs[0], front[-1].costs[0]
    return [Duration(float(fastest + share * (slowest - fastest))) for share in (np.arange(count) + 0.5) / count]


def find(space: SearchSpace, ratings: RatingTable, table: LatencyTable, budget: Duration) -> Found:
    def best(with_table: LatencyTable) -> SearchOutcome:
        limit = Constraint(Latency(), at_most=budget.seconds)
        return search(space, ratings, [with_table], [limit], prefer_cheaper=False)

    first = best(table).best.architecture
    measure = measure_untrained(space, table.target, PLAN, "p50")
    try:
        kept = keep_promise(space, best, table, budget, "p50", measure)
    except PromiseError:
        return Found(budget.seconds, first, None, 0)
    return Found(budget.seconds, first, kept.chosen.architecture, len(kept.attempts))


def measured_again(space: SearchSpace, table: LatencyTable, found: list[Found]) -> dict[str, Duration]:
    networks = list(dict.fromkeys(line for one in found for line in (one.first, one.chosen) if line is not None))
    with tempfile.TemporaryDirectory() as folder:
        files = {
            line: export_architecture(space, space.parse(line), None, Path(folder) / str(number)).path
            for number, line in enumerate(networks)
        }
        passes = [
            {line: measure_model(file, table.target, PLAN).p50.seconds for line, file in files.items()} for _ in range(PASSES)
        ]
    return {line: Duration(median(one[line] for one in passes)) for line in networks}


def report(table: LatencyTable, results: list[Found], latencies: dict[str, Duration]) -> None:
    machine, off = table.fingerprint, table.calibration("p50").relative_error
    print(f"space {table.space}, target {table.target.name} ({machine.processor}, {machine.runtime_version})")
    print(f"table grade {table.grade}, off by {off:.1%} on networks left out; load {os.getloadavg()[0]:.1f} at the end\n")
    found = [(one, latencies[one.first], latencies[one.chosen] if one.chosen else None) for one in results]
    rows = [
        (Duration(one.budget_s), first, _left(one, first), one.rounds or "-", chosen or "none", _left(one, chosen))
        for one, first, chosen in found
    ]
    headers = ("asked", "without loop", "left", "rounds", "with loop", "left")
    print(tabulate(rows, headers=headers, disable_numparse=True))
    print()
    for name, column in (("without", 1), ("with", 2)):
        left = [1 - row[column].seconds / row[0].budget_s for row in found if row[column]]
        met = [one for one in left if one >= 0]
        slack = f", mean slack of those {np.mean(met):.1%}" if met else ""
        print(f"{name} the loop: {len(met)} of {len(results)} budgets met{slack}")


def _left(one: Found, took: Duration | None) -> str:
    return "-" if took is None else f"{1 - took.seconds / one.budget_s:+.1%}"


if __name__ == "__main__":
    main()
