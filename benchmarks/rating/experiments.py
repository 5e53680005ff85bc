"""The experiments of `experiments.toml`, read and checked; nothing heavy is imported."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Any, Literal

from pydantic import Field, TypeAdapter

from dna_deploy.records.files import Part

FILE = Path(__file__).with_name("experiments.toml")

Teacher = Literal["residual", "wide", "largest", "random", "random-largest"]


class Experiment(Part):
    """One way to rate the networks of a list, with some seeds."""

    name: str
    rater: str
    method: str = ""
    """Of the rater ``product``: the name under which the tool knows it."""
    seeds: tuple[int, ...]
    teacher: Teacher = "residual"
    targets: Literal["own", "permuted"] = "own"
    batch: int = 32
    epochs: int = 10
    """1,250 steps. With 190 (3 epochs in batches of 64) supernets had learnt next to nothing, and no rating knew anything."""
    groups: tuple[tuple[int, ...], ...] = ()
    together: bool = False
    imitated: str | None = None

    @property
    def is_control(self) -> bool:
        """Whether there is nothing to be learnt from its teacher."""
        return self.teacher.startswith("random") or self.targets == "permuted"


class Comparison(Part):
    """One rating beside some others on the same resampled networks."""

    first: str
    others: tuple[str, ...] = Field(alias="with")


def _read() -> tuple[dict[str, Experiment], tuple[Comparison, ...]]:
    content: dict[str, Any] = tomllib.loads(FILE.read_text())
    rows = TypeAdapter(tuple[Experiment, ...]).validate_python(content["experiment"])
    pairs = TypeAdapter(tuple[Comparison, ...]).validate_python(content["compare"])
    return {row.name: row for row in rows}, pairs


EXPERIMENTS, COMPARISONS = _read()
