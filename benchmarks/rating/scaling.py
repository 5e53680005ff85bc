"""How a rating scales over workers: measured here with a few processes, simulated beyond from measured unit costs.

    python -m benchmarks.rating.scaling measure            (rates a few images in 1, 2 and 4 processes; minutes)
    python -m benchmarks.rating.scaling simulate benchmarks/results/cost_mbconv.txt [--images 1281167 --epochs 20]

What is simulated is what `--on` does: a task is a share of the blocks of a set of supernets, runs the teacher for itself, and
goes to the next worker that is free. Speeds of workers differ by 10 % (one standard deviation), which makes stragglers.
"""

from __future__ import annotations

import argparse
import os
import re
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
from tabulate import tabulate

from dna_deploy.rating.raters.dna.shares import best_division

PROCESSES, WORKERS, SETS = (1, 2, 4), (1, 2, 4, 8, 16, 32, 64), (1, 3, 8)
SPREAD, DRAWS = 0.1, 200
RATE = (
    "rate", "--space", "fashion", "--epochs", "1", "--images", "3200", "--rating-images", "256", "--teacher", "residual",
    "--teacher-epochs", "1", "--teacher-images", "64", "--json",
)  # fmt: skip
_ROW = re.compile(r"\|\s*(?P<part>teacher, forward|block \d+)\s*\|[^|]*\|\s*(?P<step>[\d.]+)\s*\|\s*(?P<rated>[\d.]+)")


def measure() -> str:
    """Wall time and processor time of one rating; the teacher is trained before."""
    rows = []
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        _rate(folder, 1)  # leaves the teacher, and warms caches
        for processes in PROCESSES:
            for ratings in (folder / "runs").glob("rate-*"):
                shutil.rmtree(ratings)
            wall_s, cpu_s = _rate(folder, processes)
            rows.append((processes, f"{wall_s:.0f}", f"{cpu_s:.0f}"))
    load = f"load {os.getloadavg()[0]:.1f} on {os.cpu_count()} processors at the end"
    return f"{load}\n" + tabulate(rows, ("processes", "wall s", "processor s"), "github")


def _rate(folder: Path, processes: int) -> tuple[float, float]:
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "PYTHONPATH": str(Path.cwd())}
    command = [sys.executable, "-m", "dna_deploy.cli.app", *RATE, "--on", f"processes:{processes}"]
    before, began = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
    subprocess.run(command, cwd=folder, env=environment, stdout=subprocess.DEVNULL, check=True)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return time.perf_counter() - began, after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def unit_costs(text: str) -> tuple[float, list[float], list[float]]:
    """Core seconds: the teacher an image; of every block a trained image, and a rated one."""
    rows = [(match["part"], float(match["step"]) / 16, float(match["rated"])) for match in _ROW.finditer(text)]
    (teacher,) = [step for part, step, _ in rows if part.startswith("teacher")]
    blocks = [row for row in rows if row[0].startswith("block")]
    return teacher, [step for _, step, _ in blocks], [rated for *_, rated in blocks]


def simulate(text: str, images: int, rated: int) -> str:
    """How much faster so many workers are than one: with a teacher a task, and with features that are kept on shared disks."""
    teacher, trained_s, rated_s = unit_costs(text)
    blocks = [images * train + rated * rate for train, rate in zip(trained_s, rated_s, strict=True)]
    teaching = teacher * (images + rated)
    alone_s = teaching + sum(blocks)
    rows = []
    for workers in WORKERS:
        cells: list[str] = []
        for sets in SETS:
            for each in (teaching, 0.0):
                took = _makespans(blocks, each, sets, workers)
                cells.append(f"{(sets * alone_s) / np.median(took):.1f}")
        rows.append((workers, *cells))
    kinds = [f"{sets} set{'s' if sets > 1 else ''}{kept}" for sets in SETS for kept in ("", ", cached")]
    return (
        f"{alone_s / 3600:,.0f} core hours a set on one worker, of which the teacher {teaching / alone_s:.0%}; "
        f"times faster than one worker:\n" + tabulate(rows, ("workers", *kinds), "github")
    )


def _makespans(blocks: list[float], teaching: float, sets: int, workers: int) -> np.ndarray:
    """Times until the last task is done, over draws of the workers' speeds; tasks are taken longest first."""
    tasks = sets * [teaching + sum(blocks[block] for block in share) for share in best_division(blocks, sets, workers)]
    speeds = np.random.default_rng(0).lognormal(0, SPREAD, (DRAWS, workers))
    times = np.zeros((DRAWS, workers))
    for task in sorted(tasks, reverse=True):
        free = times.argmin(1)
        times[np.arange(DRAWS), free] += task / speeds[np.arange(DRAWS), free]
    return times.max(1)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("step", choices=("measure", "simulate"))
    parser.add_argument("costs", nargs="*", type=Path, help="what benchmarks.rating.cost has printed")
    parser.add_argument("--images", type=int, default=1_281_167)
    parser.add_argument("--epochs", type=int, default=20)
    parser.add_argument("--rated", type=int, default=2_000)
    chosen = parser.parse_args()
    if chosen.step == "measure":
        print(measure())
    for path in chosen.costs:
        print(f"{path.stem}\n{simulate(path.read_text(), chosen.images * chosen.epochs, chosen.rated)}\n")


if __name__ == "__main__":
    main()
