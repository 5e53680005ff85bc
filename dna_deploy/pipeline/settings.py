"""The settings of a project: what `dna-deploy.toml` may say. Its tables are the configs of the rooms, so that a knob is one.

Every key has a default and a sentence there. Nothing here imports what is heavy.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Self

from pydantic import BaseModel, Field, SerializeAsAny, ValidationInfo, field_validator, model_validator

from dna_deploy.learning.compute import Compute
from dna_deploy.pipeline.budget import read_budget
from dna_deploy.pipeline.evolution import EvolutionConfig
from dna_deploy.pipeline.fit.config import ModelConfig
from dna_deploy.pipeline.images import ImagesConfig
from dna_deploy.pipeline.stages.profile import ProfileConfig
from dna_deploy.rating.configs import rater_config
from dna_deploy.rating.raters.dna.config import RatingConfig
from dna_deploy.records.files import Part
from dna_deploy.records.latency_table import Quantile
from dna_deploy.training.config import TeacherConfig
from dna_deploy.training.presets import FinalRecipe
from dna_deploy.units import Duration

SHARED = ("dataset", "seed")
"""Keys that hold in every table that has them, and does not say otherwise."""

MOVED = {
    "teacher.epochs": "teacher.recipe.epochs",
    "teacher.images": "data.teacher_images",
    "rate.images": "data.supernet_images",
    "rate.rating_images": "data.rating_images",
    "rate.jobs": "compute.jobs",
    "rate.supernets": "rate.supernet_sets",
    "train.images": "data.train_images",
    "train.validation_images": "data.validation_images",
}
"""Where keys of earlier versions are now."""

FORMER_DEFAULTS = {
    "profile.rounds": 64,
    "rate.rating_images": 2000,
    "rate.batch": 16,
    "rate.supernets": 1,
    "rate.jobs": 2,
    "train.validation_images": 2000,
}
"""What earlier versions wrote into every file without being told to, and did not always hold to: the defaults hold instead."""


class Settings(Part):
    """Everything a journey depends on."""

    space: str = Field("fashion", description="what may be chosen; see `dna-deploy spaces`")
    dataset: str = Field("fashion-mnist", description="a data set by name, or a folder with one folder of images a class")
    method: str = Field(
        "dna",
        description="how networks are rated: dna: a teacher; dna++: none, nor labels; one-shot, cream: one supernet",
    )
    latency: str = Field(
        "50%",
        description="the promise: 20ms, or a share: of the way from the fastest to the best network, or of your model's time",
    )
    quantile: Quantile = Field("p50", description="which quantile of the latency keeps the promise: p50, p90 or p99")
    keep_promise: bool = Field(True, description="measure what search finds, and search again until it keeps the promise")
    shortlist: int = Field(
        64, ge=1, description="so many best networks by block ratings are compared as whole networks; 1: block ratings decide"
    )
    prefer_cheaper: bool = Field(True, description="of networks whose ratings cannot be told apart, take the cheapest")
    target: str = Field("cpu-1thread", description="the device and runtime; see `dna-deploy targets`")
    seed: int = Field(0, ge=0, description="of everything random")
    folder: str = Field("runs/default", description="where the journey keeps its files, relative to this file")
    data: ImagesConfig = ImagesConfig()
    model: ModelConfig = ModelConfig()
    profile: ProfileConfig = ProfileConfig()
    teacher: TeacherConfig = TeacherConfig()
    rate: SerializeAsAny[Part] = RatingConfig()
    train: FinalRecipe = FinalRecipe()
    evolve: EvolutionConfig = EvolutionConfig()
    compute: Compute = Compute()

    @model_validator(mode="before")
    @classmethod
    def _shares(cls, values: Any) -> Any:
        """What is said once at the top holds in the tables, too."""
        if not isinstance(values, Mapping):
            return values
        shared = {name: values[name] for name in SHARED if name in values}
        return _filled(cls, tables_of_method(method_of(values)), {"rate": {}, **values}, shared)

    @field_validator("rate", mode="before")
    @classmethod
    def _is_of_the_method(cls, values: Any, others: ValidationInfo) -> Any:
        return rater_config(method_of(others.data)).model_validate(values) if isinstance(values, Mapping) else values

    @field_validator("latency")
    @classmethod
    def _is_a_budget(cls, text: str) -> str:
        read_budget(text)
        return text

    def seen_from(self, folder: Path) -> Self:
        """The settings with their paths, which are relative to ``folder``, as they are reached from the current folder."""

        def place(name: str) -> str:
            return str(folder / name) if (folder / name).is_dir() else name

        data: dict[str, object] = {"dataset": place(self.data.dataset)}
        teacher: dict[str, object] = {}
        if self.data.folder is not None:
            data["folder"] = folder / self.data.folder
        if (folder / self.teacher.name).is_file():
            teacher["name"] = str(folder / self.teacher.name)
        if self.teacher.weights is not None:
            teacher["weights"] = folder / self.teacher.weights
        tables = {
            "data": self.data.model_copy(update=data),
            "teacher": self.teacher.model_copy(update=teacher),
            "model": self.model.seen_from(folder),
        }
        return self.model_copy(update={"dataset": place(self.dataset), **tables})

    @property
    def budget(self) -> Duration | float:
        """The promised latency, or the share of the way (0 to 1) at which it is to be set."""
        return read_budget(self.latency)


def method_of(values: Mapping[str, Any]) -> str:
    """The method that plain values of settings name, or that holds where they name none."""
    return str(values.get("method", Settings.model_fields["method"].default))


def tables_of_method(method: str) -> dict[str, type[BaseModel]]:
    """The tables of settings, where ``[rate]`` is the config of a method.

    Raises:
        UsageError: there is no such method.
    """
    return {**tables_of(Settings), "rate": rater_config(method)}


def tables_of(model: type[BaseModel]) -> dict[str, type[BaseModel]]:
    """The tables in a table: the configs in a config, by their keys."""
    kinds = {name: field.annotation for name, field in model.model_fields.items()}
    return {name: kind for name, kind in kinds.items() if isinstance(kind, type) and issubclass(kind, BaseModel)}


def _filled(
    model: type[BaseModel], tables: Mapping[str, type[BaseModel]], values: Mapping[str, Any], shared: Mapping[str, Any]
) -> dict[str, Any]:
    """Values whose tables have what all share, and, where they say only a part, what the config has of its own for the rest."""
    filled = dict(values)
    for name, kind in tables.items():
        inside, default = filled.get(name, {}), model.model_fields[name].default
        if not isinstance(inside, Mapping):
            continue
        here = {key: value for key, value in shared.items() if key in kind.model_fields}
        inside = _filled(kind, tables_of(kind), {**here, **inside}, shared)
        if inside and isinstance(default, kind):
            own = {key: getattr(default, key) for key in kind.model_fields}
            inside = {key: value for key, value in own.items() if value != kind.model_fields[key].default} | inside
        if inside or name in filled:
            filled[name] = inside
    return filled
