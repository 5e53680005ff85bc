"""Is a transformer that DNA searched better than random ones of its latency? On CIFAR-10, trained with one recipe.

    python -m benchmarks.training.transformer --cifar IMAGES --resnet resnet20.safetensors > benchmarks/results/transformer.md

A space of small transformers at 32x32, in patches of four pixels, is profiled here, rated by ResNet-20, and searched exactly
for the median latency of its networks. The answer is trained with several seeds; networks that are drawn at random among
those of about its latency with one each, as is the one with the most parameters. Every training is a row of a file, so that
the same command goes on. Recipe and budget are fixed before anything is trained.
"""

from __future__ import annotations

import argparse
import random
import sys
from pathlib import Path

import numpy as np
from tabulate import tabulate

from benchmarks.nats.teacher import resnet_teacher
from benchmarks.rows import kept, kept_row
from dna_deploy.data.augmentation import Augmentation
from dna_deploy.data.config import DataConfig
from dna_deploy.data.splits import ImageData, load_data
from dna_deploy.export.kits.kit_cache import cached_kit
from dna_deploy.latency.profile import profile_kit
from dna_deploy.latency.table import table_from_runs
from dna_deploy.learning.compute import Compute
from dna_deploy.progress import Progress
from dna_deploy.rating.rater import AdditiveRater, make_rater
from dna_deploy.rating.raters.dna.config import RatingConfig
from dna_deploy.records.latency_table import LatencyTable
from dna_deploy.records.rating_table import RatingTable
from dna_deploy.search import Constraint, Latency, search
from dna_deploy.spaces.architecture import Architecture
from dna_deploy.spaces.block import Block, Cell, FixedLayer
from dna_deploy.spaces.chain import ChainSpace
from dna_deploy.spaces.operations import Operation
from dna_deploy.spaces.operations.heads import TokenHead
from dna_deploy.spaces.operations.tokens import FeedForward, Patches, SelfAttention
from dna_deploy.spaces.shapes import FeatureMap
from dna_deploy.targets.plan import SamplingPlan
from dna_deploy.targets.target_file import default_target
from dna_deploy.training.config import TrainingConfig
from dna_deploy.training.network import train_architecture
from dna_deploy.training.recipe import Recipe

KEPT = Path(__file__).parents[1] / "results" / "transformer.csv"
TRAIN_IMAGES, RATING_IMAGES, VALIDATION_IMAGES = 5_000, 500, 500
RECIPE = Recipe(epochs=10, batch=32, learning_rate=1e-3, weight_decay=0.05, augmentation=Augmentation(shift=4))
SEEDS, RANDOM, NEAR = 3, 8, 0.02
"""Trainings of the answer; random networks, and how far from its latency they may be."""
CUTS = ("layer3.0", "layer3.1", "layer3.2")
"""Of the teacher: features of as many places as there are patches."""
COMPUTE = Compute(checkpoint_seconds=30)


