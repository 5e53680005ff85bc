"""NSE (ICCV 2021, arXiv 2011.10904): a supernet of some operations, its front, fresh ones in the place of others, and on.

A layer is a set of branches whose mean it gives. Every round trains a supernet anew, learns gates on held-out images, drops
what has small gates, judges networks within the budget, and keeps what is on the front of latency and accuracy.
"""

from __future__ import annotations

import itertools
import math
import random
from collections.abc import Sequence
from dataclasses import replace
from functools import cached_property
from pathlib import Path
from typing import Any, ClassVar

import torch

from dna_deploy.data.randomness import derived_seed, seeded
from dna_deploy.errors import UsageError
from dna_deploy.learning.checkpoint import Checkpoint
from dna_deploy.learning.state import TrainingState
from dna_deploy.nets.supernets.whole import OneShotSupernet
from dna_deploy.progress import OnProgress, silent
from dna_deploy.rating.raters.nse.config import EvolvingConfig
from dna_deploy.rating.raters.nse.front import Codes, front_of, networks_within, succession
from dna_deploy.rating.raters.nse.subsets import GateLoss, Gates, Live, RandomSubsets, Subsets
from dna_deploy.rating.raters.one_shot.held_out import held_out_accuracy, held_out_phase
from dna_deploy.rating.raters.one_shot.training import step_count, train_state, weight_phase
from dna_deploy.rating.work import RatingWork
from dna_deploy.records.changed_space import FrontNetwork, GrownSpace
from dna_deploy.records.files import Part, Provenance, digest_of
from dna_deploy.records.latency_table import LatencyTable
from dna_deploy.records.rating_table import RatingTable
from dna_deploy.records.score import RATING, Score
from dna_deploy.spaces.architecture import Architecture
from dna_deploy.spaces.chain import HeadedSpace
from dna_deploy.spaces.options import layers_of, options_of_candidates, with_branches
from dna_deploy.spaces.placed import PlacedLayer
from dna_deploy.units import Duration


