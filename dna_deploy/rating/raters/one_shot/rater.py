"""The one-shot baseline (SPOS, arXiv 1904.00420): one supernet with labels, whose paths are rated by accuracy."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import ClassVar

from dna_deploy.progress import OnProgress, Progress, silent
from dna_deploy.rating.raters.one_shot.config import OneShotConfig
from dna_deploy.rating.raters.one_shot.rating import OpenSupernet
from dna_deploy.rating.raters.one_shot.training import MakePhases, OneShotWork, along_labels, train_one_shot
from dna_deploy.records.files import Part
from dna_deploy.records.score import Score
from dna_deploy.spaces.architecture import Architecture


@dataclass
class OneShot:
    """Rates by the accuracy that networks have with shared weights, or by another measure of them."""

    work: OneShotWork
    config: ClassVar[type[Part]] = OneShotConfig
    needs: ClassVar = OneShotConfig.needs
    folder_name: ClassVar[str] = "one-shot"
    phases: MakePhases = field(default=along_labels, repr=False)
    """How the supernet is trained; other methods bring their own."""
    measure: Callable[[OpenSupernet, Architecture], Score] = field(default=OpenSupernet.rate, repr=False)
    """By what a network is rated."""
    _opened: OpenSupernet | None = field(default=None, init=False, repr=False)

    def train(self, on_progress: OnProgress = silent) -> None:
        train_one_shot(self.work, on_progress, self.phases)

    def score(self, networks: Sequence[Architecture], on_progress: OnProgress = silent) -> tuple[Score, ...]:
        for network in networks:
            self.work.space.check(network)
        self._opened = self._opened or OpenSupernet.open(self.work, on_progress, self.phases)
        scores = []
        for number, network in enumerate(networks, 1):
            scores.append(self.measure(self._opened, network))
            notice = self._opened.portions.news()
            on_progress(Progress("one-shot networks", number, len(networks), f"{scores[-1].kind.name} {scores[-1]}", notice))
        return tuple(scores)
