"""DNA (arXiv 1911.13053): blocks imitate a teacher's features; ratings of candidates add, whole networks are stitched."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar

from dna_deploy.nets.supernets.blocks import SupernetBlock
from dna_deploy.progress import OnProgress, silent
from dna_deploy.rating.raters.dna.config import RatingConfig
from dna_deploy.rating.raters.dna.rating import rate_sets_of_blocks
from dna_deploy.rating.raters.dna.second_stage import StitchedStage
from dna_deploy.rating.raters.dna.shortlist import rate_sets
from dna_deploy.rating.raters.dna.stitched import StitchedRating
from dna_deploy.rating.raters.dna.training import train_blocks
from dna_deploy.rating.raters.dna.work import BlockWork, check_fits, sets_in, sets_of
from dna_deploy.records.files import Part
from dna_deploy.records.rating_table import RatingTable
from dna_deploy.records.score import Score, ScoreKind
from dna_deploy.spaces.architecture import Architecture

KNOWLEDGE = ScoreKind(name="stitched, divergence", better="higher", decimals=4)
AGREEMENT = ScoreKind(name="stitched, agreement", better="higher", unit="%", decimals=1)


@dataclass(frozen=True)
class Dna:
    """Rates by how well blocks imitate a teacher."""

    work: BlockWork
    config: ClassVar[type[Part]] = RatingConfig
    needs: ClassVar = RatingConfig.needs
    folder_name: ClassVar[str] = "rate"

    def __post_init__(self) -> None:
        check_fits(self.work)

    @property
    def sets(self) -> tuple[BlockWork, ...]:
        """All sets of supernets: those that are asked for, or that lie in the folder, if these are more."""
        works, there = sets_of(self.work, self.work.config.supernet_sets), sets_in(self.work)
        return there if len(there) > len(works) else works

    def train(self, on_progress: OnProgress = silent) -> None:
        for work in self.sets:
            work.write_run()
            with work.compute.limited_threads():
                work.teacher.network.to(work.compute.device)
                train_blocks(work, work.space.block_numbers, on_progress)

    def supernets(self, on_progress: OnProgress = silent) -> Mapping[int, SupernetBlock]:
        work = self.work
        with work.compute.limited_threads():
            work.teacher.network.to(work.compute.device)
            return train_blocks(work, work.space.block_numbers, on_progress)

    def table(self, on_progress: OnProgress = silent) -> RatingTable:
        return rate_sets_of_blocks(self.work, on_progress)

    def score(self, networks: Sequence[Architecture], on_progress: OnProgress = silent) -> tuple[Score, ...]:
        self.train(on_progress)
        return tuple(map(_score, rate_sets(self.sets, networks, on_progress=on_progress)))

    def second_stage(self, table: RatingTable, *, with_labels: bool = False) -> StitchedStage:
        return StitchedStage(self.sets, table, with_labels)


def _score(rating: StitchedRating) -> Score:
    agreement = Score(value=rating.counted_agreement or 0.0, kind=AGREEMENT)
    return Score(value=rating.score, standard_error=rating.standard_error, kind=KNOWLEDGE, further=(agreement,))