class Nse:
    """Grows a space; rates its operations by their gates, as they were when they were last trained."""

    config: ClassVar[type[Part]] = EvolvingConfig
    needs: ClassVar = EvolvingConfig.needs
    folder_name: ClassVar[str] = "nse"

    def __init__(self, work: RatingWork[Any, None]) -> None:
        """Raises `UsageError` without a latency table, or where a block has several cells."""
        self.work, self._config = work, work.config
        if work.config.table is None:
            raise UsageError("evolution needs a budget of measured milliseconds", "give: --table FILE --budget 3ms")
        assert isinstance(work.space, HeadedSpace)
        self._space: HeadedSpace = work.space
        self._layers = layers_of(self._space)

    def train(self, on_progress: OnProgress = silent) -> None:
        self.changed(on_progress)

    def changed(self, on_progress: OnProgress = silent) -> GrownSpace:
        """What the last round ends with. Rounds that are there are not made again.

        Raises:
            InfeasibleError: no network of what is trained keeps the budget.
        """
        (live, waiting), record = self._beginning(), None
        self.work.write_run()
        for number in itertools.count(1):
            path = self.work.folder / f"round-{number}.space.json"
            if path.exists():
                record = GrownSpace.read(path)
                if record.inputs != self._inputs:
                    raise UsageError(f"{path} was made from other settings, images or table", "give another folder")
            else:
                record = self._round(number, live, waiting, record, on_progress)
                record.write(path)
                self._checkpoint(number).unlink(missing_ok=True)  # the next round begins with new weights
            if number == self._config.rounds or not (self._config.rounds or any(waiting)):
                return record
            live, waiting = record.live, record.waiting
        raise AssertionError

    def table(self, on_progress: OnProgress = silent) -> RatingTable:
        """Of every candidate the negative logarithms of its gates, summed; one half where an operation was never trained."""
        importances, blocks = iter(self.changed(on_progress).importances), []
        for index, block in enumerate(self._space.blocks):
            (cell,) = block.cells
            logits = list(itertools.islice(importances, cell.depth))
            candidates = options_of_candidates(self._space, index)  # the first option is the only cell, which is no choice
            blocks.append(
                [
                    math.fsum(
                        math.log1p(math.exp(-gates.get(option.code, 0.0)))
                        for gates, option in zip(logits, held[1:], strict=True)
                    )
                    for held in candidates
                ]
            )
        return self.work.table_of(blocks)

    def score(self, networks: Sequence[Architecture], on_progress: OnProgress = silent) -> tuple[Score, ...]:
        """The sum over layers: rounds train other operations each, so that no supernet holds all networks."""
        self.work.check_networks(networks)
        table = self.table(on_progress)
        return tuple(Score(value=table.of(self._space, network), kind=RATING) for network in networks)

    @cached_property
    def _table(self) -> LatencyTable:
        table = LatencyTable.read(self._config.table)
        table.check_space(self._space)
        return table

    @property
    def _inputs(self) -> str:
        return digest_of(f"{self.work.identity} {self._table.digest}".encode())

    @property
    def _budget_s(self) -> float:
        return Duration.parse(self._config.budget).seconds

    def _checkpoint(self, number: int) -> Path:
        return self.work.folder / f"round-{number}.safetensors"

    def _seconds(self, layer: PlacedLayer) -> float:
        """What a layer adds to the latency of a network."""
        return self._table.calibration("p50").scale * self._table.row(layer.key)

    def _beginning(self) -> tuple[Codes, Codes]:
        """What the first round trains, the fastest of every layer among it; and what waits, in random order."""
        live, waiting = [], []
        for number, layer in enumerate(self._layers):
            options = [option for option in layer if option.key not in self._table.reasons]
            fastest = min(options, key=self._seconds)
            others = [option.operation.code for option in options if option is not fastest]
            random.Random(derived_seed(self._config.seed, "waiting", number)).shuffle(others)
            live.append((fastest.operation.code, *others[: self._config.live - 1]))
            waiting.append(tuple(others[self._config.live - 1 :]))
        return tuple(live), tuple(waiting)

    def _round(
        self, number: int, codes: Codes, waiting: Codes, before: GrownSpace | None, on_progress: OnProgress
    ) -> GrownSpace:
        live, gates = self._trained(number, codes, on_progress)
        former = [_numbers(network, codes) for network in before.front] if before else []
        logits = [values.detach().tolist() for values in gates.logits]
        among = tuple(
            tuple(
                at
                for at, logit in enumerate(values)
                if logit >= self._config.least_gate
                or any(at in network[layer] for network in former)
                or live.seconds[layer][at] == min(live.seconds[layer])
            )
            for layer, values in enumerate(logits)
        )
        rng = random.Random(derived_seed(self._config.seed, "judged", number))
        drawn = networks_within(live, among, self._budget_s, self._config.networks, rng)

        def judge(subsets: Subsets) -> float:
            return held_out_accuracy(self.work, live.network(subsets), self._config.judged)

        front = front_of(live, codes, [*former, *drawn], judge, on_progress)
        following, left = succession(front, codes, waiting, self._config.live)
        importances = before.importances if before else ({},) * len(codes)
        return GrownSpace(
            provenance=Provenance.now(), space=self._space.name, space_digest=self._space.digest, method=self.work.method,
            round=number, front=front, live=following, waiting=left, inputs=self._inputs,
            importances=tuple(
                {**known, **dict(zip(names, values, strict=True))}
                for known, names, values in zip(importances, codes, logits, strict=True)
            ),
        )  # fmt: skip

    def _trained(self, number: int, codes: Codes, on_progress: OnProgress) -> tuple[Live, Gates]:
        """A supernet of live operations and its gates; what was begun is resumed."""
        work, config, folder = self.work, self._config, self.work.folder
        space = with_branches(self._space, [[(code,) for code in names] for names in codes])
        with seeded(config.seed, "nse", number):
            supernet = OneShotSupernet(space, share_depths=True).to(memory_format=torch.channels_last).to(work.compute.device)
        fixed = [*space.stem_layers, *space.head_layers(space.index.inputs[-1][0])]
        seconds = tuple(tuple(map(self._seconds, layer)) for layer in layers_of(space))
        live = Live(supernet.train(), seconds, self._table.calibration("p50").offset_s + sum(map(self._seconds, fixed)))
        subject, seed = f"supernet of round {number}", derived_seed(config.seed, "round", number)
        weights = replace(
            weight_phase(work, supernet, sampler=RandomSubsets(live, seed)),
            network=live.network, histories={subject: folder / f"history-supernet-{number}.json"},
        )  # fmt: skip
        gates = Gates(live).to(work.compute.device)
        supernet.add_module("gates", gates)
        loss = GateLoss(gates, self._budget_s, config.penalty, config.gate_every, seed)
        names = (f"gates of round {number}", f"history-gates-{number}.json")
        learning = held_out_phase(work, gates, loss, config.gate_rate, *names, betas=(0.0, 0.999))
        checkpoint = Checkpoint(self._checkpoint(number), self._inputs)
        phases = [weights, learning]
        train_state(work, TrainingState(subject, supernet, phases, step_count(work), checkpoint, work.compute), on_progress)
        return live, gates


def _numbers(network: FrontNetwork, codes: Codes) -> Subsets:
    return tuple(tuple(names.index(code) for code in held) for held, names in zip(network.layers, codes, strict=True))
