"""How well a calibrated rating predicts accuracies: the networks that were trained shortly, each predicted by the others."""

from __future__ import annotations

import math
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any, ClassVar

from pydantic import Field

from dna_deploy.records.files import Migration, Part, Provenance, Record
from dna_deploy.records.score import Metric, of_accuracy
from dna_deploy.records.space_record import SpaceRecord


def calibration_beside(table: Path) -> Path:
    """Where the record of a calibrated rating table lies."""
    return table.with_suffix(".calibration.json")


def _reached(body: dict[str, Any]) -> dict[str, Any]:
    """Version 1 knew one metric, accuracy."""
    rest = {key: value for key, value in body.items() if key != "accuracy"}
    return {**rest, "reached": of_accuracy(body["accuracy"])}


def _all_reached(body: dict[str, Any]) -> dict[str, Any]:
    return {**body, "networks": list(map(_reached, body["networks"]))}


class ShortTraining(Record):
    """What one network reached that began with its blocks' weights from the supernets."""

    KIND: ClassVar[str] = "short-training"
    SCHEMA_VERSION: ClassVar[int] = 2
    MIGRATIONS: ClassVar[Mapping[int, Migration]] = MappingProxyType({1: _reached})

    provenance: Provenance
    identity: str = Field(description="names supernets, architecture, images and recipe")
    architecture: str
    reached: Metric = Field(description="on the rating slice and the validation images together")


class CalibrationNetwork(Part):
    """A trained network, and what was expected of it by a model that had not seen it. Shares, not percent."""

    architecture: str
    rating: float = Field(description="the plain sum of its blocks' ratings")
    reached: Metric
    predicted: float
    low: float = Field(description="of the 95 % interval")
    high: float

    @property
    def is_covered(self) -> bool:
        """Whether the interval holds what the network reached."""
        return self.low <= self.reached.value <= self.high


class RatingCalibration(SpaceRecord):
    """A calibration of a rating table."""

    KIND: ClassVar[str] = "rating-calibration"
    SCHEMA_VERSION: ClassVar[int] = 2
    MIGRATIONS: ClassVar[Mapping[int, Migration]] = MappingProxyType({1: _all_reached})

    provenance: Provenance
    ratings: str = Field(description="digest of the rating table that was calibrated")
    calibrated: str = Field(description="digest of the calibrated table")
    teacher: str
    dataset: str
    recipe: dict[str, object] = Field(description="how each network was trained, from its blocks' weights in the supernets")
    networks: tuple[CalibrationNetwork, ...]
    tau_of_sum: float = Field(description="Kendall's tau between the plain sum and accuracy, over these networks")
    tau_of_prediction: float = Field(description="the same of the predictions, each without the network itself")

    @property
    def error(self) -> float:
        """How far predictions of networks that the model had not seen are off: the root of their mean square, a share."""
        squares = ((network.predicted - network.reached.value) ** 2 for network in self.networks)
        return math.sqrt(sum(squares) / len(self.networks))

    def reach(self, standard_error: float) -> float:
        """Half of the 95 % interval of a predicted accuracy, a share: from its own error and that of unseen networks."""
        from scipy.stats import t  # late: it is slow to import

        return float(t.ppf(0.975, len(self.networks) - 1)) * math.hypot(standard_error, self.error)

    @property
    def covered(self) -> int:
        """How many of the 95 % intervals hold what they should."""
        return sum(network.is_covered for network in self.networks)
