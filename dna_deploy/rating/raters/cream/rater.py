"""Cream in its mode "top1" (NeurIPS 2020, arXiv 2010.15821): a one-shot supernet whose best networks teach the others.

The mode with a meta network, which matches a teacher to every student, is not here; hence the name.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, ClassVar

from dna_deploy.learning.objectives.path_distillation import Board, PathDistillation
from dna_deploy.learning.phase import Phase
from dna_deploy.nets.supernets.whole import OneShotSupernet
from dna_deploy.progress import OnProgress, silent
from dna_deploy.rating.raters.cream.config import CreamConfig
from dna_deploy.rating.raters.one_shot.rater import OneShot
from dna_deploy.rating.raters.one_shot.training import step_count, weight_phase
from dna_deploy.rating.work import RatingWork
from dna_deploy.records.files import Part, write_atomically
from dna_deploy.records.latency_table import LatencyTable
from dna_deploy.records.score import Score
from dna_deploy.spaces.architecture import Architecture

BOARD = "board.csv"


class CreamTop1:
    """Rates by the accuracy that networks have with shared weights, as `OneShot` does.

    The networks of the board lie beside the supernet (`BOARD`), best first: candidates that no search has to find.
    """

    config: ClassVar[type[Part]] = CreamConfig
    needs: ClassVar = CreamConfig.needs
    folder_name: ClassVar[str] = "cream"

    def __init__(self, work: RatingWork[Any, None]) -> None:
        self.work, self._supernet = work, OneShot(work, self._phases)
        self._board = Board(work.config.board)

    def train(self, on_progress: OnProgress = silent) -> None:
        self._supernet.train(on_progress)
        self._write_board()

    def score(self, networks: Sequence[Architecture], on_progress: OnProgress = silent) -> tuple[Score, ...]:
        scores = self._supernet.score(networks, on_progress)
        self._write_board()
        return scores

    def _phases(self, work: RatingWork[Any, None], supernet: OneShotSupernet) -> Sequence[Phase]:
        cost, costs = _costs(work)
        self._board = Board(work.config.board)
        warm_up = round(work.config.alone * step_count(work))
        smoothing = work.config.label_smoothing
        objective = PathDistillation(
            work.space, supernet.path, cost, self._board, costs=costs, warm_up=warm_up, label_smoothing=smoothing
        )
        return [weight_phase(work, supernet, objective)]

    def _write_board(self) -> None:
        lines = [f'"{entry.network}",{entry.accuracy},{entry.cost}' for entry in self._board.entries]
        write_atomically(self.work.folder / BOARD, "\n".join(["architecture,accuracy,cost", *lines, ""]).encode())


def _costs(work: RatingWork[Any, None]) -> tuple[Callable[[Architecture], float], str]:
    """What networks cost, and its name.

    Raises:
        TableError: the latency table cannot be read, or is of another space.
    """
    space = work.space
    if work.config.table is None:
        return lambda network: space.sections(network).macs, "multiply-accumulates"
    table = LatencyTable.read(work.config.table)
    table.check_space(space)
    return lambda network: table.predict(space, network).seconds, f"latency table {table.digest[:19]}"
