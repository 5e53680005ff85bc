"""Search, side by side: gap to the optimum and time of ours and of nine others, on the same table and ratings.

    benchmarks/search/setup.sh && python -m benchmarks.search.run > benchmarks/results/search.txt

It takes about ten minutes of an idle machine; `search.py one`, `search.py many hard` and so on run parts of it.

All searchers get the same additive problem: the simple supernet of DNA (one cell a block, 6 operations, 19 layers,
6.1e14 networks), because OFA's and Puzzletron's searchers know no coupled widths. One thread each. Imports are not
counted, nor is reading the problem. Ours is also run on the whole `mbconv` space and on growing spaces.
"""

from __future__ import annotations

import json
import os
import resource
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Collection, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TypeVar

import numpy as np

from benchmarks.search.instances import latency_table, long_space, rating_table
from dna_deploy.search import Constraint, Latency, Macs, Rating
from dna_deploy.search.cost_model import CostModel
from dna_deploy.search.front import trade_off
from dna_deploy.search.solver.exact import solve
from dna_deploy.spaces.block import Block
from dna_deploy.spaces.catalog import find_chain
from dna_deploy.spaces.chain import HeadedSpace

HERE, BENCHMARKS = Path(__file__).parent, Path(__file__).parents[1]
ENVIRONMENTS = {
    "highs": None, "cbc": "solvers", "cp-sat": "solvers", "puzzletron": "modelopt", "pymoo-ga": "solvers",
    "pymoo-nsga2": "solvers", "ofa": "ofa", "random": None, "greedy": None,
}  # fmt: skip
COSTS = (Latency("one"), Latency("two"), Macs())
PATIENCE_S, IMPORTING_S = 20, 180

Result = TypeVar("Result")


def simple_space() -> HeadedSpace:
    space = find_chain("mbconv").with_head()
    wanted = ((2, 24), (4, 40), (4, 80), (4, 112), (4, 192), (1, 320))
    blocks = zip(space.blocks, wanted, strict=True)
    cells = [
        Block(block.stride, tuple(cell for cell in block.cells if (cell.depth, cell.width) == shape)) for block, shape in blocks
    ]
    return replace(space, name="mbconv-simple", blocks=tuple(cells))


def model_of(space: HeadedSpace, seed: int) -> CostModel:
    tables = [latency_table(space, 10 * seed + 1, "one"), latency_table(space, 10 * seed + 2, "two")]
    return CostModel.build(space, rating_table(space, seed), tables, COSTS)


def budgets(model: CostModel, share: float, count: int) -> list[Constraint]:
    """``share`` of the way from the least to what the best network has, for the first ``count`` costs; below 0: too little."""
    best = solve(model, (Rating(),), ()).choices[0].tolist()
    constraints = []
    for cost in COSTS[:count]:
        least = model.value(cost, solve(model, (cost,), ()).choices[0].tolist())
        constraints.append(Constraint(cost, at_most=least + share * (model.value(cost, best) - least)))
    return constraints


def write_problem(model: CostModel, constraints: Sequence[Constraint], seed: int, path: Path) -> None:
    problem = model.problem
    ratings = [(level.values[0, 0] / problem.columns[0].ticks_per_unit).tolist() for level in problem.levels[:-1]]
    columns = [model.column(constraint.quantity) for constraint in constraints]
    costs = [level.values[columns, 0].tolist() for level in problem.levels[:-1]]
    fixed = problem.start[columns] + problem.levels[-1].values[columns, 0, 0]
    limits = {criterion.column: criterion.limit for criterion in model.criteria((), constraints)}
    body = {
        "ratings": ratings, "costs": costs, "seed": seed, "depths": [block.cells[0].depth for block in model.space.blocks],
        "budgets": [limits[column] - float(of) for column, of in zip(columns, fixed, strict=True)],
    }  # fmt: skip
    path.write_text(json.dumps(body))


def peer(name: str, path: Path) -> tuple[float | None, float | None]:
    """Rating and seconds; no seconds if it did not end in time."""
    environment = ENVIRONMENTS[name]
    python = str(BENCHMARKS / ".environments" / environment / "bin" / "python") if environment else sys.executable
    try:
        ran = subprocess.run(
            [python, str(HERE / "peers.py"), name, str(path), str(PATIENCE_S)],
            capture_output=True,
            text=True,
            timeout=PATIENCE_S + IMPORTING_S,
            check=False,
        )
    except subprocess.TimeoutExpired:
        raise SystemExit(f"{name} did not even begin to search in {IMPORTING_S} s") from None
    if ran.returncode == -signal.SIGALRM:
        return None, None
    if ran.returncode:
        raise SystemExit(f"{name} failed: {ran.stderr[-800:]}")
    body = json.loads(ran.stdout.strip().splitlines()[-1])
    return body["rating"], body["seconds"]


def timed(call: Callable[[], Result], repeats: int = 5) -> tuple[Result, float]:
    times = []
    for _ in range(repeats):
        began = time.perf_counter()
        result = call()
        times.append(time.perf_counter() - began)
    return result, statistics.median(times)


