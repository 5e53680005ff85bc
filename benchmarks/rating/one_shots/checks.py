"""What each method's paper claims, in the small: a row of numbers a method, ground and seed.

The supernets of `one-shot`, `genas` and `angle` have the same weights bit for bit with one seed, so that one training serves
the three of them.
"""

from __future__ import annotations

import csv
import random
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import torch

from benchmarks.rating.one_shots.grounds import NatsGround, Values
from benchmarks.rating.one_shots.supernets import Bench, Numbers, about, mean, number, orders, sizes
from dna_deploy.learning.phase import Callback, Phase
from dna_deploy.learning.samplers.uniform import UniformNetworks
from dna_deploy.nets.supernets.whole import OneShotSupernet
from dna_deploy.rating.raters.angle.rater import angle_between
from dna_deploy.rating.raters.cream.rater import BOARD
from dna_deploy.rating.raters.genas.rater import Genas
from dna_deploy.rating.raters.one_shot.held_out import held_out_accuracy
from dna_deploy.rating.raters.one_shot.rating import OpenSupernet
from dna_deploy.rating.raters.one_shot.training import build_one_shot, step_count
from dna_deploy.rating.work import RatingWork
from dna_deploy.records.rating_table import RatingTable
from dna_deploy.search import Constraint, Latency, search
from dna_deploy.spaces.architecture import Architecture
from dna_deploy.statistics.ranks import tau

GAMMA = 16
"""Weight of flatness beside accuracy (GeNAS's authors)."""
WATCHED, SURVIVORS, MATCHED, SEEDS = 24, 24, 10, 3


def one_shot(bench: Bench) -> Numbers:
    """SPOS, the baseline; flatness and its parts; the angle, and how early the orders by angle and by accuracy are final."""
    ground, begun = bench.ground, time.process_time()
    rater, opened = _watched(bench)
    cost, drawn = about(rater, ground, begun), ground.drawn(bench.seed)
    scores = [rater.measure(opened, network) for network in ground.networks]
    total, slope, accuracy, loss = (np.array([(score, *score.further)[place].value for score in scores]) for place in range(4))
    angles, inherited = np.array([rater.angle(network) for network in ground.networks]), bench.accuracies(opened, drawn)
    best = max(zip(inherited, drawn, strict=True), key=lambda pair: pair[0])[1]
    return {
        **cost,
        **orders("MACs", ground.macs, ground),
        **orders("parameters", ground.parameters, ground),
        **orders("accuracy", accuracy, ground),
        **orders("minus loss", -loss, ground),
        **orders("flatness", total, ground),
        **orders("minus slope", -slope, ground),
        **orders("accuracy and flatness", accuracy + GAMMA * total / rater.work.config.noises[0], ground),
        **orders("angle", angles, ground),
        "tau flatness with minus loss": number(tau(total, -loss)),
        "tau angle with parameters": number(tau(angles, ground.parameters)),
        **rater.stability(),
        **mean("uniform", inherited),
        **sizes("uniform", drawn, ground),
        "best of uniform alone": bench.alone(best),
    }


def judged(bench: Bench, networks: Sequence[Architecture]) -> Values:
    """Accuracies of networks that nobody has chosen here, in points: published; else with the weights of the next seed's SPOS.

    Training them alone takes minutes each. Its own seed's weights would not do: those of methods that shrink begin as they.
    """
    if isinstance(bench.ground, NatsGround):
        return bench.ground.alone(networks, bench.work)
    other = replace(bench, seed=(bench.seed + 1) % SEEDS)
    return other.accuracies(_watched(other)[1], networks)


