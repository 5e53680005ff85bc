"""What promises are worth on this machine: fresh demos that end kept, and intervals that cover unseen networks of every size.

    python -m benchmarks.latency.evidence_of_promises demos --count 10           (two to three hours on two cores)
    python -m benchmarks.latency.evidence_of_promises coverage fashion --each 12  (about five minutes)

``demos`` walks the demo into a folder of its own each time and prints what its card says. ``coverage`` makes a table, then
measures networks that no table has seen, from the smallest of the space to the largest, and counts those within the 95 %
interval of their prediction, and how far off predictions are beside measuring twice.
"""

from __future__ import annotations

import argparse
import random
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from tabulate import tabulate

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


def demos(count: int, folder: Path, arguments: list[str]) -> Iterator[tuple[str, ...]]:
    """One fresh demo a row."""
    for number in range(count):
        place = folder / f"demo-{number}"
        command = [sys.executable, "-m", "dna_deploy.cli.app", "demo", "--folder", str(place), *arguments]
        code = subprocess.run(command, check=False, stdout=subprocess.DEVNULL).returncode
        path = place / "model" / "model.card.json"
        if not path.exists():
            yield str(number + 1), str(code), "no file", "", ""
            continue
        card = ModelCard.read(path)
        pace = None if isinstance(card.measured, Absent) else card.measured.pace
        looks = "" if pace is None else f"{pace.ratio - 1:+.1%} ± {pace.standard_error:.1%}, {pace.looks} looks"
        yield str(number + 1), str(code), card.promise, card.verdict, looks


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
    parser.add_argument("--each", type=int, default=12)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--rounds", type=int, default=200)
    parser.add_argument("--steady", action="store_true")
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        if asked.what == "demos":
            rows = list(demos(asked.count, Path(name), []))
            print(tabulate(rows, ("demo", "exit code", "promise", "verdict", "pace"), disable_numparse=True))
            print(f"\n{sum(row[2] == 'kept' for row in rows)} of {len(rows)} kept")
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
