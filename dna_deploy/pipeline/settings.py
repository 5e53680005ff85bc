"""The settings of a project: the tables of `dna-deploy.toml`. Every key has a default and a sentence."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any, Self

from pydantic import Field, field_validator

from dna_deploy.errors import UsageError
from dna_deploy.plugins import suggest
from dna_deploy.rating.raters import rater_names
from dna_deploy.records.files import Part
from dna_deploy.records.latency_table import Quantile
from dna_deploy.units import Duration


class ProfileSettings(Part):
    """How long to measure."""

    rounds: int = Field(64, ge=4, description="visits to every layer; more rounds, smaller errors")
    validation_networks: int = Field(16, ge=0, description="whole networks timed beside, which judge the table in the report")
    steady: bool = Field(
        False, description="measure, here and in every later stage, only while nobody else slows the processor down"
    )
    accept_noise: bool = Field(True, description="go on with a graded table when the machine is noisy, instead of stopping")


class TeacherSettings(Part):
    """The network that the blocks imitate."""

    name: str = Field(
        "largest",
        description="'largest' and 'residual' are trained here; else a file, or another of `dna-deploy teachers`",
    )
    epochs: int | None = Field(None, ge=1, description="passes over its training images; by default 4, more on few images")
    images: int = Field(20_000, ge=100, description="training images it sees, at most")


class RateSettings(Part):
    """Training of the block supernets, and rating of every candidate."""

    epochs: int = Field(3, ge=1, description="passes over the training images")
    images: int = Field(12_000, ge=100, description="training images the supernets see, at most")
    batch: int | None = Field(
        None, ge=2, description="images a step, by default as the method has it; what ratings know depends on the steps"
    )
    rating_images: int = Field(2_000, ge=50, description="held-out training images to rate on; at most a tenth of all")
    supernets: int = Field(
        1,
        ge=1,
        description="sets of them, each with a seed of its own, whose ratings are averaged: 3 know more, and take longer",
    )
    jobs: int = Field(2, ge=1, description="processes; the result does not depend on it")


class TrainSettings(Part):
    """Final training of the network that search found."""

    images: int = Field(20_000, ge=100, description="training images, at most")
    validation_images: int = Field(
        2_000, ge=50, description="held-out training images that choose the best epoch; at most a tenth of all"
    )
    preset: str = Field("short", description="the recipe: short, or imagenet; what follows replaces what it says")
    epochs: int | None = Field(None, description="passes over the training images")
    batch: int | None = Field(None, description="images a step")
    accumulate: int | None = Field(None, description="pieces a batch is taken in, to save memory")
    learning_rate: float | None = Field(None, description="its highest value")
    label_smoothing: float | None = Field(None, description="share of every label that is spread over all classes")
    rand_augment: int | None = Field(None, description="magnitude of RandAugment, 1 to 30; 0 is none")
    mixup: float | None = Field(None, description="alpha of mixup, such as 0.2; 0 is none")
    cutmix: float | None = Field(None, description="alpha of CutMix, such as 1.0; 0 is none")
    ema: float | None = Field(None, description="decay of the running mean of the weights, such as 0.999; 0 is none")
    amp: str | None = Field(None, description="mixed precision: off, bf16 or fp16")

    @property
    def changes(self) -> dict[str, Any]:
        """What is changed in the preset; None stays as it is."""
        return self.model_dump(exclude={"images", "validation_images", "preset"})


class Settings(Part):
    """Everything a journey depends on."""

    space: str = Field("fashion", description="what may be chosen; see `dna-deploy spaces`")
    dataset: str = Field("fashion-mnist", description="a data set by name, or a folder with one folder of images a class")
    method: str = Field(
        "dna", description="how candidates are rated: dna imitates a teacher; dna++ needs no teacher and no labels"
    )
    latency: str = Field("50%", description="the promise: 20ms, or a share of the way from the fastest to the best network")
    quantile: Quantile = Field("p50", description="which quantile of the latency keeps the promise: p50, p90 or p99")
    keep_promise: bool = Field(True, description="measure what search finds, and search again until it keeps the promise")
    shortlist: int = Field(
        64, ge=1, description="so many best networks by block ratings are compared as whole networks; 1: block ratings decide"
    )
    prefer_cheaper: bool = Field(True, description="of networks whose ratings cannot be told apart, take the cheapest")
    target: str = Field("cpu-1thread", description="the device and runtime; see `dna-deploy targets`")
    seed: int = Field(0, ge=0, description="of everything random")
    folder: str = Field("runs/default", description="where the journey keeps its files, relative to this file")
    profile: ProfileSettings = ProfileSettings()
    teacher: TeacherSettings = TeacherSettings()
    rate: RateSettings = RateSettings()
    train: TrainSettings = TrainSettings()

    @field_validator("latency")
    @classmethod
    def _is_a_budget(cls, text: str) -> str:
        read_budget(text)
        return text

    @field_validator("method")
    @classmethod
    def _is_a_rater(cls, name: str) -> str:
        if name not in rater_names():
            raise UsageError(f"unknown method {name!r}", suggest(name, rater_names()))
        return name

    def seen_from(self, folder: Path) -> Self:
        """The settings with their paths, which are relative to ``folder``, as they are reached from the current folder."""
        changes: dict[str, object] = {}
        if (folder / self.dataset).is_dir():
            changes["dataset"] = str(folder / self.dataset)
        if (folder / self.teacher.name).is_file():
            changes["teacher"] = self.teacher.model_copy(update={"name": str(folder / self.teacher.name)})
        return self.model_copy(update=changes)

    @property
    def budget(self) -> Duration | float:
        """The promised latency, or the share of the way (0 to 1) at which it is to be set."""
        return read_budget(self.latency)


def read_budget(text: str) -> Duration | float:
    """A duration such as ``20ms``; or ``40%``: that share of the way from the fastest network to the best-rated one.

    The second form makes sense on a machine that was never measured before.
    """
    if not text.endswith("%"):
        return Duration.parse(text)
    try:
        share = float(text[:-1]) / 100
    except ValueError:
        share = math.nan
    if not 0 <= share <= 1:
        raise UsageError(f"budget {text!r} is not a share between 0% and 100%", "write it like 40%, or like 20ms")
    return share