def _watched(bench: Bench) -> tuple[Watched, OpenSupernet]:
    rater, networks = bench.rater("genas", Watched), bench.ground.networks
    assert isinstance(rater, Watched)
    rater.watch_networks = networks[:: max(1, len(networks) // WATCHED)]
    return rater, bench.opened(rater)


class Watched(Genas):
    """Looks at some networks while the supernet trains, and after."""

    watch_networks: Sequence[Architecture] = ()

    def phases(self, work: RatingWork[Any, None], supernet: OneShotSupernet) -> Sequence[Phase]:
        (weights,) = super().phases(work, supernet)
        with torch.no_grad():
            self._untrained, self._net = build_one_shot(work), supernet
        steps = step_count(work)
        self.watch = Watch(work, {"a twelfth": steps // 12, "a third": steps // 3, "the end": steps}, self._look)
        return [replace(weights, sampler=self.watch)]

    def angle(self, network: Architecture) -> float:
        return angle_between(self._untrained.path(network), self._net.path(network))

    def stability(self) -> Numbers:
        """Tau of the order at some time with that at the end."""
        angles, accuracies = ({when: kinds[kind] for when, kinds in self.watch.seen.items()} for kind in range(2))
        return {
            f"{name} after {when}": number(tau(np.array(seen[when]), np.array(seen["the end"])))
            for name, seen in (("angle", angles), ("accuracy", accuracies))
            for when in ("a twelfth", "a third")
        }

    def _look(self) -> tuple[list[float], list[float]]:
        paths = [self._net.path(network) for network in self.watch_networks]
        angles = [self.angle(network) for network in self.watch_networks]
        return angles, [held_out_accuracy(self.work, path, 256) for path in paths]


class Watch(Callback):
    """Draws as without it; after some steps it looks."""

    def __init__(self, work: RatingWork[Any, None], times: Mapping[str, int], look: Callable[[], Any]) -> None:
        self._uniform = UniformNetworks(work.space, work.config.seed)
        self._times, self._look = times, look
        self.seen: dict[str, Any] = {}

    def draw(self, step: int) -> Architecture:
        return self._uniform.draw(step)

    def after_step(self, step: int) -> None:
        for when, count in self._times.items():
            if step + 1 == max(1, count):
                self.seen[when] = self._look()

    def facts(self) -> dict[str, Any]:
        return {"seen": self.seen}

    def restore(self, facts: Mapping[str, Any]) -> None:
        self.seen = dict(facts.get("seen", {}))


def cream(bench: Bench, method: str) -> Numbers:
    """The same networks as SPOS', where the best paths have taught; and who stands on the board, trained alone."""
    ground, begun = bench.ground, time.process_time()
    rater = bench.rater(method)
    opened, drawn = bench.opened(rater), ground.drawn(bench.seed)
    with (rater.work.folder / BOARD).open(newline="") as lines:
        board = [ground.space.parse(row["architecture"]) for row in csv.DictReader(lines)]
    return {
        **about(rater, ground, begun),
        **_scored(bench, opened),
        **mean("uniform", bench.accuracies(opened, drawn)),
        "best of the board alone": bench.alone(board[0]),
        **sizes("best of the board", board[:1], ground),
    }


def setn(bench: Bench) -> Numbers:
    """Proposals of the evaluator beside as many networks of the same budget, with shared weights; and judged."""
    ground, begun = bench.ground, time.process_time()
    rater: Any = bench.rater("setn")
    opened, drawn = bench.opened(rater), ground.drawn(bench.seed)
    cost, table = about(rater, ground, begun), rater.table()
    limit = [Constraint(Latency(), at_most=ground.budget_s)]
    found = search(ground.space, table, [ground.table], limit, top=len(drawn), prefer_cheaper=False)
    proposed = list(map(ground.space.parse, found.shortlist))
    by_chance, by_evaluator = bench.accuracies(opened, drawn), bench.accuracies(opened, proposed)
    best = proposed[int(by_evaluator.argmax())]
    largest = max(drawn, key=lambda network: sum(layer.parameters for layer in ground.space.place(network)))
    return {
        **cost,
        **_scored(bench, opened),
        **orders("likelihood", _of_table(table, bench), ground),
        **mean("uniform", by_chance),
        **mean("proposals", by_evaluator),
        "uniform best of 10": number(float(by_chance[:10].max())),
        "proposals best of 10": number(float(by_evaluator[:10].max())),
        **sizes("uniform", drawn, ground),
        **sizes("proposals", proposed, ground),
        **mean("first proposal", judged(bench, proposed[:1])),
        **mean("best proposal", judged(bench, [best])),
        **mean("proposals judged", judged(bench, proposed)),
        **mean("uniform judged", judged(bench, drawn)),
        **mean("most parameters", judged(bench, [largest])),
    }


def shrunk(bench: Bench, by: str) -> Numbers:
    """What is left of a space that lost its smallest angles, or as much by chance, beside networks as fast."""
    ground, begun = bench.ground, time.process_time()
    rater: Any = bench.rater("angle", by=by)
    rater.train(bench.tell)
    cost, left = about(rater, ground, begun), rater.changed().chain
    if isinstance(ground, NatsGround):
        survivors = [ground.space.parse(str(network)) for network in left.architectures()]
    else:
        rng = random.Random(bench.seed)
        drawn = dict.fromkeys(ground.space.parse(str(left.sample(rng))) for _ in range(200))
        survivors = list(drawn)[: ground.scale.of(SURVIVORS, 1)]
    others = [network for each in survivors for network in ground.as_fast_as(each, 1, bench.seed)]
    return {
        **cost,
        "networks left": left.size(),
        **mean("survivors", judged(bench, survivors)),
        **mean("as fast", judged(bench, others)),
        **sizes("survivors", survivors, ground),
        **sizes("as fast", others, ground),
    }


def pruned(bench: Bench, share: float) -> Numbers:
    """The network that is left, beside the median of ten of the same latency; trained for a share of SPOS' steps."""
    ground, begun = bench.ground, time.process_time()
    changes: dict[str, Any] = {} if ground.scale.is_tiny else {"epochs": max(1, round(share * ground.epochs))}
    rater: Any = bench.rater("ddpnas", **changes)
    rater.train(bench.tell)
    cost, table = about(rater, ground, begun), rater.table()
    (last,) = rater.changed().chain.architectures()
    last = ground.space.parse(str(last))
    matched = ground.as_fast_as(last, ground.scale.of(MATCHED, 1), bench.seed)
    return {
        **cost,
        **orders("likelihood", _of_table(table, bench), ground),
        **mean("the last network", judged(bench, [last])),
        "median as fast": number(float(np.median(judged(bench, matched)))),
        **sizes("the last network", [last], ground),
        **sizes("as fast", matched, ground),
    }


def _scored(bench: Bench, opened: OpenSupernet) -> Numbers:
    scores = [opened.rate(network) for network in bench.ground.networks]
    return {
        **orders("accuracy", np.array([score.value for score in scores]), bench.ground),
        **orders("minus loss", -np.array([score.further[0].value for score in scores]), bench.ground),
    }


def _of_table(table: RatingTable, bench: Bench) -> Any:
    return np.array([-table.of(bench.ground.space, network) for network in bench.ground.networks])
