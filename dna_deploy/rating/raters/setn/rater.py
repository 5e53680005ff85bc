"""SETN (ICCV 2019, arXiv 1910.05733): an evaluator, trained on held-out images, proposes networks of a one-shot supernet.

The supernet is trained as without it: along uniform paths, to the same weights. Likelihoods multiply over blocks, so that the
most likely networks within a budget are found exactly; which of them is best, their accuracy says.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, cast

import torch

from dna_deploy.learning.phase import Phase
from dna_deploy.nets.supernets.whole import OneShotSupernet
from dna_deploy.progress import OnProgress, silent
from dna_deploy.rating.raters.dna.second_stage import by_mean_rank
from dna_deploy.rating.raters.dna.stitched import StitchedRating
from dna_deploy.rating.raters.one_shot.held_out import held_out_phase
from dna_deploy.rating.raters.one_shot.rater import SupernetRater
from dna_deploy.rating.raters.one_shot.rating import OpenSupernet
from dna_deploy.rating.raters.one_shot.training import weight_phase
from dna_deploy.rating.raters.setn.config import SetnConfig
from dna_deploy.rating.raters.setn.evaluator import Evaluator, HeldOutMixture
from dna_deploy.rating.work import RatingWork
from dna_deploy.records.rating_table import RatingTable
from dna_deploy.records.refinement import Refinement
from dna_deploy.records.score import Score, ScoreKind
from dna_deploy.spaces.architecture import Architecture

LIKELIHOOD = ScoreKind(name="log likelihood", decimals=3)
SUBJECT = "evaluator"


class Setn(SupernetRater):
    """Rates networks by accuracy with shared weights, and candidates by how unlikely the evaluator thinks them."""

    config = SetnConfig
    folder_name = "setn"

    def table(self, on_progress: OnProgress = silent) -> RatingTable:
        """The negative logarithm of every candidate's likelihood."""
        supernet, indices = self.supernet(on_progress), self.work.space.block_numbers
        likelihoods = (evaluator_of(supernet).log_likelihoods(supernet, index) for index in indices)
        return self.work.table_of((-rated).detach().double().tolist() for rated in likelihoods)

    def second_stage(self, table: RatingTable, *, with_labels: bool = False) -> Proposals:
        return Proposals(self, table)

    def phases(self, work: RatingWork[Any, None], supernet: OneShotSupernet) -> Sequence[Phase]:
        """Weights as without an evaluator, then the evaluator."""
        config, weights = work.config, weight_phase(work, supernet)
        evaluator = Evaluator(supernet, config.seed).to(work.compute.device)
        supernet.add_module("evaluator", evaluator)
        loss, file = HeldOutMixture(supernet, config.evaluator_every), "history-evaluator.json"
        adam = {"betas": (0.5, 0.999), "weight_decay": 1e-3}
        return [weights, held_out_phase(work, evaluator, loss, config.evaluator_rate, SUBJECT, file, **adam)]

    @torch.no_grad()
    def measure(self, opened: OpenSupernet, network: Architecture) -> Score:
        """Accuracy; cross entropy and likelihood stand beside it."""
        rated = opened.rate(network)
        likelihood = evaluator_of(opened.supernet).log_likelihood(opened.supernet, network)
        return rated.model_copy(update={"further": (*rated.further, Score(value=likelihood, kind=LIKELIHOOD))})


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
        fresh, work = [network for network in dict.fromkeys(architectures) if network not in self._scores], self.rater.work
        self._scores |= zip(fresh, self.rater.score(fresh, on_progress), strict=True)
        rated = []
        for network in sorted(architectures, key=lambda each: (-self._scores[each].value, self.table.of(work.space, each))):
            loss, accuracy = self._scores[network].further[0], self._scores[network].value
            rated.append(StitchedRating(network, loss.value, loss.standard_error or 0.0, accuracy=accuracy))
        order = {"accuracy": range(len(rated))}
        return by_mean_rank(work.space, self.table, rated, teacher=self.table.teacher, data=work.data, by_labels=order)


def evaluator_of(supernet: OneShotSupernet) -> Evaluator:
    """The evaluator that is trained beside a supernet's weights."""
    return cast(Evaluator, supernet.evaluator)
