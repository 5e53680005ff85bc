"""What do the one-shot methods' papers claim that holds here? Every check, a row a method, ground and seed, at equal steps.

    dna-deploy profile --space catalogue                                             (for NSE alone: latencies of this machine)
    python -m benchmarks.rating.one_shots --truth NATS --cifar CIFAR                 (all rows; stops and goes on at any time)
    python -m benchmarks.rating.one_shots --show                                     (what is there)
    python -m benchmarks.rating.one_shots --tiny ...                                 (that it runs: numbers mean nothing)

Rows come in the order of what they tell: the first seed of all methods on `fashion`, then on `nats-size`, then further seeds.
Every row is kept in benchmarks/results/one_shots/GROUND-METHOD.csv when it ends; then benchmarks/results/one_shots.md is
written anew. Nothing is tuned: all take the defaults of `one-shot`, batches of 16, and on `fashion` 16 epochs of 4,000 images,
as the recorded baseline does; on `nats-size` 8, since a step takes three times as long.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Callable
from functools import cache, partial
from pathlib import Path

from benchmarks.rating.one_shots.grounds import RESULTS, ROOT, Ground, Scale, fashion, nats
from benchmarks.rating.one_shots.report import report
from benchmarks.rows import kept_row
from dna_deploy.progress import Progress
from dna_deploy.records.files import write_atomically

GROUNDS = ("fashion", "nats-size")
METHODS = (
    "one-shot", "cream", "cream-top1", "setn", "angle", "chance", "genas", "ddpnas", "ddpnas-third", "neas", "neas-alike",
    "neas-matched", "nse", "nse-once",
)  # fmt: skip
ON_FASHION_ALONE = ("genas", "ddpnas-third", "neas-matched", "nse", "nse-once")
"""Trained networks of `nats-size` are not published; DDPNAS has too few steps in a third of them; widths are no branches."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument(
        "--truth", type=Path, help="folder of size_cifar10.csv and size_bossnas_ratings.csv; none: `fashion` alone"
    )
    parser.add_argument("--cifar", type=Path, help="CIFAR-10 as a folder of images or of shards")
    parser.add_argument(
        "--catalogue", type=Path, help="a latency table of `catalogue`; by default latency_tables/catalogue.*.json"
    )
    parser.add_argument("--methods", nargs="*", default=METHODS, choices=METHODS)
    parser.add_argument("--grounds", nargs="*", default=GROUNDS, choices=GROUNDS)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--tiny", action="store_true", help="a few steps and networks: that all of it runs")
    parser.add_argument("--show", action="store_true", help="write the tables of what is there")
    parser.add_argument("--work", type=Path, default=Path("runs/one-shots"), help="where checkpoints are kept")
    chosen = parser.parse_args()
    if chosen.show:
        print(report(RESULTS))
        return
    scale, kept = Scale(chosen.tiny), chosen.work if chosen.tiny else RESULTS
    catalogue = chosen.catalogue or next(iter(sorted(ROOT.glob("latency_tables/catalogue.*.json"))), None)

    @cache
    def ground_of(name: str) -> Ground:
        return fashion(scale) if name == "fashion" else nats(scale, chosen.truth, chosen.cifar)

    for seed in range(chosen.seeds):
        for name in chosen.grounds:
            for method in chosen.methods:
                if why := _left_out(name, method, chosen.truth and chosen.cifar, catalogue):
                    print(f"left out: {method} on {name}: {why}", flush=True)
                    continue
                make = partial(_row, ground_of, name, method, seed, chosen.work, catalogue or Path())
                begun = time.monotonic()
                row = kept_row(kept / f"{name}-{method}.csv", f"seed {seed}", make)
                text = ", ".join(f"{key} {value}" for key, value in row.items())
                print(f"{name}, {method}, seed {seed} ({time.monotonic() - begun:.0f} s now): {text}\n", flush=True)
                if not chosen.tiny:
                    write_atomically(RESULTS.with_suffix(".md"), report(RESULTS).encode())


def _left_out(name: str, method: str, has_truth: object, catalogue: Path | None) -> str:
    if name == "nats-size" and method in ON_FASHION_ALONE:
        return "not asked for there"
    if name == "nats-size" and not has_truth:
        return "give --truth and --cifar"
    return "there is no latency table of catalogue" if method.startswith("nse") and catalogue is None else ""


def _row(
    ground_of: Callable[[str], Ground], name: str, method: str, seed: int, work: Path, catalogue: Path
) -> dict[str, object]:
    from benchmarks.rating.one_shots import checks, evolving, shifted
    from benchmarks.rating.one_shots.supernets import Bench

    bench = Bench(ground_of(name), seed, work, tell)
    rows: dict[str, Callable[[], dict[str, float | str]]] = {
        "one-shot": lambda: checks.one_shot(bench),
        "cream": lambda: checks.cream(bench, "cream"),
        "cream-top1": lambda: checks.cream(bench, "cream-top1"),
        "setn": lambda: checks.setn(bench),
        "angle": lambda: checks.shrunk(bench, "angle"),
        "chance": lambda: checks.shrunk(bench, "chance"),
        "genas": lambda: shifted.genas(bench, checks.GAMMA),
        "ddpnas": lambda: checks.pruned(bench, 1),
        "ddpnas-third": lambda: checks.pruned(bench, 1 / 3),
        "neas": lambda: evolving.neas(bench, 0.5),
        "neas-alike": lambda: evolving.neas(bench, 0),
        "neas-matched": lambda: evolving.matched(bench),
        "nse": lambda: evolving.nse(bench, catalogue, evolving.ROUNDS),
        "nse-once": lambda: evolving.nse(bench, catalogue, 1),
    }
    return dict(rows[method]())


def tell(progress: Progress) -> None:
    """A line a tenth of a step."""
    if progress.done * 10 // max(1, progress.total) != (progress.done - 1) * 10 // max(1, progress.total):
        print(f"{progress.step} {progress.done}/{progress.total} {progress.remark}", file=sys.stderr, flush=True)


if __name__ == "__main__":
    main()
