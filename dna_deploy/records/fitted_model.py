"""What came of fitting one's own model into a budget: asked, predicted, measured, agreement, what changed, baselines."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, ClassVar

from pydantic import Field

from dna_deploy.records.doubt import Grade
from dna_deploy.records.files import Migration, Part, Provenance, Record, equal_to
from dna_deploy.records.model_card import Absent
from dna_deploy.records.score import Metric
from dna_deploy.records.shelf import ShelfModel, ShelfTime
from dna_deploy.targets.target import Target
from dna_deploy.units import Duration


class NetworkStanding(Part):
    """A network beside the original, on images that nothing was chosen by."""

    measured_s: float = Field(gt=0, description="at the pace that the original had when its units were timed")
    agreement: float = Field(ge=0, le=1, description="how often its class is the original's, before any fine-tuning")
    divergence: float = Field(ge=0, description="of its answers from the original's, nats, before any fine-tuning")
    images: int = Field(gt=0)
    before: Metric | None = Field(description="on labelled test images, before any fine-tuning; None without labels")
    after: Metric | None = Field(description="the same after it; None without fine-tuning or labels")
    agreement_after: float | None = Field(ge=0, le=1, description="None without fine-tuning")


class FittedBaseline(Part):
    """A network that needs no search, with the same recovery."""

    name: str
    standing: NetworkStanding | Absent = Field(description="absent: it does not reach the budget, or cannot be made")


class FittedUnit(Part):
    """One unit of the original and what stands in its place."""

    path: str
    choice: str
    original_s: float = Field(ge=0, description="what it took")
    seconds: float = Field(ge=0, description="what its replacement takes")
    divergence: float = Field(ge=0, description="of answers if only this unit is replaced")
    standard_error: float = Field(ge=0)


def _of_the_search(body: dict[str, Any]) -> dict[str, Any]:
    """Units were timed without a table, and what the search found was always the answer."""
    return {**body, "source": "search", "table": "", "grade": None, "doubts": ()}


class FittedModel(Record):
    """The card of a model that was fitted into a budget."""

    KIND: ClassVar[str] = "fitted-model"
    SCHEMA_VERSION: ClassVar[int] = 2
    MIGRATIONS: ClassVar[Mapping[int, Migration]] = MappingProxyType({1: _of_the_search})

    provenance: Provenance
    model: str
    input: str = Field(description="images of the original")
    takes: str | None = Field(None, exclude_if=equal_to(None), description="images of the fitted model, where they are smaller")
    target: Target
    timing: str = Field(description="which moments latencies speak of")
    table: str = Field(description="digest of the latency table; empty in older files, which had none")
    grade: Grade | None = Field(description="of the table")
    doubts: tuple[str, ...] = Field(description="about the table")
    original_s: float = Field(gt=0)
    original: Metric | None = Field(description="of the original on labelled test images")
    asked_s: float = Field(gt=0)
    predicted_s: float = Field(gt=0)
    relative_error: float = Field(ge=0, description="of predictions, on whole networks left out of the fit")
    source: str = Field(description="what proposed the network: search, or the baseline that was clearly better")
    standing: NetworkStanding
    units: tuple[FittedUnit, ...]
    rating: float = Field(ge=0, description="sum of the divergences of its units")
    tau: float = Field(description="Kendall's, of sums of ratings with whole networks judged")
    judged: int = Field(gt=0, description="whole networks")
    parity: float = Field(ge=0, description="largest difference of the ONNX file's scores from torch's, of the largest")
    baselines: tuple[FittedBaseline, ...]
    shelf: ShelfModel | None = Field(
        None, exclude_if=equal_to(None), description="the most accurate of the shelf within the budget, as published"
    )
    remarks: tuple[str, ...]
    absent: dict[str, str] = Field(description="candidates that there are not, and why")
    spent_s: dict[str, float] = Field(description="what each stage of the work took")

    @property
    def shelf_words(self) -> str:
        """The network of the shelf, in words; empty where none was measured."""
        if self.shelf is None or not isinstance(self.shelf.time, ShelfTime):
            return ""
        seconds, published = Duration(self.shelf.time.latency_s), f"{self.shelf.top1:.1%} published on ImageNet"
        return f"of the shelf, {self.shelf.name} at {self.shelf.image_size} takes {seconds}: {published}"

    @property
    def is_kept(self) -> bool:
        """Whether the budget is kept, but for what two measurements of one file differ by."""
        return self.standing.measured_s <= self.asked_s * 1.01
