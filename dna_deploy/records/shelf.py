"""Pretrained networks that somebody else has trained: published accuracies, and what each takes on a device."""

from __future__ import annotations

from typing import ClassVar

from pydantic import Field

from dna_deploy.records.files import Part, Provenance, Record
from dna_deploy.records.model_card import Absent
from dna_deploy.targets.fingerprint import Fingerprint
from dna_deploy.targets.plan import SamplingPlan
from dna_deploy.targets.target import Target


class ShelfTime(Part):
    """The median of a network's runs."""

    latency_s: float = Field(gt=0)
    standard_error_s: float = Field(ge=0)


class ShelfModel(Part):
    """A network with its best published weights at one image size."""

    name: str = Field(description="of the model and its weights")
    image_size: int = Field(gt=0)
    top1: float = Field(ge=0, le=1, description="published, on ImageNet's validation images")
    parameters: float = Field(ge=0, description="in millions, published")
    time: ShelfTime | Absent


class Shelf(Record):
    """What there is to take instead of a network of one's own."""

    KIND: ClassVar[str] = "shelf"

    provenance: Provenance
    source: str = Field(description="of the models")
    accuracies: str = Field(description="digest of the file of published accuracies")
    target: Target
    fingerprint: Fingerprint
    plan: SamplingPlan
    models: tuple[ShelfModel, ...]

    @property
    def timed(self) -> tuple[tuple[ShelfModel, float], ...]:
        """Models and their latencies in seconds, fastest first."""
        pairs = [(model, model.time.latency_s) for model in self.models if isinstance(model.time, ShelfTime)]
        return tuple(sorted(pairs, key=lambda pair: (pair[1], -pair[0].top1)))

    @property
    def front(self) -> tuple[tuple[ShelfModel, float], ...]:
        """Those that no other is both faster and better than, fastest first."""
        front: list[tuple[ShelfModel, float]] = []
        for model, seconds in self.timed:
            if not front or model.top1 > front[-1][0].top1:
                front.append((model, seconds))
        return tuple(front)

    def best_within(self, budget_s: float) -> tuple[ShelfModel, float] | None:
        """The most accurate that keeps a budget; None where none does."""
        within = [(model, seconds) for model, seconds in self.front if seconds <= budget_s]
        return within[-1] if within else None