def _layers(width: int, depth: int) -> tuple[tuple[Operation, ...], ...]:
    return ((SelfAttention(width // 32), SelfAttention(width // 16)), (FeedForward(1), FeedForward(2), FeedForward(4))) * depth


def _block(*first: tuple[Operation, ...]) -> Block:
    return Block(1, tuple(Cell(width, (*first, *_layers(width, depth))) for width in (64, 96, 128) for depth in (1, 2)))


SPACE = ChainSpace(
    name="vit-cifar",
    input=FeatureMap(3, 32, 32),
    stem=(),
    blocks=(_block((Patches(4, class_tokens=1),)), _block(), _block()),
    usual_head=(FixedLayer(TokenHead(), 10),),
    is_tied=True,
).with_head()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--cifar", type=Path, required=True, help="CIFAR-10 as a folder of images or of shards")
    parser.add_argument("--resnet", type=Path, required=True, help="weights of ResNet-20, the teacher")
    parser.add_argument("--folder", type=Path, default=Path("runs/transformer"), help="where checkpoints are kept")
    asked = parser.parse_args()
    counts = {"train_images": TRAIN_IMAGES, "rating_images": RATING_IMAGES, "validation_images": VALIDATION_IMAGES}
    data = load_data(DataConfig(dataset=str(asked.cifar), **counts), SPACE.input)
    table, ratings = latencies(asked.folder), rated(data, asked.resnet, asked.folder)
    limit_s, answer, others = chosen(table, ratings, asked.folder)
    largest = max(others, key=parameters)
    trainings = [("searched", answer, seed) for seed in range(SEEDS)]
    trainings += [("random", network, 0) for network in others[:RANDOM]] + [("most parameters", largest, 0)]
    rows = [(name, network, seed, trained(network, seed, data, asked.folder)) for name, network, seed in trainings]
    print(f"# A searched transformer beside random ones of its latency\n\n{data.summary}\n")
    print(f"Asked {1e3 * limit_s:.2f} ms, of a table of grade {table.grade}; recipe {RECIPE.model_dump_json()}\n")
    lines = [
        (name, f"`{network}`", f"{parameters(network) / 1e6:.2f}", f"{1e3 * seconds(table, network):.2f}", seed, f"{value:.2f}")
        for name, network, seed, value in rows
    ]
    print(tabulate(lines, ("", "network", "M parameters", "ms", "seed", "test accuracy"), "github", disable_numparse=True))
    searched, drawn = (np.array([value for kind, *_, value in rows if kind == name]) for name in ("searched", "random"))
    error = float(np.hypot(np.std(searched, ddof=1) / len(searched) ** 0.5, np.std(drawn, ddof=1) / len(drawn) ** 0.5))
    print(f"\nSearched minus random: {searched.mean() - drawn.mean():+.2f} points, standard error {error:.2f}.", end=" ")
    print("Size is the opponent: see the parameters, and the network that has most of them.")


def latencies(folder: Path) -> LatencyTable:
    """Measured once, since the answer depends on them."""
    file = folder / "latencies.json"
    if not file.exists():
        plan = SamplingPlan(rounds=96)
        run = profile_kit(cached_kit(SPACE), default_target(), plan, folder / "journal")
        table_from_runs([run], SPACE).write(file)
    return LatencyTable.read(file)


def rated(data: ImageData, resnet: Path, folder: Path) -> RatingTable:
    """Blocks, rated by the teacher."""
    config, teacher = RatingConfig(epochs=2, batch=16), resnet_teacher(resnet, data, SPACE, CUTS)
    rater = make_rater("dna", SPACE, data, config, folder / "ratings", teacher=teacher, compute=COMPUTE)
    assert isinstance(rater, AdditiveRater)
    return rater.table(tell)


def chosen(table: LatencyTable, ratings: RatingTable, folder: Path) -> tuple[float, Architecture, list[Architecture]]:
    """The median latency, the best network within it, and others that take about as long, drawn at random."""

    def make() -> dict[str, object]:
        rng = random.Random(0)
        limit_s = float(np.median([seconds(table, SPACE.sample(rng)) for _ in range(501)]))
        found = search(SPACE, ratings, [table], [Constraint(Latency(), at_most=limit_s)], prefer_cheaper=False)
        answer, others = SPACE.parse(found.best.architecture), dict[str, None]()
        while len(others) < 4 * RANDOM:
            network = SPACE.sample(rng)
            if network != answer and abs(seconds(table, network) / seconds(table, answer) - 1) <= NEAR:
                others[str(network)] = None
        return {"limit_s": limit_s, "answer": str(answer), "others": list(others)}

    choice = kept(folder / "chosen.json", make)
    return choice["limit_s"], SPACE.parse(choice["answer"]), list(map(SPACE.parse, choice["others"]))


def trained(network: Architecture, seed: int, data: ImageData, folder: Path) -> float:
    """Test accuracy in points."""

    def row() -> dict[str, float]:
        config, place = (
            TrainingConfig(recipe=RECIPE.model_copy(update={"seed": seed})),
            folder / "trained" / f"{network}-{seed}",
        )
        place = place.with_name(place.name.replace("/", "_").replace(":", "."))
        done = train_architecture(SPACE, network, data, config, place, on_progress=tell, compute=COMPUTE)
        return {"accuracy": round(100 * done.test[0].value, 2)}

    return float(kept_row(KEPT, f"{network} seed {seed}", row)["accuracy"])


def seconds(table: LatencyTable, network: Architecture) -> float:
    """What the table predicts."""
    return table.predict(SPACE, network).seconds


def parameters(network: Architecture) -> int:
    """Of all layers."""
    return sum(layer.parameters for layer in SPACE.place(network))


def tell(progress: Progress) -> None:
    """A line a tenth of a step."""
    if progress.done * 10 // max(1, progress.total) != (progress.done - 1) * 10 // max(1, progress.total):
        print(f"{progress.step} {progress.done}/{progress.total} {progress.remark}", file=sys.stderr, flush=True)


if __name__ == "__main__":
    main()
