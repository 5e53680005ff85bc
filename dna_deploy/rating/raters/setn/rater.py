"""SETN (ICCV 2019, arXiv 1910.05733): an evaluator, trained on held-out images, proposes networks of a one-shot supernet.

The supernet is trained as without it: along uniform paths, to the same weights. Likelihoods multiply over blocks, so that the
most likely networks within a budget are found exactly; which of them is best, their accuracy says.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar, cast

import torch
from torch.optim import Adam

from dna_deploy.learning.phase import Phase
from dna_deploy.nets.supernets.whole import OneShotSupernet
from dna_deploy.progress import OnProgress, silent
from dna_deploy.rating.raters.one_shot.held_out import held_out_batches
from dna_deploy.rating.raters.one_shot.rater import OneShot
from dna_deploy.rating.raters.one_shot.rating import OpenSupernet
from dna_deploy.rating.raters.one_shot.training import train_one_shot, weight_phase
from dna_deploy.rating.raters.setn.config import SetnConfig
from dna_deploy.rating.raters.setn.evaluator import Evaluator, HeldOutMixture
from dna_deploy.rating.work import RatingWork
from dna_deploy.records.files import Part, Provenance
from dna_deploy.records.rating_table import BlockRatings, RatingTable
from dna_deploy.records.refinement import RefinedNetwork, Refinement
from dna_deploy.records.score import Score, ScoreKind
from dna_deploy.spaces.architecture import Architecture

LIKELIHOOD = ScoreKind(name="log likelihood", decimals=3)
SUBJECT = "evaluator"


class Setn:
    """Rates networks by accuracy with shared weights, and candidates by how unlikely the evaluator thinks them."""

    config: ClassVar[type[Part]] = SetnConfig
    needs: ClassVar = SetnConfig.needs
    folder_name: ClassVar[str] = "setn"

    def __init__(self, work: RatingWork[Any, None]) -> None:
        self.work, self._supernet = work, OneShot(work, _phases, _accuracy_and_likelihood)

    def train(self, on_progress: OnProgress = silent) -> None:
        self._supernet.train(on_progress)

    def score(self, networks: Sequence[Architecture], on_progress: OnProgress = silent) -> tuple[Score, ...]:
        return self._supernet.score(networks, on_progress)

    def table(self, on_progress: OnProgress = silent) -> RatingTable:
        """The negative logarithm of every candidate's likelihood."""
        supernet, space = train_one_shot(self.work, on_progress, _phases), self.work.space
        ratings = (
            -evaluator_of(supernet).log_likelihoods(supernet, index).detach().double().cpu() for index in space.block_numbers
        )
        blocks = (BlockRatings.of(space, index, rated.tolist(), [0.0] * len(rated)) for index, rated in enumerate(ratings))
        return self.work.table(len(self.work.data.rating), blocks)

    def second_stage(self, table: RatingTable, *, with_labels: bool = False) -> Proposals:
        return Proposals(self, table)


@dataclass
class Proposals:
    """What the evaluator proposed, by accuracy. Raises `TableError` if the table is not of this supernet's images or space."""

    rater: Setn
    table: RatingTable
    _scores: dict[Architecture, Score] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.rater.work.check_ratings(self.table)

    def refine(self, architectures: Sequence[Architecture], on_progress: OnProgress = silent) -> Refinement:
        """The proposals, best first."""
        fresh = [network for network in dict.fromkeys(architectures) if network not in self._scores]
        self._scores |= zip(fresh, self.rater.score(fresh, on_progress), strict=True)
        work = self.rater.work
        ranked = sorted(architectures, key=lambda network: (-self._scores[network].value, self.table.of(work.space, network)))
        return Refinement(
            provenance=Provenance.now(),
            space=work.space.name,
            space_digest=work.space.digest,
            ratings=self.table.digest,
            teacher=self.table.teacher,
            dataset=work.data.digest,
            images=len(work.data.rating),
            divergence_from="labels",
            ranked_by=("accuracy",),
            networks=tuple(self._refined(network, rank) for rank, network in enumerate(ranked, 1)),
        )

    def _refined(self, network: Architecture, rank: int) -> RefinedNetwork:
        space, score = self.rater.work.space, self._scores[network]
        loss, layers = score.further[0], space.place(network)
        return RefinedNetwork(
            architecture=str(network),
            divergence=loss.value,
            standard_error=loss.standard_error or 0.0,
            temperature=None,
            known=None,
            agreement=None,
            rating=self.table.of(space, network),
            parameters=sum(layer.parameters for layer in layers),
            macs=sum(layer.macs for layer in layers),
            accuracy=score.value,
            mean_rank=rank,
        )


def evaluator_of(supernet: OneShotSupernet) -> Evaluator:
    """The evaluator that is trained beside a supernet's weights."""
    return cast(Evaluator, supernet.evaluator)


def _phases(work: RatingWork[Any, None], supernet: OneShotSupernet) -> Sequence[Phase]:
    config, weights = work.config, weight_phase(work, supernet)
    evaluator = Evaluator(supernet, config.seed).to(work.compute.device)
    supernet.add_module("evaluator", evaluator)
    learning = Phase(
        objectives=[HeldOutMixture(supernet, config.evaluator_every)],
        group=evaluator,
        optimiser=Adam(evaluator.parameters(), config.evaluator_rate, betas=(0.5, 0.999), weight_decay=1e-3),
        rate=lambda _: float(config.evaluator_rate),
        batches=held_out_batches(work),
        histories={SUBJECT: work.folder / "history-evaluator.json"},
    )
    return [weights, learning]


@torch.no_grad()
def _accuracy_and_likelihood(supernet: OpenSupernet, network: Architecture) -> Score:
    rated = supernet.rate(network)
    likelihood = evaluator_of(supernet.supernet).log_likelihood(supernet.supernet, network)
    return rated.model_copy(update={"further": (*rated.further, Score(value=likelihood, kind=LIKELIHOOD))})
