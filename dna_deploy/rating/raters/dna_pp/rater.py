"""DNA++ (after arXiv 2403.01326): blocks learn from a population of themselves, without a teacher and without labels."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

from dna_deploy.errors import UsageError
from dna_deploy.progress import OnProgress, silent
from dna_deploy.rating.raters.dna_pp.config import PopulationConfig
from dna_deploy.rating.raters.dna_pp.population import PopulationWork
from dna_deploy.rating.raters.dna_pp.rating import rate_all_blocks
from dna_deploy.rating.raters.dna_pp.stitched import ChainedStage, rate_chained
from dna_deploy.rating.raters.dna_pp.training import train_population
from dna_deploy.records.files import Part
from dna_deploy.records.rating_table import RatingTable
from dna_deploy.records.score import Score, ScoreKind
from dna_deploy.spaces.architecture import Architecture

DISTANCE = ScoreKind(name="distance from the centre", better="lower", decimals=4)


@dataclass(frozen=True)
class DnaPlusPlus:
    """Rates by how well blocks predict, from one view of an image, the population's centre on another."""

    work: PopulationWork
    config: ClassVar[type[Part]] = PopulationConfig
    needs: ClassVar = PopulationConfig.needs
    folder_name: ClassVar[str] = "population"

    def train(self, on_progress: OnProgress = silent) -> None:
        train_population(self.work, on_progress)

    def table(self, on_progress: OnProgress = silent) -> RatingTable:
        return rate_all_blocks(self.work, on_progress)

    def score(self, networks: Sequence[Architecture], on_progress: OnProgress = silent) -> tuple[Score, ...]:
        ratings = rate_chained(self.work, networks, on_progress=on_progress)
        return tuple(Score(value=each.divergence, standard_error=each.standard_error, kind=DISTANCE) for each in ratings)

    def second_stage(self, table: RatingTable, *, with_labels: bool = False) -> ChainedStage:
        if with_labels:
            raise UsageError("a population has no head, so that no label can be right", "leave out --with-labels")
        return ChainedStage(self.work, table)
