"""What promises are worth on this machine: fresh demos that end kept, and intervals that cover unseen networks of every size.

    python -m benchmarks.latency.evidence_of_promises demos --folder demos --count 10   (two to three hours on two cores)
    python -m benchmarks.latency.evidence_of_promises coverage fashion --each 12  (about five minutes)

``demos`` walks the demo into a folder of its own each time and prints what its card says, and by how much the journey's own
estimates of what was left were off; benchmarks/results/promise_demos.csv keeps a row a demo. ``coverage`` makes a table, then
measures networks that no table has seen, from the smallest of the space to the largest, and counts those within the 95 %
interval of their prediction, and how far off predictions are beside measuring twice.
"""

from __future__ import annotations

import argparse
import random
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
from tabulate import tabulate

from benchmarks.rows import add_rows, read_rows
from dna_deploy.export.kits.kit_cache import cached_kit
from dna_deploy.export.untrained import export_untrained
from dna_deploy.latency.measure import measure_model
from dna_deploy.latency.profile import profile_kit
from dna_deploy.latency.table import table_from_runs
from dna_deploy.records.latency_table import LatencyTable
from dna_deploy.records.model_card import Absent, ModelCard
from dna_deploy.spaces.architecture import Architecture
from dna_deploy.spaces.catalog import find_chain
from dna_deploy.spaces.chain import HeadedSpace
from dna_deploy.spaces.scaling import of_size
from dna_deploy.targets.plan import SamplingPlan
from dna_deploy.targets.target_file import default_target
from dna_deploy.units import Duration

SIZES = {"smallest": (0.0, 0.15), "middle": (0.4, 0.6), "largest": (0.85, 1.0)}
CONFIDENCE_95, CLASSES = 1.96, 10
DEMOS = Path(__file__).parents[1] / "results" / "promise_demos.csv"
STARTS = re.compile(r"\(\d+ of \d+; .*about ([\d.]+) (ms|s|min|h) left\)")
SECONDS = {"ms": 0.001, "s": 1.0, "min": 60.0, "h": 3600.0}


def demos(count: int, folder: Path) -> list[dict[str, str]]:
    """One fresh demo a row, until there are so many rows; one that was begun in the folder goes on."""
    while (number := len(read_rows(DEMOS))) < count:
        place = folder / f"demo-{number}"
        place.mkdir(parents=True, exist_ok=True)
        code, said = walk(
            [sys.executable, "-m", "dna_deploy.cli.app", "demo", "--folder", str(place)], place.with_suffix(".log")
        )
        promise, verdict, looks = promise_of(place / "model" / "model.card.json")
        row = {
            "exit code": str(code),
            "promise": promise,
            "verdict": verdict,
            "pace": looks,
            "said left / was": estimates(said),
        }
        when, minutes = f"{datetime.now(UTC):%Y-%m-%d %H:%M}", f"{said[-1][0] / 60:.0f}"
        add_rows(DEMOS, [{"demo": str(number + 1), "ended": when, "min": minutes, **row}])
        print(read_rows(DEMOS)[-1], flush=True)
    return read_rows(DEMOS)


def walk(command: list[str], log: Path) -> tuple[int, list[tuple[float, str]]]:
    """Runs a command; its exit code and its lines, each with the seconds after which it came."""
    began, said = time.monotonic(), []
    with (
        subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True) as walking,
        log.open("a") as file,
    ):
        for line in walking.stdout or ():
            said.append((time.monotonic() - began, line.rstrip()))
            print(f"{said[-1][0]:7.1f} {said[-1][1]}", file=file, flush=True)
    return walking.returncode, [*said, (time.monotonic() - began, "")]


def promise_of(path: Path) -> tuple[str, str, str]:
    """Promise, verdict and pace as a card has them."""
    if not path.exists():
        return "no file", "", ""
    card = ModelCard.read(path)
    pace = None if isinstance(card.measured, Absent) else card.measured.pace
    looks = "" if pace is None else f"{pace.ratio - 1:+.1%} ± {pace.standard_error:.1%}, {pace.looks} looks"
    return card.promise, card.verdict, looks


def estimates(said: list[tuple[float, str]]) -> str:
    """What each stage's first line says is left, over what was: the middle, and how many within a factor of two."""
    end = said[-1][0]
    spoken = [(at, STARTS.search(line)) for at, line in said]
    ratios = [float(match[1]) * SECONDS[match[2]] / (end - at) for at, match in spoken if match and end - at > 1]
    within = sum(0.5 <= ratio <= 2 for ratio in ratios)
    return f"{np.median(ratios):.2f} ({within} of {len(ratios)})" if ratios else ""


def unseen(space: HeadedSpace, each: int, seed: int) -> dict[str, list[Architecture]]:
    """Networks of every size, drawn by a seed that no kit uses."""
    rng = random.Random(f"unseen {seed}")
    return {
        name: [of_size(space, rng.uniform(*part), lambda: rng.uniform(-0.1, 0.1)) for _ in range(each)]
        for name, part in SIZES.items()
    }


def coverage(space: HeadedSpace, table: LatencyTable, plan: SamplingPlan, each: int, seed: int) -> Iterator[tuple[str, ...]]:
    """One size a row: the share of intervals that cover, how wide they are, and how far off predictions are."""
    for name, networks in unseen(space, each, seed).items():
        errors, widths, twice = [], [], []
        for network in networks:
            with tempfile.TemporaryDirectory() as folder:
                path = export_untrained(space, network, table.target, Path(folder))
                first, second = (measure_model(path, table.target, plan).p50.seconds for _ in range(2))
            predicted = table.predict(space, network).seconds
            errors.append(predicted / first - 1)
            twice.append(second / first - 1)
            widths.append(CONFIDENCE_95 * table.error_of(space, network))
        covered = np.mean(np.abs(errors) <= widths)
        off, again = np.mean(np.abs(errors)), np.mean(np.abs(twice))
        yield name, str(each), f"{covered:.0%}", f"± {np.mean(widths):.1%}", f"{off:.1%}", f"{again:.1%}", f"{off / again:.2f}"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=("demos", "coverage"))
    parser.add_argument("space", nargs="?", default="fashion")
    parser.add_argument("--count", type=int, default=10)
    parser.add_argument("--folder", type=Path, help="where demos are kept, so that a kill loses none")
    parser.add_argument("--each", type=int, default=12)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--rounds", type=int, default=200)
    parser.add_argument("--steady", action="store_true")
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        if asked.what == "demos":
            rows = demos(asked.count, asked.folder or Path(name))
            print(tabulate(rows, "keys", disable_numparse=True))
            print(f"\n{sum(row['promise'] == 'kept' for row in rows)} of {len(rows)} kept")
            return
        bare, target = find_chain(asked.space), default_target()
        space = bare.with_head(bare.head_for(CLASSES))
        plan = SamplingPlan(rounds=asked.rounds, steady=asked.steady)
        run = profile_kit(cached_kit(space), target, plan, Path(name) / "journal")
        table = table_from_runs([run], space)
        fitted = table.calibration("p50")
        headers = ("size", "networks", "covered by 95 %", "interval", "table off", "measured twice", "table / twice")
        print(tabulate(list(coverage(space, table, plan, asked.each, asked.seed)), headers, disable_numparse=True))
        offset = Duration(abs(fitted.offset_s))
        print(f"\ngrade {table.grade}; scale {fitted.scale:.3f}, offset {'-' if fitted.offset_s < 0 else ''}{offset}")


if __name__ == "__main__":
    main()
