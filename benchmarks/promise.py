"""Do networks keep their budget when they are measured? Ten budgets spread over the front, with the promise loop and without.

For every budget there are two networks: what search finds first (what a user gets without ``--keep-promise``), and what the
promise loop chooses. In the end all of them are measured again, apart from the loop, in passes, and the fastest counts:
other work on the machine only ever adds.

    dna-deploy profile --space fashion
    python benchmarks/promise.py fashion latency_tables/fashion.cpu-1thread.json > benchmarks/results/promise_fashion.txt
"""

from __future__ import annotations

import argparse
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from search_instances import rating_table
from tabulate import tabulate

from dna_deploy.errors import PromiseError
from dna_deploy.export.promise import keep_promise, measure_untrained
from dna_deploy.records.latency_table import LatencyTable
from dna_deploy.records.search_outcome import SearchOutcome
from dna_deploy.search import Constraint, Latency, search
from dna_deploy.spaces.architecture import Architecture
from dna_deploy.spaces.catalog import find_space
from dna_deploy.spaces.space import SearchSpace
from dna_deploy.targets.plan import SamplingPlan
from dna_deploy.units import Duration

PASSES = 4


@dataclass(frozen=True)
class Result:
    """One budget, what was found for it, and what that takes."""

    budget: Duration
    first: Architecture
    chosen: Architecture | None
    """None: the loop found no network that kept it."""
    rounds: int


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("space")
    parser.add_argument("table", type=Path)
    parser.add_argument("--budgets", type=int, default=10)
    parser.add_argument("--seed", type=int, default=0, help="of the ratings")
    asked = parser.parse_args()
    space, table = find_space(asked.space), LatencyTable.read(asked.table)
    table.check_space(space)
    print(
        f"space {space.name}, target {table.target.name} ({table.fingerprint.processor}, {table.fingerprint.runtime_version})"
    )
    print(f"table grade {table.grade}, off by {table.calibration('p50').relative_error:.1%} on networks left out\n")
    results = run(space, table, asked.budgets, asked.seed)
    report(results, measured_again(space, table, results))


def run(space: SearchSpace, table: LatencyTable, budgets: int, seed: int) -> list[Result]:
    ratings = rating_table(space, seed)
    front = search(space, ratings, [table]).front.points
    fastest, slowest = front[0].costs[0], front[-1].costs[0]
    measure = measure_untrained(space, table.target, SamplingPlan(), "p50")
    results = []
    for share in (np.arange(budgets) + 0.5) / budgets:
        budget = Duration(float(fastest + share * (slowest - fastest)))

        def find(with_table: LatencyTable, budget: Duration = budget) -> SearchOutcome:
            return search(space, ratings, [with_table], [Constraint(Latency(), at_most=budget.seconds)])

        first = find(table).network(space)
        try:
            kept = keep_promise(space, find, table, budget, "p50", measure)
            results.append(Result(budget, first, kept.chosen.outcome.network(space), len(kept.attempts)))
        except PromiseError:
            results.append(Result(budget, first, None, 0))
    return results


def measured_again(space: SearchSpace, table: LatencyTable, results: list[Result]) -> dict[Architecture, Duration]:
    measure = measure_untrained(space, table.target, SamplingPlan(), "p50")
    networks = dict.fromkeys(one for result in results for one in (result.first, result.chosen) if one is not None)
    passes = [{network: measure(network).quantile("p50").seconds for network in networks} for _ in range(PASSES)]
    return {network: Duration(min(one[network] for one in passes)) for network in networks}


def report(results: list[Result], latencies: dict[Architecture, Duration]) -> None:
    found = [(one, latencies[one.first], latencies[one.chosen] if one.chosen else None) for one in results]
    rows = [
        (one.budget, first, _left(one.budget, first), one.rounds or "-", chosen or "none", _left(one.budget, chosen))
        for one, first, chosen in found
    ]
    headers = ("asked", "without loop", "left", "rounds", "with loop", "left")
    print(tabulate(rows, headers=headers, disable_numparse=True))
    print()
    for name, column in (("without", 1), ("with", 2)):
        left = [1 - row[column].seconds / row[0].budget.seconds for row in found if row[column]]
        met = [one for one in left if one >= 0]
        print(f"{name} the loop: {len(met)} of {len(results)} budgets met, mean slack of those {np.mean(met):.1%}")


def _left(budget: Duration, took: Duration | None) -> str:
    return "-" if took is None else f"{1 - took.seconds / budget.seconds:+.1%}"


if __name__ == "__main__":
    main()
