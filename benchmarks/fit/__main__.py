"""ResNet-56 on CIFAR-10 made to run in 67 % and 50 % of its measured time, against baselines with the same recovery.

    python -m benchmarks.fit --images cifar10/ --weights resnet_cifar10/ --out fit-resnet56

Every finished network is a line of OUT/rows.jsonl, so that the same command resumes.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import torch
from torch import nn

from benchmarks.fit.resnet_cifar import trained
from dna_deploy.data.config import DataConfig
from dna_deploy.data.image_set import IMAGENET_NORMALISATION
from dna_deploy.data.splits import ImageData, Split, load_data
from dna_deploy.errors import InfeasibleError
from dna_deploy.fit.units import find_units
from dna_deploy.pipeline.fit.baselines import BASELINES, AtSize
from dna_deploy.pipeline.fit.choose import choose, measure
from dna_deploy.pipeline.fit.prepare import Counts, Prepared, prepare
from dna_deploy.pipeline.fit.recovery import recovered, settled, standing
from dna_deploy.pipeline.fit.space import Choice
from dna_deploy.pipeline.fit.timing import Stopwatch
from dna_deploy.progress import Progress
from dna_deploy.spaces.shapes import FeatureMap
from dna_deploy.targets.target import Target
from dna_deploy.training.accuracy import right_answers
from dna_deploy.training.recipe import Recipe

INPUT = FeatureMap(3, 32, 32)
Make = Callable[[Prepared, float, int], Choice]


@dataclass
class Bench:
    """What every network is judged with."""

    data: ImageData
    prepared: Prepared
    original: nn.Module
    rows: Path
    stopwatch: Stopwatch
    epochs: int

    def judge(self, name: str, share: float, seed: int, network: Callable[[], nn.Module]) -> None:
        """Adds the line of a network, unless it is there."""
        key = [name, share, seed]
        lines = self.rows.read_text().splitlines() if self.rows.exists() else []
        if key in [json.loads(line)["key"] for line in lines]:
            return
        begin = time.monotonic()
        try:
            assembled = network()
        except InfeasibleError as error:
            self._add({"key": key, "infeasible": error.message})
            return
        measured = measure(self.prepared.space, {"it": assembled}, self.stopwatch)["it"]
        before = right_answers(assembled, self.data.test, self.data)
        agreement = standing(assembled, self.prepared.judge, None).agreement
        recipe = Recipe(epochs=self.epochs, learning_rate=1e-3, batch=64, seed=seed, augmentation={"shift": 4})
        tuned = recovered(assembled, self.original, self.data, recipe, self.rows.parent / "runs")
        after = right_answers(tuned, self.data.test, self.data)
        reference = right_answers(self.original, self.data.test, self.data)
        self._add({
            "key": key, "milliseconds": 1e3 * measured, "of original": measured / self.prepared.space.original_s,
            "before": float(before.double().mean()), "after": float(after.double().mean()), "agreement": agreement,
            "minus original": float((after.double() - reference.double()).mean()),
            "standard error": float((after.double() - reference.double()).std() / len(after) ** 0.5),
            "images": len(after), "seconds": time.monotonic() - begin,
        })  # fmt: skip

    def _add(self, row: dict[str, object]) -> None:
        with self.rows.open("a") as file:
            file.write(json.dumps(row) + "\n")
        print(json.dumps(row), flush=True)


def networks(bench: Bench, weights: Path) -> Iterator[tuple[str, float, int, Callable[[], nn.Module]]]:
    """Name, share of the time, seed, and what makes the network."""
    prepared, space = bench.prepared, bench.prepared.space
    for seed in (0, 1):
        for share in (0.5, 0.67):
            budget_s = share * space.original_s

            def fitted(budget_s: float = budget_s) -> nn.Module:
                chosen = choose(prepared, budget_s, bench.stopwatch)
                print(json.dumps(dict(chosen.choice)), chosen.words, f"predicted {chosen.predicted_s * 1e3:.2f} ms", flush=True)
                return chosen.network

            yield "fit", share, seed, fitted
            for name, make in BASELINES.items():

                def baseline(make: Make = make, budget_s: float = budget_s, seed: int = seed) -> nn.Module:
                    choice = make(prepared, budget_s, seed)
                    return settled(space.assembled(choice), prepared.fitting)

                yield name, share, seed, baseline
        for depth in (44, 32, 20):
            yield f"ResNet-{depth}", 0.0, seed, lambda depth=depth: settled(trained(depth, weights), prepared.fitting)
        yield "ResNet-56", 1.0, seed, lambda: settled(bench.original, prepared.fitting)
        yield "at 24x24", 0.0, seed, lambda: AtSize(settled(bench.original, prepared.fitting), (24, 24))


def _tell(progress: Progress) -> None:
    if progress.done == progress.total:
        print(progress.step, progress.total, flush=True)


def main() -> None:
    """Runs it."""
    parser = argparse.ArgumentParser(description=__doc__)
    for name in ("images", "weights", "out"):
        parser.add_argument(f"--{name}", type=Path, required=True)
    parser.add_argument("--test-images", type=int, default=4000)
    parser.add_argument("--train-images", type=int, default=4000)
    parser.add_argument("--epochs", type=int, default=1)
    parser.add_argument("--rated-images", type=int, default=512)
    options = parser.parse_args()
    torch.set_num_threads(1)
    config = DataConfig(
        dataset=str(options.images), train_images=options.train_images, rating_images=512, validation_images=512
    )
    data = replace(load_data(config, INPUT), normalisation=IMAGENET_NORMALISATION)
    data = replace(data, test=Split(data.test.source, data.test.indices[: options.test_images]))
    original = trained(56, options.weights)
    options.out.mkdir(parents=True, exist_ok=True)
    network = find_units(original, INPUT).network
    target = Target(name="here")
    prepared = prepare(
        network, network.units, data, target, options.out / "prepared", Counts(options.rated_images, options.rated_images),
        on_progress=_tell,
    )  # fmt: skip
    print(*prepared.remarks, json.dumps(prepared.spent_s), sep="\n", flush=True)
    space = prepared.space
    assert space.calibration is not None
    raw = right_answers(original, data.test, data).double().mean()
    error = space.calibration.relative_error
    print(f"original {space.original_s * 1e3:.2f} ms, {raw:.2%} right; predictions are off by {error:.1%}", flush=True)
    bench = Bench(
        data, prepared, original, options.out / "rows.jsonl", Stopwatch(options.out / "measured", target), options.epochs
    )
    for name, share, seed, make in networks(bench, options.weights):
        bench.judge(name, share, seed, make)


if __name__ == "__main__":
    main()
