"""Where methods are judged: spaces whose networks have known accuracies, with images to learn on and a measured table."""

from __future__ import annotations

import random
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import ClassVar

import numpy as np
import numpy.typing as npt

from benchmarks.nats.truth import SPACE, Truth
from benchmarks.rating.bench import RATED_IMAGES
from benchmarks.rating.truth import TRUTHS
from benchmarks.rows import kept_row
from dna_deploy.data.config import DataConfig
from dna_deploy.data.splits import ImageData, load_data
from dna_deploy.learning.compute import Compute
from dna_deploy.records.files import digest_of
from dna_deploy.records.latency_table import LatencyTable
from dna_deploy.records.trained_network import TrainedNetwork
from dna_deploy.spaces.architecture import Architecture
from dna_deploy.spaces.chain import HeadedSpace
from dna_deploy.training.config import TrainingConfig
from dna_deploy.training.network import train_architecture
from dna_deploy.training.recipe import Recipe

Values = npt.NDArray[np.float64]
ROOT = Path(__file__).parents[3]
RESULTS = ROOT / "benchmarks" / "results" / "one_shots"
COMPUTE = Compute(checkpoint_seconds=30)
BANDS = 10
NATS_IMAGES, NATS_EPOCHS, NATS_NETWORKS = 4_000, 8, 100
NEAR = 0.05
"""How far from a latency a network of the same latency may be, relative."""


@dataclass(frozen=True)
class Scale:
    """How much is done: everything, or next to nothing, to see that all of it runs."""

    is_tiny: bool = False

    def of(self, count: int, least: int = 1) -> int:
        return least if self.is_tiny else count


