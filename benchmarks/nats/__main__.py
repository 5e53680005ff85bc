"""Are ratings worth anything? Judged on all 32,768 networks of `nats-size`, whose accuracies others published.

    dna-deploy profile --space nats-size --validate 40                                   (latencies of this machine)
    python -m benchmarks.nats --truth NATS                                               (costs and published ratings: seconds)
    python -m benchmarks.nats --truth NATS --cifar CIFAR --methods dna one-shot --seeds 3 [--device cuda]

Writes benchmarks/results/nats.md. Every rating is kept in benchmarks/nats/ratings; what is there is not made again, and what
was begun goes on. With ``--kept`` both lie in another folder.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from benchmarks.nats.judge import Merit, baselines, shown
from benchmarks.nats.truth import Truth
from benchmarks.rows import read_rows
from dna_deploy.progress import Progress
from dna_deploy.records.files import write_atomically
from dna_deploy.records.latency_table import LatencyTable

HERE = Path(__file__).parent
RESULT = HERE.parent / "results" / "nats.md"
COSTS = "costs.csv"


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--truth", type=Path, required=True, help="folder of size_cifar10.csv and size_bossnas_ratings.csv")
    parser.add_argument("--cifar", type=Path, help="CIFAR-10 as a folder of images or of shards")
    parser.add_argument("--resnet", type=Path, help="a ResNet of CIFAR-10 that teaches; by default one is trained")
    parser.add_argument("--latencies", type=Path, default=HERE / "latencies.json", help="a latency table of nats-size")
    parser.add_argument("--methods", nargs="*", default=[], help="recipes of benchmarks.nats.ratings, or raters")
    parser.add_argument("--seeds", type=int, default=1)
    parser.add_argument("--images", type=int, default=12_000, help="to train on")
    parser.add_argument("--rating-images", type=int, default=500)
    parser.add_argument("--sample", type=int, default=100, help="networks scored by methods without a table")
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--work", type=Path, default=Path("runs/nats"), help="where checkpoints are kept")
    parser.add_argument("--kept", type=Path, default=HERE / "ratings", help="where ratings are kept")
    chosen = parser.parse_args(arguments)
    truth = Truth.read(chosen.truth, LatencyTable.read(chosen.latencies))
    merits = [*baselines(truth), *rated(chosen, truth)]
    text = (HERE / "head.md").read_text() + shown(truth, merits) + "\n\n" + about(truth, chosen.kept)
    write_atomically(RESULT if chosen.kept == HERE / "ratings" else chosen.kept / RESULT.name, text.encode())
    print(text)


def rated(chosen: argparse.Namespace, truth: Truth) -> list[Merit]:
    """The ratings that are asked for, and those that were made before."""
    from benchmarks.nats.ratings import Bench
    from dna_deploy.learning.compute import Compute

    compute = Compute(device=chosen.device)
    sizes = (chosen.images, chosen.rating_images, chosen.sample)
    bench = Bench(chosen.cifar, chosen.resnet, chosen.work, chosen.kept, *sizes, compute)
    asked = [(method, seed) for method in chosen.methods for seed in range(chosen.seeds)]
    if asked and chosen.cifar is None:
        raise SystemExit("rating needs the images: --cifar FOLDER")
    kept = [path.stem.rpartition("-") for path in sorted(chosen.kept.glob("*-*.*"))]
    pairs = dict.fromkeys([*((method, int(seed)) for method, _, seed in kept), *asked])
    return [bench.rate(method, seed, truth, tell) for method, seed in pairs]


def tell(progress: Progress) -> None:
    """One line a hundredth of a step."""
    if progress.done * 100 // max(1, progress.total) != (progress.done - 1) * 100 // max(1, progress.total):
        print(f"{progress.step} {progress.done}/{progress.total} {progress.remark}", file=sys.stderr, flush=True)


def about(truth: Truth, kept: Path) -> str:
    """Where the numbers come from."""
    table, latencies, budgets = truth.table, truth.costs[2] * 1e3, truth.budgets * 1e3
    lines = [
        f"Latencies: {table.target.name} on {table.fingerprint.processor}, {table.target.runtime}, grade {table.grade}; "
        f"networks take {latencies.min():.2f} to {latencies.max():.2f} ms, "
        f"budgets are {budgets.min():.2f} to {budgets.max():.2f} ms."
    ]
    for row in read_rows(kept / COSTS):
        lines.append(
            f"- {row['method']}, seed {row['seed']}: {row['CPU seconds']} s on {row['device']}, {row['images']} images, rated "
            f"on {row['rating images']}, teacher {row['teacher']}."
        )
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    main()
