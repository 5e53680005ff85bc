"""Watches embeddings while they are trained, and stops a training in which they collapse."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

import torch

from dna_deploy.errors import CollapsedError
from dna_deploy.rating.raters.dna_pp.embedding import Spread
from dna_deploy.rating.work import RatingWork
from dna_deploy.records.embedding_history import EmbeddingHistory, EmbeddingLook
from dna_deploy.records.files import Provenance

FILE_NAME = "embedding-history.json"


@dataclass
class CollapseWatch:
    """The looks that were taken so far, in a training of so many ``steps``."""

    work: RatingWork[Any, None]
    steps: int
    looks: list[EmbeddingLook] = field(default_factory=list)

    @classmethod
    def resume(cls, work: RatingWork[Any, None], steps: int, facts: Iterable[Mapping[str, Any]]) -> CollapseWatch:
        """A watch that goes on after the looks in a checkpoint."""
        return cls(work, steps, [EmbeddingLook.model_validate(look) for look in facts])

    @property
    def facts(self) -> list[dict[str, Any]]:
        """The looks as a checkpoint keeps them."""
        return [look.model_dump(mode="json") for look in self.looks]

    @property
    def is_calm(self) -> bool:
        """Whether the last look at every block found it well."""
        return not any(look.collapsed for look in self.looks[-len(self.work.space.block_numbers) :])

    def look(self, step: int, index: int, centre: torch.Tensor) -> None:
        """Looks at the population's centre on the two views of a step's images, ``(2 * batch, size)``, when it is time.

        Raises:
            CollapsedError: the block was found collapsed so many times in a row that it will not recover.
        """
        limits = self.work.config.limits
        if step % limits.every or not bool(centre.isfinite().all()):  # what is no number, the loss will say
            return
        spread = Spread.of(centre.detach()[: len(centre) // 2])
        self.looks.append(
            EmbeddingLook(
                step=step,
                block=index + 1,
                deviation=spread.deviation,
                effective_rank=spread.effective_rank,
                cosine=spread.cosine,
                collapsed=limits.are_passed_by(spread, self.work.config.size),
            )
        )
        judged = [look for look in self.looks if look.block == index + 1 and look.step > limits.grace * self.steps]
        latest = [look.collapsed for look in judged[-limits.patience :]]
        if len(latest) == limits.patience and all(latest):
            self.write_history(stopped_at=step)
            raise CollapsedError(
                f"block {index + 1}: embeddings collapsed, images can no longer be told apart at step {step}: {spread}",
                f"{self.work.config.against_collapse}; its course: {self.work.folder / FILE_NAME}",
            )

    def write_history(self, stopped_at: int | None) -> None:
        """Writes the course of the embeddings beside the population."""
        limits = self.work.config.limits
        EmbeddingHistory(
            provenance=Provenance.now(),
            method=self.work.method,
            size=self.work.config.size,
            limits={"deviation": limits.deviation, "rank": limits.rank, "cosine": limits.cosine},
            stopped_at=stopped_at,
            looks=tuple(self.looks),
        ).write(self.work.folder / FILE_NAME)