@dataclass(frozen=True, eq=False)
class Ground:
    """A space with networks of known accuracy; costs and budgets are those of ``table``."""

    name: str
    space: HeadedSpace
    data: ImageData
    table: LatencyTable
    networks: tuple[Architecture, ...]
    """By which orders are judged."""
    accuracy: Values
    """Theirs, in points."""
    bands: npt.NDArray[np.int64]
    """Of about equal latency."""
    epochs: int
    drawn_count: int
    scale: Scale
    BATCH: ClassVar[int] = 16

    @property
    def steps(self) -> int:
        return self.epochs * (len(self.data.train) // self.BATCH)

    @cached_property
    def macs(self) -> Values:
        return np.array([float(self.space.sections(network).macs) for network in self.networks])

    @cached_property
    def parameters(self) -> Values:
        placed = map(self.space.place, self.networks)
        return np.array([float(sum(layer.parameters for layer in layers)) for layers in placed])

    def seconds(self, network: Architecture) -> float:
        """What the table predicts."""
        return self.table.predict(self.space, network).seconds

    @cached_property
    def budget_s(self) -> float:
        """The median latency of the space."""
        rng = random.Random(0)
        return sorted(self.seconds(self.space.sample(rng)) for _ in range(201))[100]

    def drawn(self, seed: int) -> list[Architecture]:
        """Networks within the budget, drawn uniformly: the same for all methods."""
        rng, within = random.Random(f"{seed} drawn"), dict[Architecture, None]()
        while len(within) < self.scale.of(self.drawn_count, 4):
            network = self.space.sample(rng)
            if self.seconds(network) <= self.budget_s:
                within[network] = None
        return list(within)

    def as_fast_as(self, network: Architecture, count: int, seed: int) -> list[Architecture]:
        """Other networks of the whole space that take about as long, drawn at random; fewer where there are few."""
        rng, limit, drawn = random.Random(f"{seed} {network}"), self.seconds(network), dict[Architecture, None]()
        for _ in range(4_000):
            other = self.space.sample(rng)
            if other != network and abs(self.seconds(other) / limit - 1) <= NEAR:
                drawn[other] = None
            if len(drawn) == count:
                break
        return list(drawn)

    def alone(self, networks: Sequence[Architecture], work: Path) -> Values:
        """Test accuracies of networks that are trained alone, in points."""
        return np.array([trained_alone(self.space, network, self, work) for network in networks])


def trained_alone(space: HeadedSpace, network: Architecture, ground: Ground, work: Path) -> float:
    """The test accuracy of a network of whatever space on these images, in points. It is trained once, with one seed."""
    name, begun = f"{space.name} {network}", time.process_time()

    def row() -> dict[str, float]:
        trained, _ = training(space, network, ground, work)
        return {"accuracy": round(100 * trained.test[0].value, 2), "seconds": round(time.process_time() - begun, 1)}

    file = (work if ground.scale.is_tiny else RESULTS) / "trainings.csv"
    return float(kept_row(file, name, row)["accuracy"])


def training(space: HeadedSpace, network: Architecture, ground: Ground, work: Path) -> tuple[TrainedNetwork, Path]:
    """A network trained alone, and the folder of its weights; what is there is not made again."""
    recipe = RECIPE.model_copy(update={"epochs": ground.scale.of(RECIPE.epochs)})
    folder = work / "alone" / digest_of(f"{space.name} {network}".encode())[7:23]
    return train_architecture(space, network, ground.data, TrainingConfig(recipe=recipe), folder, compute=COMPUTE), folder


@dataclass(frozen=True, eq=False)
class NatsGround(Ground):
    """Where the accuracy of every network is published."""

    truth: Truth

    def alone(self, networks: Sequence[Architecture], work: Path) -> Values:
        return np.array([self.truth.accuracy[self.truth.position(network)] for network in networks])

    def as_fast_as(self, network: Architecture, count: int, seed: int) -> list[Architecture]:
        seconds, place = self.truth.costs[2], self.truth.position(network)
        near = np.flatnonzero(np.abs(seconds / seconds[place] - 1) <= NEAR)
        rng = np.random.default_rng([seed, place])
        return self.truth.networks(rng.permutation(near[near != place])[:count].tolist())


RECIPE = Recipe.model_validate({**TRUTHS["c"].listed.recipe, "seed": 0})


def fashion(scale: Scale) -> Ground:
    """The freshest list of `fashion`, by the images and the recipe of its trainings."""
    listed = TRUTHS["c"].listed
    images = listed.load_images()
    if scale.is_tiny:
        images = replace(images, train=replace(images.train, indices=images.train.indices[:64]))
    data = replace(images, rating=replace(images.rating, indices=images.rating.indices[: scale.of(RATED_IMAGES, 32)]))
    some = slice(0, scale.of(10**6, 6))
    return Ground(
        "fashion", listed.search_space, data, LatencyTable.read(ROOT / "latency_tables" / "fashion.cpu-1thread.json"),
        listed.architectures[some], 100 * TRUTHS["c"].accuracies.mean(1)[some], listed.bands[some],
        scale.of(16), 50, scale,
    )  # fmt: skip


def nats(scale: Scale, truth_folder: Path, images: Path) -> NatsGround:
    """Networks of `nats-size` that are drawn once; accuracies of all others are known as well."""
    truth = Truth.read(truth_folder, LatencyTable.read(ROOT / "benchmarks" / "nats" / "latencies.json"))
    config = DataConfig(dataset=str(images), train_images=scale.of(NATS_IMAGES, 32), rating_images=scale.of(250, 32))
    data, chosen = load_data(config, SPACE.input), np.random.default_rng(0).permutation(len(truth.accuracy))
    chosen = chosen[: scale.of(NATS_NETWORKS, 12)]
    order = np.argsort(truth.costs[2][chosen], kind="stable")
    bands = np.empty(len(chosen), dtype=np.int64)
    for number, part in enumerate(np.array_split(order, min(BANDS, len(chosen) // 5 or 1))):
        bands[part] = number
    return NatsGround(
        "nats-size", SPACE, data, truth.table, tuple(truth.networks(chosen.tolist())), truth.accuracy[chosen], bands,
        scale.of(NATS_EPOCHS), 30, scale, truth,
    )  # fmt: skip
