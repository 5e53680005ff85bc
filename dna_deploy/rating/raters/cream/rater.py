"""Cream (NeurIPS 2020, arXiv 2010.15821): a one-shot supernet whose best networks teach the others."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

from dna_deploy.data.randomness import seeded
from dna_deploy.learning.phase import Phase
from dna_deploy.learning.samplers.uniform import UniformNetworks
from dna_deploy.nets.supernets.whole import OneShotSupernet
from dna_deploy.progress import OnProgress, silent
from dna_deploy.rating.raters.cream.board import Board
from dna_deploy.rating.raters.cream.config import BoardConfig, CreamConfig
from dna_deploy.rating.raters.cream.distillation import PathDistillation
from dna_deploy.rating.raters.cream.matching import Matching, MatchingLoss
from dna_deploy.rating.raters.one_shot.held_out import held_out_phase
from dna_deploy.rating.raters.one_shot.rater import SupernetRater
from dna_deploy.rating.raters.one_shot.training import step_count, weight_phase
from dna_deploy.rating.work import RatingWork
from dna_deploy.records.files import write_atomically
from dna_deploy.records.latency_table import LatencyTable
from dna_deploy.spaces.architecture import Architecture

BOARD = "board.csv"
SUBJECT = "matching"


class CreamTop1(SupernetRater):
    """The mode "top1", in which the best network of the board teaches all. Rates by accuracy with shared weights.

    The networks of the board lie beside the supernet (`BOARD`), best first: candidates that no search has to find.
    """

    config = BoardConfig
    folder_name = "cream"

    def supernet(self, on_progress: OnProgress = silent) -> OneShotSupernet:
        """The trained supernet; its board is written."""
        supernet = super().supernet(on_progress)
        lines = [f'"{entry.network}",{entry.accuracy},{entry.cost}' for entry in self._board.entries]
        write_atomically(self.work.folder / BOARD, "\n".join(["architecture,accuracy,cost", *lines, ""]).encode())
        return supernet

    def phases(self, work: RatingWork[Any, None], supernet: OneShotSupernet) -> Sequence[Phase]:
        """Weights learn by the labels and by the board."""
        self._board = Board(work.config.board)
        return [self._weights(work, supernet)]

    def _weights(self, work: RatingWork[Any, None], supernet: OneShotSupernet, matching: Matching | None = None) -> Phase:
        cost, costs = _costs(work)
        warm_up, smoothing = round(work.config.alone * step_count(work)), work.config.label_smoothing
        objective = PathDistillation(
            work.space, supernet.path, cost, self._board,
            matching=matching, costs=costs, warm_up=warm_up, label_smoothing=smoothing,
        )  # fmt: skip
        return weight_phase(work, supernet, objective)


class Cream(CreamTop1):
    """With a teacher of its own for every student, whom a map matches that is learnt on the way."""

    config = CreamConfig

    def phases(self, work: RatingWork[Any, None], supernet: OneShotSupernet) -> Sequence[Phase]:
        """Weights learn by the labels and by the board, then the map by what its teachers are worth."""
        config, self._board = work.config, Board(work.config.board)
        with seeded(config.seed, SUBJECT):
            matching = Matching(self._board, work.space.input.sizes, len(work.data.classes))
        weights = self._weights(work, supernet, matching.to(work.compute.device))
        supernet.add_module(SUBJECT, matching)
        loss = MatchingLoss(supernet, matching, config.learning_rate, config.matching_every)
        learning = held_out_phase(work, matching, loss, config.matching_rate, SUBJECT, "history-matching.json")
        return [weights, replace(learning, sampler=UniformNetworks(work.space, config.seed), network=supernet.path)]


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
