"""A frozen ground truth as files: which networks in which band of measured latency, how trained, and what each reached."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from types import MappingProxyType
from typing import ClassVar

import numpy as np
import numpy.typing as npt
from pydantic import Field

from dna_deploy.data.config import DataConfig
from dna_deploy.data.splits import ImageData, load_data
from dna_deploy.records.files import Migration, Part, Provenance, Record, digest_of
from dna_deploy.records.score import Metric, of_accuracy
from dna_deploy.spaces.architecture import Architecture
from dna_deploy.spaces.catalog import find_space
from dna_deploy.spaces.space import SearchSpace
from dna_deploy.targets.fingerprint import Fingerprint
from dna_deploy.training.recipe import Recipe

RESULTS = Path(__file__).parent / "results"


class ListedNetwork(Part):
    """A network, and how long it took beside all others in one interleaved measurement."""

    architecture: str
    band: int = Field(ge=0)
    predicted_s: float
    measured_s: float = Field(description="median")
    split_half: float = Field(ge=0, description="how far the two halves of the measurement disagree, relative")


class NetworkList(Record):
    """Everything that the ground truth depends on, written before any rating is looked at."""

    KIND: ClassVar[str] = "ground-truth-list"

    provenance: Provenance
    space: str
    space_digest: str
    data: dict[str, object] = Field(description="which images, and how they are divided")
    data_digest: str
    recipe: dict[str, object] = Field(description="its seed is replaced by each of the seeds")
    seeds: tuple[int, ...]
    fingerprint: Fingerprint
    rounds: int
    networks: tuple[ListedNetwork, ...]

    @cached_property
    def found_space(self) -> SearchSpace:
        space = find_space(self.space).with_head()
        if space.digest != self.space_digest:
            raise SystemExit(f"the space {self.space!r} is no longer that of the ground truth")
        return space

    @cached_property
    def architectures(self) -> tuple[Architecture, ...]:
        return tuple(self.found_space.parse(network.architecture) for network in self.networks)

    @cached_property
    def bands(self) -> npt.NDArray[np.int64]:
        return np.array([network.band for network in self.networks])

    def recipe_of(self, seed: int) -> Recipe:
        """How the training of a seed is done."""
        return Recipe.model_validate({**self.recipe, "seed": seed})

    def inputs_of(self, seed: int) -> str:
        """Names what every training with a seed depends on, besides its architecture."""
        return digest_of(json.dumps([self.space_digest, self.data_digest, {**self.recipe, "seed": seed}]).encode())

    def load_images(self) -> ImageData:
        """The very images of the ground truth."""
        data = load_data(DataConfig.model_validate(self.data), self.found_space.input)
        if data.digest != self.data_digest:
            raise SystemExit(f"these images ({data.digest[:19]}) are not those of the ground truth ({self.data_digest[:19]})")
        return data


class Training(Record):
    """What one training of one network reached."""

    KIND: ClassVar[str] = "ground-truth-training"
    SCHEMA_VERSION: ClassVar[int] = 2
    MIGRATIONS: ClassVar[Mapping[int, Migration]] = MappingProxyType(
        {1: lambda body: {**body, **{part: of_accuracy(body[part]) for part in ("test", "validation")}}}
    )

    provenance: Provenance
    inputs: str = Field(description="digest of space, images and recipe")
    architecture: str
    seed: int
    test: Metric
    validation: Metric
    best_epoch: int
    cpu_s: float


@dataclass(frozen=True)
class GroundTruth:
    """A list and its trainings, in a folder."""

    folder: Path

    @property
    def list_path(self) -> Path:
        return self.folder / "networks.json"

    @cached_property
    def listed(self) -> NetworkList:
        return NetworkList.read(self.list_path)

    def training_path(self, number: int, seed: int) -> Path:
        """Where the training of a network of the list is kept."""
        return self.folder / "trainings" / f"{number:03}-{seed}.json"

    @property
    def trainings(self) -> dict[tuple[int, int], Training]:
        """What is finished, by (number of the network, seed)."""
        found = {}
        for number, network in enumerate(self.listed.networks):
            for seed in self.listed.seeds:
                if self.training_path(number, seed).exists():
                    training = Training.read(self.training_path(number, seed))
                    if (training.inputs, training.architecture) == (self.listed.inputs_of(seed), network.architecture):
                        found[number, seed] = training
        return found

    @property
    def accuracies(self) -> npt.NDArray[np.float64]:
        """Test accuracy, ``(networks, seeds)``; NaN where a training is not done."""
        table = np.full((len(self.listed.networks), len(self.listed.seeds)), np.nan)
        for (number, seed), training in self.trainings.items():
            table[number, self.listed.seeds.index(seed)] = training.test.value
        return table


TRUTHS = {
    "first": GroundTruth(RESULTS / "ground_truth"),
    "second": GroundTruth(RESULTS / "ground_truth_2"),
    "third": GroundTruth(RESULTS / "ground_truth_3"),
}
"""In the order in which they were made: each judged what had been decided while looking at those before it."""
