"""A frozen ground truth as files: which networks in which band of measured latency, how trained, and what each reached."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import ClassVar

import numpy as np
import numpy.typing as npt
from pydantic import Field

from benchmarks.rows import read_rows
from dna_deploy.data.config import DataConfig
from dna_deploy.data.splits import ImageData, load_data
from dna_deploy.records.files import Part, Provenance, Record
from dna_deploy.spaces.architecture import Architecture
from dna_deploy.spaces.catalog import find_chain
from dna_deploy.spaces.chain import HeadedSpace
from dna_deploy.targets.fingerprint import Fingerprint
from dna_deploy.training.recipe import Recipe

LISTS = Path(__file__).parent / "lists"


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
    def search_space(self) -> HeadedSpace:
        space = find_chain(self.space).with_head()
        if space.digest != self.space_digest:
            raise SystemExit(f"the space {self.space!r} is no longer that of the ground truth")
        return space

    @cached_property
    def architectures(self) -> tuple[Architecture, ...]:
        return tuple(self.search_space.parse(network.architecture) for network in self.networks)

    @cached_property
    def bands(self) -> npt.NDArray[np.int64]:
        return np.array([network.band for network in self.networks])

    def recipe_of(self, seed: int) -> Recipe:
        """How the training of a seed is done."""
        return Recipe.model_validate({**self.recipe, "seed": seed})

    def load_images(self) -> ImageData:
        """The very images of the ground truth."""
        data = load_data(DataConfig.model_validate(self.data), self.search_space.input)
        if data.digest != self.data_digest:
            raise SystemExit(f"these images ({data.digest[:19]}) are not those of the ground truth ({self.data_digest[:19]})")
        return data


@dataclass(frozen=True)
class GroundTruth:
    """A list and its trainings, in a folder."""

    folder: Path

    @property
    def list_path(self) -> Path:
        return self.folder / "networks.json"

    @property
    def trainings_path(self) -> Path:
        """A row a training: number of the network, seed, images it got right, and what the training took."""
        return self.folder / "trainings.csv"

    @cached_property
    def listed(self) -> NetworkList:
        return NetworkList.read(self.list_path)

    @property
    def trainings(self) -> dict[tuple[int, int], dict[str, str]]:
        """What is finished, by (number of the network, seed)."""
        return {(int(row["network"]), int(row["seed"])): row for row in read_rows(self.trainings_path)}

    @property
    def accuracies(self) -> npt.NDArray[np.float64]:
        """Test accuracy, ``(networks, seeds)``; NaN where a training is not done."""
        table = np.full((len(self.listed.networks), len(self.listed.seeds)), np.nan)
        for (number, seed), row in self.trainings.items():
            table[number, self.listed.seeds.index(seed)] = int(row["test_correct"]) / int(row["test_images"])
        return table


TRUTHS = {name: GroundTruth(LISTS / f"2026-11-22-{name}") for name in "abc"}
"""In the order in which they were made: each judged what had been decided while looking at those before it."""
