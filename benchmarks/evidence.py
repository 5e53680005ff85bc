"""Do ratings know which network is better? Every method against the frozen ground truth.

    python benchmarks/evidence.py run             (every method that has no result yet; stops and goes on at any time)
    python benchmarks/evidence.py run dna spos    (some of them; several processes share the work)
    python benchmarks/evidence.py report          (writes benchmarks/results/evidence_tables_3.md and evidence_3.svg)

``--truth first`` and ``second`` judge by the lists that were looked at while deciding, instead of the fresh one. What a method
has trained for one list serves the others, since all are of the same images.

A method sees the training images and the rating slice of the ground truth, never its validation or test images, and no
accuracy of the ground truth; only the operator counts are fitted on it, each network predicted from all others.
"""

from __future__ import annotations

import argparse
import time
from dataclasses import replace
from pathlib import Path
from typing import ClassVar

from evidence_methods import METHODS, RATED_IMAGES, Bench
from ground_truth import claimed
from ground_truth_records import RESULTS, TRUTHS, GroundTruth, NetworkList
from pydantic import Field

from dna_deploy.records.files import Provenance, Record

FILES = {
    "first": (RESULTS / "evidence", RESULTS / "evidence_tables.md", RESULTS / "evidence.svg"),
    "second": (RESULTS / "evidence_2", RESULTS / "evidence_tables_2.md", RESULTS / "evidence_2.svg"),
    "third": (RESULTS / "evidence_3", RESULTS / "evidence_tables_3.md", RESULTS / "evidence_3.svg"),
}
"""For each ground truth: the folder of scores, the tables, the picture."""

WORK = Path("runs/evidence")


class MethodScores(Record):
    """What one run of one method says about every network of the list."""

    KIND: ClassVar[str] = "evidence-scores"

    provenance: Provenance
    networks: str = Field(description="digest of the list")
    method: str
    seed: int
    cpu_s: float = Field(description="of this run; more where it began in another process, whose part is not counted")
    facts: dict[str, float]
    scores: dict[str, tuple[float, ...]] = Field(description="by kind, one a network in the order of the list; more is better")


def run(truth: GroundTruth, names: list[str], results: Path) -> None:
    """First every method once, then with further seeds."""
    listed = truth.listed
    images = listed.load_images()
    data = replace(images, rating=replace(images.rating, indices=images.rating.indices[:RATED_IMAGES]))
    for seed in sorted({seed for _, seeds in METHODS.values() for seed in seeds}):
        for name in names or METHODS:
            method, seeds = METHODS[name]
            path = results / f"{name}-{seed}.json"
            if seed not in seeds or path.exists():
                continue
            with claimed(WORK / f"{name}-{seed}") as folder:
                if folder is None or path.exists():
                    continue
                began = time.process_time()
                bench = Bench(listed, data, seed, folder, WORK)
                scores = method(bench)
                MethodScores(
                    provenance=Provenance.now(),
                    networks=listed.digest,
                    method=name,
                    seed=seed,
                    cpu_s=round(time.process_time() - began, 1),
                    facts=bench.facts,
                    scores={kind: tuple(map(float, values)) for kind, values in scores.items()},
                ).write(path)
                print(f"{name}, seed {seed}: done in {time.process_time() - began:.0f} CPU-s", flush=True)


def read_scores(listed: NetworkList, results: Path) -> list[MethodScores]:
    """Every result for this list."""
    found = [MethodScores.read(path) for path in sorted(results.glob("*.json"))]
    return [one for one in found if one.networks == listed.digest]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("step", choices=("run", "report"))
    parser.add_argument("methods", nargs="*", metavar="METHOD", help=f"of {', '.join(METHODS)}; default: all")
    parser.add_argument("--truth", choices=TRUTHS, default="third")
    asked = parser.parse_args()
    truth, (results, tables, picture) = TRUTHS[asked.truth], FILES[asked.truth]
    if asked.step == "run":
        run(truth, asked.methods, results)
    else:
        from evidence_report import report

        report(truth, read_scores(truth.listed, results), tables, picture)


if __name__ == "__main__":
    main()
