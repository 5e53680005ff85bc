"""Models of somebody's own made to run in a part of their measured time, against what needs no search, with equal recovery.

    python -m benchmarks.fit CASE --pictures FOLDER --weights FOLDER --out OUT > benchmarks/results/fit_CASE.md

Every finished network is a row of benchmarks/results/fit_CASE.csv, the most informative first, so that the same command
resumes; the table is printed at the end, or at once with --print. The tool's own images choose between networks; test
images judge alone. Cases are those of `benchmarks.fit.cases`; where their pictures and weights come from stands in
benchmarks/README.md.
"""

from __future__ import annotations

import argparse
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch

from benchmarks.fit.bench import FIT, ORDER, Bench
from benchmarks.fit.cases import CASES, Case, Sources
from benchmarks.fit.table import page
from benchmarks.rows import read_rows

RESULTS = Path("benchmarks/results")


def options_of(description: str | None) -> argparse.ArgumentParser:
    """What all benchmarks of a case are told."""
    parser = argparse.ArgumentParser(description=description, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("case", choices=CASES)
    for name, words in (("pictures", "of the case"), ("weights", "files of them"), ("out", "what is made and goes on")):
        parser.add_argument(f"--{name}", type=Path, help=words)
    parser.add_argument("--results", type=Path, default=RESULTS, help="folder of the rows")
    for name in ("test-images", "train-images", "rated-images"):
        parser.add_argument(f"--{name}", type=int, help="fewer than the case has")
    parser.add_argument("--print", action="store_true", help="only what is there")
    return parser


def bench_of(options: argparse.Namespace, case: Case, rows: Path) -> Bench:
    """The bench of a case, of one thread."""
    torch.set_num_threads(1)
    return Bench.of(case, Sources(options.pictures, options.weights, options.out), rows, options.test_images)


def case_of(options: argparse.Namespace) -> Case:
    """The case with the numbers that were given instead of its own."""
    given = {name: getattr(options, name) for name in ("train_images", "rated_images", "epochs", "shares") if name in options}
    numbers: dict[str, Any] = {
        name: tuple(each) if isinstance(each, list) else each for name, each in given.items() if each is not None
    }
    return replace(CASES[options.case], **numbers)


def main() -> None:
    """Adds the rows that are missing, and prints the table."""
    parser = options_of(__doc__)
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2], help="of fine-tuning, and of what is random")
    parser.add_argument("--epochs", type=int, nargs="+", help="of fine-tuning")
    parser.add_argument("--shares", type=float, nargs="+", help="of the original's time")
    parser.add_argument(
        "--networks", nargs="+", choices=(FIT, *ORDER), default=(FIT, *ORDER), metavar="NAME", help="these alone"
    )
    options = parser.parse_args()
    case, rows = case_of(options), options.results / f"fit_{options.case}.csv"
    if not options.print:
        bench = bench_of(options, case, rows)
        for name, share, seed, make in bench.networks(options.seeds, options.networks):
            bench.judge(name, share, seed, make)
    print(page(options.case, case, read_rows(rows)))


if __name__ == "__main__":
    main()
