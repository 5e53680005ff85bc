"""ResNet-56 on CIFAR-10 made to run in 67 % and 50 % of its measured time, against baselines with the same recovery.

    python -m benchmarks.fit --images cifar10/ --weights resnet_cifar10/ --out fit-resnet56 > benchmarks/results/fit_resnet56.md

Every finished network is a row of benchmarks/results/fit_resnet56.csv, so that the same command resumes; the table is printed
at the end, or at once with --print. The tool's own images choose between networks; test images judge alone.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path

import torch
from torch import nn

from benchmarks.fit.resnet_cifar import trained
from benchmarks.fit.table import page
from benchmarks.rows import add_rows, read_rows
from dna_deploy.data.augmentation import Augmentation
from dna_deploy.data.config import DataConfig
from dna_deploy.data.image_set import IMAGENET_NORMALISATION
from dna_deploy.data.splits import ImageData, Split, load_data
from dna_deploy.errors import InfeasibleError
from dna_deploy.fit.model import OwnModel
from dna_deploy.fit.units import find_units
from dna_deploy.latency.workshop import Folders
from dna_deploy.pipeline.fit.baselines import BASELINES, AtSize
from dna_deploy.pipeline.fit.choose import Fitted, choose, fill
from dna_deploy.pipeline.fit.prepare import Counts, Prepared, prepare
from dna_deploy.pipeline.fit.recovery import Recovery, recovered
from dna_deploy.pipeline.fit.stopwatch import Stopwatch
from dna_deploy.pipeline.fit.table import Device
from dna_deploy.progress import Progress
from dna_deploy.spaces.shapes import FeatureMap
from dna_deploy.targets.plan import SamplingPlan
from dna_deploy.targets.target_file import TargetFile, default_target
from dna_deploy.training.accuracy import right_answers

AUGMENTATION = Augmentation(shift=4)
INPUT, DEPTHS, SHARES = FeatureMap(3, 32, 32), (32, 20, 44), (0.5, 0.67)
ORDER = ("greedy drop", "uniform width", "random feasible", "all skips, uniform width")
ROWS = Path("benchmarks/results/fit_resnet56.csv")
NORMALISATION = IMAGENET_NORMALISATION
Made = tuple[nn.Module, float, str]
"""A network, its seconds, and what was changed in it."""


@dataclass
class Bench:
    """What every network is judged with."""

    data: ImageData
    prepared: Prepared
    original: nn.Module
    work: Path
    stopwatch: Stopwatch
    epochs: tuple[int, ...]

    @cached_property
    def reference(self) -> torch.Tensor:
        """For every test image whether the original is right."""
        return right_answers(self.original, self.data.test, self.data).double()

    def judge(self, name: str, share: float, seed: int, make: Callable[[], Made]) -> None:
        """Adds the rows of a network, unless they are there."""
        there = {(row["network"], float(row["asked"]), int(row["seed"]), int(row["epochs"])) for row in read_rows(ROWS)}
        missing = [epochs for epochs in self.epochs if (name, share, seed, epochs) not in there]
        if not missing:
            return
        try:
            network, measured_s, changes = make()
        except InfeasibleError as error:
            print(f"no {name} at {share:.0%}: {error.message}", file=sys.stderr, flush=True)
            return
        before = right_answers(network, self.data.test, self.data).double()
        for epochs in missing:
            begin = time.monotonic()
            recovery = Recovery.of(epochs, has_labels=True, seed=seed)
            recovery = replace(recovery, recipe=recovery.recipe.model_copy(update={"augmentation": AUGMENTATION}))
            tuned = recovered(network, self.original, self.data, recovery, self.work / "runs")
            after = right_answers(tuned, self.data.test, self.data).double()
            off = after - self.reference
            add_rows(ROWS, [{
                "network": name, "asked": share, "seed": seed, "epochs": epochs, "ms": f"{1e3 * measured_s:.4f}",
                "of original": f"{measured_s / self.prepared.space.original_s:.4f}", "before": f"{float(before.mean()):.4f}",
                "after": f"{float(after.mean()):.4f}", "minus original": f"{float(off.mean()):.4f}",
                "standard error": f"{float(off.std() / len(off) ** 0.5):.4f}", "test images": len(after),
                "train images": len(self.data.train), "seconds": f"{time.monotonic() - begin:.0f}", "changes": changes,
            }])  # fmt: skip


def _made(fitted: Fitted, words: str = "") -> Made:
    changed = [f"{path} {code}" for path, code in fitted.choice.items() if code != "keep"]
    return fitted.network, fitted.measured_s, "; ".join(filter(None, (words, *changed)))


def networks(bench: Bench, weights: Path) -> Iterator[tuple[str, float, int, Callable[[], Made]]]:
    """Name, share of the time, seed, and what makes the network; those that matter most come first."""
    prepared, stopwatch = bench.prepared, bench.stopwatch

    def fitted(budget_s: float) -> Made:
        chosen = choose(prepared, budget_s, stopwatch)
        return _made(chosen.fitted, chosen.words)

    def baseline(name: str, budget_s: float, seed: int) -> Made:
        return _made(fill(prepared, budget_s, stopwatch, lambda asked_s: BASELINES[name](prepared, asked_s, seed)))

    def whole(network: nn.Module) -> Made:
        return prepared.judge.settled(network), stopwatch.time(network), ""

    def smaller() -> Made:
        network = AtSize(prepared.judge.settled(bench.original), (24, 24))
        return network, stopwatch.time(bench.original, replace(INPUT, height=24, width=24)), ""

    for seed in (0, 1):
        for share in SHARES:
            budget_s = share * prepared.space.original_s
            yield "fit", share, seed, lambda budget_s=budget_s: fitted(budget_s)
            for name in ORDER:
                yield name, share, seed, lambda name=name, budget_s=budget_s, seed=seed: baseline(name, budget_s, seed)
            for depth in DEPTHS:
                yield f"ResNet-{depth}", 0.0, seed, lambda depth=depth: whole(trained(depth, weights))
        yield "ResNet-56", 1.0, seed, lambda: whole(bench.original)
        yield "at 24x24", 0.0, seed, smaller


def _tell(progress: Progress) -> None:
    if progress.done == progress.total:
        print(time.strftime("%H:%M:%S"), progress.step, progress.total, file=sys.stderr, flush=True)


def main() -> None:
    """Runs it."""
    parser = argparse.ArgumentParser(description=__doc__)
    for name in ("images", "weights", "out"):
        parser.add_argument(f"--{name}", type=Path)
    parser.add_argument("--test-images", type=int, default=2000)
    parser.add_argument("--train-images", type=int, default=2000)
    parser.add_argument("--epochs", type=int, nargs="+", default=[1, 3])
    parser.add_argument("--rated-images", type=int, default=256)
    parser.add_argument("--print", action="store_true", help="only what is there")
    options = parser.parse_args()
    if not options.print:
        run(options)
    print(page(read_rows(ROWS)))


def run(options: argparse.Namespace) -> None:
    """Adds the rows that are missing."""
    torch.set_num_threads(1)
    config = DataConfig(
        dataset=str(options.images), train_images=options.train_images, rating_images=512, validation_images=1000
    )
    data = replace(load_data(config, INPUT), normalisation=NORMALISATION)
    data = replace(data, test=Split(data.test.source, data.test.indices[: options.test_images]))
    original, target = trained(56, options.weights), default_target()
    own = OwnModel("ResNet-56", original, INPUT, NORMALISATION.mean, NORMALISATION.deviation)
    network = find_units(original, INPUT).network
    device = Device(
        TargetFile(target, SamplingPlan(rounds=64)), Folders(options.out / "profiles", options.out / "latency_tables")
    )
    counts = Counts(options.rated_images, options.rated_images)
    prepared = prepare(
        own,
        network,
        network.units,
        data,
        device,
        options.out,
        counts,
        lambda original_s: min(SHARES) * original_s,
        on_progress=_tell,
    )
    measured = prepared.space.measured
    doubts = [doubt.message for doubt in measured.table.doubts]
    error = measured.table.calibration("p50").relative_error
    print(*prepared.remarks, prepared.spent_s, f"grade {measured.table.grade}", *doubts, sep="\n", file=sys.stderr)
    stopwatch = Stopwatch(options.out / "measured", target, original, INPUT, measured.original_s)
    bench = Bench(data, prepared, original, options.out, stopwatch, tuple(options.epochs))
    print(
        f"original {measured.original_s * 1e3:.2f} ms, {bench.reference.mean():.2%} right; predictions are off by {error:.1%}",
        file=sys.stderr, flush=True,
    )  # fmt: skip
    for name, share, seed, make in networks(bench, options.weights):
        print(time.strftime("%H:%M:%S"), name, share, seed, file=sys.stderr, flush=True)
        bench.judge(name, share, seed, make)


if __name__ == "__main__":
    main()
