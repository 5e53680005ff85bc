"""BossNAS (ICCV 2021, arXiv 2103.12424): blocks bootstrap from ensembles of their own candidates, without teacher or labels."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

from dna_deploy.progress import OnProgress, silent
from dna_deploy.rating.raters.boss.config import BossConfig
from dna_deploy.rating.raters.boss.rating import rate_in_order
from dna_deploy.rating.raters.boss.training import BossWork
from dna_deploy.records.files import Part
from dna_deploy.records.rating_table import RatingTable
from dna_deploy.records.score import Score, ScoreKind
from dna_deploy.spaces.architecture import Architecture

DISTANCE = ScoreKind(name="distance from the ensemble", better="lower", decimals=4)


@dataclass(frozen=True)
class Boss:
    """Rates by how well candidates predict, from one view of an image, what all candidates see in another."""

    work: BossWork
    config: ClassVar[type[Part]] = BossConfig
    needs: ClassVar = BossConfig.needs
    folder_name: ClassVar[str] = "boss"

    def train(self, on_progress: OnProgress = silent) -> None:
        self.table(on_progress)

    def table(self, on_progress: OnProgress = silent) -> RatingTable:
        return rate_in_order(self.work, on_progress)

    def score(self, networks: Sequence[Architecture], on_progress: OnProgress = silent) -> tuple[Score, ...]:
        """The sum over blocks: what was trained says no more of a whole network."""
        self.work.check_networks(networks)
        table = self.table(on_progress)
        return tuple(
            Score(
                value=table.of(self.work.space, network),
                standard_error=table.standard_error(self.work.space, network),
                kind=DISTANCE,
            )
            for network in networks
        )
