"""NEAS (CVPR 2021, arXiv 2104.00597): a space shrinks by potential and diversity, then ensembles of it are searched.

The authors published no code of it; how they score diversity could not be read. Here it is our own: one less the cosine between
what two options of a slot make of the same features.
"""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from dataclasses import replace
from statistics import fmean, pstdev
from typing import Any

import torch
import torch.nn.functional as F

from dna_deploy.data.randomness import derived_seed, seeded
from dna_deploy.errors import InfeasibleError, UsageError
from dna_deploy.learning.phase import Phase
from dna_deploy.nets.batch_norm import batch_statistics
from dna_deploy.nets.supernets.whole import OneShotSupernet
from dna_deploy.progress import OnProgress, Progress, silent
from dna_deploy.rating.raters.neas.config import EnsembleConfig
from dna_deploy.rating.raters.neas.ensembles import BranchLoss, Ensemble, EnsembleSupernet, evolve
from dna_deploy.rating.raters.one_shot.held_out import held_out_accuracy
from dna_deploy.rating.raters.shrinking.left import mean_scores
from dna_deploy.rating.raters.shrinking.rater import ShrinkingRater
from dna_deploy.rating.raters.shrinking.schedule import ShrinkingNetworks
from dna_deploy.rating.work import RatingWork
from dna_deploy.records.changed_space import EnsembleSpace
from dna_deploy.records.files import Provenance
from dna_deploy.spaces.architecture import Architecture
from dna_deploy.spaces.options import Option, alternatives, options, slots

SEEN = 64
"""Held-out images on which options are compared."""
TRIES = 200
"""Draws for an ensemble within the budget."""


class Neas(ShrinkingRater):
    """Finds an ensemble; rates single networks by accuracy with shared weights."""

    config = EnsembleConfig
    folder_name = "neas"

    def __init__(self, work: RatingWork[Any, None]) -> None:
        """Raises `UsageError` where there is one block, behind which nothing could branch."""
        if len(work.space.block_numbers) < 2:
            raise UsageError(f"{work.space.name!r} has one block, so that nothing can be shared", "name another space")
        super().__init__(work)

    def changed(self, on_progress: OnProgress = silent) -> EnsembleSpace:
        """The space of one network: the best ensemble that was judged, with one averaged answer.

        Raises:
            InfeasibleError: no ensemble that was drawn keeps the budget.
        """
        self.train(on_progress)
        config, rng = self.work.config, random.Random(derived_seed(self.work.config.seed, "ensembles"))
        if (first := self._within(rng)) is None:
            raise InfeasibleError(
                f"none of {TRIES} ensembles of {self.work.space.name!r} keeps {self.left.budget.name}",
                "allow more: an ensemble needs about as much as its networks, less what they share",
            )
        space, judged = self.left.space, [0]

        def judge(ensemble: Ensemble) -> float:
            judged[0] += 1
            accuracy = self._accuracy(ensemble)
            on_progress(Progress("ensembles", judged[0], config.searched, f"accuracy {accuracy:.1%}"))
            return accuracy

        def change(ensemble: Ensemble, other: Ensemble) -> Ensemble | None:
            changed = ensemble.changed(space, other, rng)
            return changed if self._keeps_budget(changed) else None

        drawn = iter([first])
        best, accuracy = evolve(lambda: next(drawn, None) or self._within(rng), change, judge, config.searched, rng)
        return EnsembleSpace(
            provenance=Provenance.now(), space=self.work.space.name, space_digest=self.work.space.digest,
            method=self.work.method, split=best.split, networks=tuple(map(str, best.networks)), accuracy=accuracy,
        )  # fmt: skip

    def phases(self, work: RatingWork[Any, None], supernet: OneShotSupernet) -> Sequence[Phase]:
        """Weights and the heads of further branches learn along ensembles of what is left."""
        with seeded(work.config.seed, "heads"):
            self.ensembles = EnsembleSupernet(supernet, work.config.branches).to(work.compute.device)
        supernet.add_module("ensembles", self.ensembles)
        (weights,) = super().phases(work, supernet)
        return [replace(weights, objectives=[BranchLoss(work.config.label_smoothing)], network=self.ensembles.path)]

    def sampler(self, steps: int) -> RandomEnsembles:
        """What has neither potential nor diversity is dropped."""
        return RandomEnsembles(self.left, self.work.config, steps, self._scores)

    def _scores(self, number: int) -> dict[Option, float]:
        """Potential and diversity of all options that may go, each in its deviations from the mean."""
        rng, space = random.Random(derived_seed(self.work.config.seed, "children", number)), self.left.space
        drawn = [ensemble for _ in range(self.work.config.children) if (ensemble := self._within(rng)) is not None]
        held: dict[Architecture, list[float]] = {}
        for ensemble in drawn:
            accuracy = self._accuracy(ensemble)
            for network in ensemble.networks:
                held.setdefault(network, []).append(accuracy)
        means = {network: fmean(accuracies) for network, accuracies in held.items()}
        potential = _standardised(mean_scores(space, means.items(), options(space)))
        weight = self.work.config.diversity
        diversity = _standardised(self._diversities(rng)) if weight else {}
        return {option: value + weight * diversity.get(option, 0.0) for option, value in potential.items()}

    @torch.no_grad()
    def _diversities(self, rng: random.Random) -> dict[Option, float]:
        """How unlike the others of its slot every option is, with as many channels; none where there are no such others."""
        data, space = self.work.data, self.left.space
        images = data.normalisation(data.rating.images(torch.arange(min(SEEN, len(data.rating)))).to(self.work.compute.device))
        unlike: dict[Option, float] = {}
        for several in (slot for slot in slots(space).values() if len(slot) > 1):
            pooled = {each: self._pooled(network, end, images) for each, network, end in alternatives(space, several, rng)}
            for option, features in pooled.items():
                others = [other for name, other in pooled.items() if name != option and other.shape == features.shape]
                if others:
                    unlike[option] = fmean(float((1 - F.cosine_similarity(features, other)).mean()) for other in others)
        return unlike

    def _pooled(self, network: Architecture, end: int, images: torch.Tensor) -> torch.Tensor:
        """Means over places of what the first layers of a network emit, ``(batch, channels)``."""
        path = self.net.path(network)[:end]
        with batch_statistics(path):
            features: torch.Tensor = path(images)
        return features.flatten(2).mean(2)

    def _accuracy(self, ensemble: Ensemble) -> float:
        return held_out_accuracy(self.work, self.ensembles.path(ensemble).answer, self.work.config.judged)

    def _within(self, rng: random.Random) -> Ensemble | None:
        """An ensemble of what is left within the budget, or None where none of many was."""
        draws: Iterator[Ensemble] = (Ensemble.draw(self.left.space, self.work.config.branches, rng) for _ in range(TRIES))
        return next(filter(self._keeps_budget, draws), None)

    def _keeps_budget(self, ensemble: Ensemble) -> bool:
        return ensemble.cost(self.left.whole, self.left.budget) <= self.left.budget.limit


class RandomEnsembles(ShrinkingNetworks):
    """Draws ensembles of what is left of a space."""

    def draw(self, step: int) -> Any:
        """The ensemble of a step."""
        rng = random.Random(derived_seed(self.config.seed, "ensemble", step))
        return Ensemble.draw(self.left.space, self.config.branches, rng)


def _standardised(values: dict[Option, float]) -> dict[Option, float]:
    """In deviations from the mean."""
    if not values:
        return {}
    mean, deviation = fmean(values.values()), pstdev(values.values())
    return {option: (value - mean) / (deviation or 1.0) for option, value in values.items()}
