"""Raters by a supernet of the whole space, among them the baseline (SPOS, arXiv 1904.00420), which rates by accuracy."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar

from dna_deploy.learning.phase import Phase
from dna_deploy.nets.supernets.whole import OneShotSupernet
from dna_deploy.progress import OnProgress, Progress, silent
from dna_deploy.rating.raters.one_shot.config import OneShotConfig
from dna_deploy.rating.raters.one_shot.rating import OpenSupernet
from dna_deploy.rating.raters.one_shot.training import along_labels, train_one_shot
from dna_deploy.rating.work import RatingWork
from dna_deploy.records.files import Part
from dna_deploy.records.score import Score
from dna_deploy.spaces.architecture import Architecture


class SupernetRater:
    """A rater that trains a one-shot supernet. A method says how (`phases`) and by what a network is rated (`measure`)."""

    config: ClassVar[type[Part]]
    needs: ClassVar = OneShotConfig.needs
    folder_name: ClassVar[str]

    def __init__(self, work: RatingWork[Any, None]) -> None:
        self.work = work
        self._opened: OpenSupernet | None = None

    def phases(self, work: RatingWork[Any, None], supernet: OneShotSupernet) -> Sequence[Phase]:
        """How the untrained supernet is trained, its weights first: with labels, along paths that are drawn uniformly."""
        return along_labels(work, supernet)

    def measure(self, opened: OpenSupernet, network: Architecture) -> Score:
        """How good a network is: the accuracy with shared weights."""
        return opened.rate(network)

    def supernet(self, on_progress: OnProgress = silent) -> OneShotSupernet:
        """The trained supernet, with what is trained beside it."""
        return train_one_shot(self.work, on_progress, self.phases)

    def train(self, on_progress: OnProgress = silent) -> None:
        self.supernet(on_progress)

    def score(self, networks: Sequence[Architecture], on_progress: OnProgress = silent) -> tuple[Score, ...]:
        for network in networks:
            self.work.space.check(network)
        self._opened = self._opened or OpenSupernet.open(self.work, lambda: self.supernet(on_progress))
        scores = []
        for number, network in enumerate(networks, 1):
            scores.append(self.measure(self._opened, network))
            notice = self._opened.portions.news()
            on_progress(Progress("one-shot networks", number, len(networks), f"{scores[-1].kind.name} {scores[-1]}", notice))
        return tuple(scores)


class OneShot(SupernetRater):
    """Rates by the accuracy that networks have with shared weights."""

    config = OneShotConfig
    folder_name = "one-shot"