def compare(title: str, cases: list[tuple[CostModel, list[Constraint], int]]) -> None:
    print(f"\n{title}: {len(cases)} problems")
    print(f"{'searcher':14} {'mean gap':>9} {'worst gap':>9} {'median':>11}   against ours")
    optima, own, files = [], [], []
    folder = Path(tempfile.mkdtemp(prefix="search-"))  # of its own, or two runs would solve each other's problems
    for number, (model, constraints, seed) in enumerate(cases):
        solution, seconds = timed(lambda model=model, constraints=constraints: solve(model, (Rating(),), constraints))
        optima.append(model.rating(solution.choices[0].tolist())[0] if len(solution.choices) else None)
        own.append(seconds)
        files.append(folder / f"{number}.json")
        write_problem(model, constraints, seed, files[-1])
    median = statistics.median(own)
    gap, worst = ("0 %", "0 %") if optima[0] else ("none", "exists")
    print(f"{'dna-deploy':14} {gap:>9} {worst:>9} {1e3 * median:8.2f} ms   1x", flush=True)
    for name in ENVIRONMENTS:
        answers = [peer(name, path) for path in files]
        times = [took for _, took in answers if took is not None]
        if not times:
            print(f"{name:14} never returned in {PATIENCE_S} s", flush=True)
            continue
        pairs = [
            (rating, best) for (rating, _), best in zip(answers, optima, strict=True) if rating is not None and best is not None
        ]
        gaps = [100 * (rating / best - 1) for rating, best in pairs]
        missed = len(answers) - len(gaps)
        took = statistics.median(times)
        shown = (f"{statistics.mean(gaps):7.2f} %", f"{max(gaps):7.2f} %") if gaps else ("none", "found")
        note = f", none found in {missed}" if missed and gaps else ""
        print(f"{name:14} {shown[0]:>9} {shown[1]:>9} {1e3 * took:8.1f} ms   {took / median:,.0f}x{note}", flush=True)


def whole_space() -> None:
    space = find_chain("mbconv").with_head()
    model = model_of(space, 1)
    print(f"\nthe whole mbconv space, {space.size():.3g} networks, coupled widths, tables in memory")
    tables = [latency_table(space, 11, "one")]
    ratings = rating_table(space, 1)
    _, build = timed(lambda: CostModel.build(space, ratings, tables, (Latency("one"),)))
    print(f"  arrays from tables      {1e3 * build:8.2f} ms")
    for count in (1, 2, 3):
        constraints = budgets(model, 0.5, count)
        _, seconds = timed(lambda constraints=constraints: solve(model, (Rating(),), constraints))
        print(f"  optimum, {count} constraint{'s' if count > 1 else ' '}    {1e3 * seconds:8.2f} ms")
    for name, share in (("tight", 0.01), ("infeasible", -0.02)):
        constraints = budgets(model, share, 1)
        _, seconds = timed(lambda constraints=constraints: solve(model, (Rating(),), constraints))
        print(f"  {name:22}  {1e3 * seconds:8.2f} ms")
    front, seconds = timed(lambda: trade_off(model, (COSTS[0],), ()))
    print(f"  whole front             {1e3 * seconds:8.2f} ms, {len(front.ratings)} networks, exact")
    _, seconds = timed(lambda: solve(model, (Rating(),), budgets(model, 0.5, 1), top=64), 1)
    print(f"  the 64 best             {1e3 * seconds:8.2f} ms")


def growth() -> None:
    print("\nhow time grows (ours; blocks x candidates; one process each; seconds of search with 1, 2 and 3 constraints)")
    print(f"{'size':>13} {'arrays':>10} {'1':>10} {'2':>10} {'3':>10} {'peak memory':>12}")
    for blocks, candidates in ((6, 100), (6, 2000), (6, 20000), (25, 2000), (25, 20000), (50, 20000), (100, 20000)):
        command = [sys.executable, "-m", "benchmarks.search.run", "grow", str(blocks), str(candidates)]
        print(subprocess.run(command, capture_output=True, text=True, check=True).stdout, end="", flush=True)


def grow(blocks: int, candidates: int) -> None:
    space = long_space(blocks, candidates)
    tables = [latency_table(space, 1, "one"), latency_table(space, 2, "two")]
    ratings = rating_table(space, 1)
    model, build = timed(lambda: CostModel.build(space, ratings, tables, COSTS), 1)
    asked = [budgets(model, 0.5, count) for count in (1, 2, 3)]
    times = [timed(lambda bounds=bounds: solve(model, (Rating(),), bounds), 1)[1] for bounds in asked]
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(f"{blocks:5} x {candidates:<5}" + "".join(f"{took:9.3f} s" for took in (build, *times)) + f"{memory:9.0f} MiB")


def against_peers(parts: Collection[str]) -> None:
    models = [model_of(simple_space(), seed) for seed in (1, 2)]
    print(f"{models[0].space.size():.3g} networks, {models[0].problem.candidates} candidates; {conditions()}")
    if "one" in parts:
        cases = [(model, budgets(model, share, 1), seed) for seed, model in enumerate(models) for share in (0.3, 0.5, 0.7)]
        compare("1 constraint", cases)
    if "many" in parts:
        for count in (2, 3):
            compare(f"{count} constraints", [(model, budgets(model, 0.5, count), seed) for seed, model in enumerate(models)])
    if "hard" in parts:
        compare("a tight budget (1 % of the way)", [(models[0], budgets(models[0], 0.01, 1), 0)])
        compare("an infeasible budget", [(models[0], budgets(models[0], -0.02, 1), 0)])


def conditions() -> str:
    processors = len(os.sched_getaffinity(0))
    busy = os.getloadavg()[0]
    return f"python {sys.version.split()[0]}, numpy {np.__version__}, {processors} processors, load {busy:.1f} at the start"


def main() -> None:
    if sys.argv[1:2] == ["grow"]:
        grow(int(sys.argv[2]), int(sys.argv[3]))
        return
    parts = sys.argv[1:] or ["one", "many", "hard", "whole", "growth"]
    if {"one", "many", "hard"} & set(parts):
        against_peers(parts)
    if "whole" in parts:
        whole_space()
    if "growth" in parts:
        growth()


if __name__ == "__main__":
    main()
