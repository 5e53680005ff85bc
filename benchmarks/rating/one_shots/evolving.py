"""The checks of methods that make another space: an ensemble behind a shared beginning (NEAS), layers of branches (NSE)."""

from __future__ import annotations

import random
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
import torch

from benchmarks.rating.one_shots.grounds import COMPUTE, NEAR, Ground, NatsGround, Values, trained_alone
from benchmarks.rating.one_shots.supernets import Bench, Numbers, about, mean, number, orders
from dna_deploy.export.formats.onnx_graph import export_onnx
from dna_deploy.latency.in_turns import time_in_turns
from dna_deploy.nets.batch_norm import batch_statistics
from dna_deploy.nets.network import Network
from dna_deploy.rating.raters.neas.ensembles import Ensemble
from dna_deploy.rating.raters.neas.rater import Neas
from dna_deploy.rating.raters.nse.config import EvolvingConfig
from dna_deploy.rating.raters.nse.rater import Nse
from dna_deploy.rating.raters.one_shot.held_out import held_out_accuracy
from dna_deploy.rating.work import RatingWork
from dna_deploy.records.changed_space import FrontNetwork, GrownSpace
from dna_deploy.records.latency_table import LatencyTable
from dna_deploy.spaces.architecture import Architecture
from dna_deploy.spaces.catalog import find_chain
from dna_deploy.spaces.chain import HeadedSpace
from dna_deploy.spaces.options import with_branches
from dna_deploy.targets.plan import SamplingPlan
from dna_deploy.targets.target import Target

JUDGED, ENSEMBLES, SINGLES = 500, 20, 60
SLOWEST = 0.8
"""Of an ensemble's predicted latency: what the network that it is compared with takes at least."""
MATCHES = 3
"""How often another single network is looked for, until it takes as long as the ensemble."""
STEPS_A_ROUND, ROUNDS, FRONT = 800, 3, 3


def neas(bench: Bench, diversity: float) -> Numbers:
    """Whether unlike branches pay, and what the winner is worth beside one network that is predicted to take as long."""
    ground, begun = bench.ground, time.process_time()
    rater = bench.rater("neas", diversity=diversity)
    assert isinstance(rater, Neas)
    opened = bench.opened(rater)
    scores = [opened.rate(network) for network in ground.networks]
    record, cost = rater.changed(bench.tell), about(rater, ground, begun)
    pair = Ensemble(record.split, tuple(map(ground.space.parse, record.networks)))
    gains, disagreements = _ensembles(bench, rater)
    milliseconds = 1e3 * _predicted_s(ground, pair)
    single = _best_single(bench, rater, milliseconds / 1e3)
    paths: dict[str, Any] = {"ensemble": rater.ensembles.path(pair).answer, "single": rater.net.path(single)}
    judged = {name: held_out_accuracy(rater.work, path, JUDGED) for name, path in paths.items()}
    return {
        **cost,
        **orders("accuracy", np.array([score.value for score in scores]), ground),
        **mean("gain of ensembles", gains),
        **mean("disagreement", disagreements),
        "correlation of both": number(float(np.corrcoef(gains, disagreements)[0, 1])),
        "split": record.split,
        "predicted ms": number(milliseconds),
        "predicted ms of the single": number(1e3 * ground.seconds(single)),
        **{f"{name} shared": number(100 * value) for name, value in judged.items()},
        **(_alone(bench, record.chain.with_head(), single) if not isinstance(ground, NatsGround) else {}),
    }


def _ensembles(bench: Bench, rater: Any) -> tuple[Values, Values]:
    """Of ensembles that are drawn from what is left: how far the mean answer is better than a mean branch, and how often two
    branches disagree; both in points.
    """
    rng, split, gains, disagreements = random.Random(bench.seed), rater.work.data.rating, [], []
    positions = torch.arange(min(JUDGED, len(split)))
    images, labels = rater.work.data.normalisation(split.images(positions)), split.labels(positions)
    for _ in range(bench.ground.scale.of(ENSEMBLES, 3)):
        path = rater.ensembles.path(Ensemble.draw(rater.left.space, rater.work.config.branches, rng))
        with torch.no_grad(), batch_statistics(path):
            answers = torch.cat([path(some) for some in images.split(250)], 1)
        branches = (answers.argmax(2) == labels).float().mean()
        gains.append(100 * float((answers.mean(0).argmax(1) == labels).float().mean() - branches))
        disagreements.append(100 * float((answers[0].argmax(1) != answers[1].argmax(1)).float().mean()))
    return np.array(gains), np.array(disagreements)


def _predicted_s(ground: Ground, ensemble: Ensemble) -> float:
    """What the table says of its layers together, shared ones once."""
    sections, calibration = [ground.space.sections(network) for network in ensemble.networks], ground.table.calibration("p50")
    layers = [*sections[0].stem, *(layer for block in sections[0].blocks for layer in block), *sections[0].head]
    for other in sections[1:]:
        layers += [*(layer for block in other.blocks[ensemble.split :] for layer in block), *other.head]
    return calibration.offset_s + calibration.scale * sum(ground.table.row(layer.key) for layer in layers)


def matched(bench: Bench) -> Numbers:
    """The winner of `neas` beside the best single network of its *measured* latency on two threads, both trained alone.

    A table may be off for an ensemble: the first single network tells by how much, and one that is predicted to take that
    much more is looked for. The supernet is the one of `neas`.
    """
    ground = bench.ground
    rater = bench.rater("neas", diversity=0.5)
    assert isinstance(rater, Neas)
    bench.opened(rater)
    record = rater.changed(bench.tell)
    pair = Ensemble(record.split, tuple(map(ground.space.parse, record.networks)))
    single = _best_single(bench, rater, _predicted_s(ground, pair))
    for _ in range(MATCHES):
        times = _measured(bench, record.chain.with_head(), single)
        ratio = float(times["ensemble measured ms, 2 threads"]) / float(times["single measured ms, 2 threads"])
        if abs(ratio - 1) <= NEAR:
            break
        single = _best_single(bench, rater, ratio * ground.seconds(single), least=1 - NEAR)
    return {
        "predicted ms": number(1e3 * _predicted_s(ground, pair)),
        "predicted ms of the single": number(1e3 * ground.seconds(single)),
        **_alone(bench, record.chain.with_head(), single),
    }


def _best_single(bench: Bench, rater: Any, limit_s: float, least: float = SLOWEST) -> Architecture:
    """The most accurate with shared weights of networks that are predicted to take as long as an ensemble, or little less."""
    rng, drawn = random.Random(bench.seed), dict[Architecture, None]()
    least_s, whole = least * limit_s, bench.ground.space
    for _ in range(20_000):
        network = whole.sample(rng)
        if least_s <= bench.ground.seconds(network) <= limit_s:
            drawn[network] = None
        if len(drawn) == bench.ground.scale.of(SINGLES, 2):
            break
    if not drawn:  # an ensemble may take longer than any network does: then nothing is as slow, and the slowest stands for it
        drawn[max((whole.sample(rng) for _ in range(2_000)), key=bench.ground.seconds)] = None
    return max(drawn, key=lambda network: held_out_accuracy(rater.work, rater.net.path(network), JUDGED))


def _alone(bench: Bench, space: HeadedSpace, single: Architecture) -> Numbers:
    """Both trained alone, and measured whole."""
    (pair,) = space.architectures()
    return {
        "ensemble alone": number(trained_alone(space, pair, bench.ground, bench.work)),
        "single alone": bench.alone(single),
        **_measured(bench, space, single),
    }


def _measured(bench: Bench, space: HeadedSpace, single: Architecture) -> Numbers:
    """Medians of both, timed in turns, on one thread and on two."""
    ground, (pair,) = bench.ground, space.architectures()
    numbers: Numbers = {}
    built = {"ensemble": Network(space, pair), "single": Network(ground.space, single)}
    with tempfile.TemporaryDirectory() as folder:
        files = {name: Path(folder) / f"{name}.onnx" for name in built}
        for name, file in files.items():
            file.write_bytes(export_onnx(built[name], space.inputs).SerializeToString())
        for threads in (1, 2):
            plan = SamplingPlan(rounds=ground.scale.of(200, 2), runs=3)
            for name, samples in time_in_turns(files, Target(name="here", threads=threads), plan).items():
                numbers[f"{name} measured ms, {threads} threads"] = number(1e3 * samples.statistic("p50"))
    return numbers


def nse(bench: Bench, table: Path, rounds: int) -> Numbers:
    """The front of every round, three networks of each trained alone; the area under it within the budget is what must grow.

    With one round all steps are spent on one supernet of operations drawn at random: the opponent.
    """
    ground, begun = bench.ground, time.process_time()
    rater, space = _nse(bench, table, rounds)
    record = rater.changed(bench.tell)
    cost: Numbers = {
        "steps": rounds * _epochs(ground, rounds) * (len(ground.data.train) // ground.BATCH),
        "batch": ground.BATCH,
    }
    numbers: Numbers = {**cost, "seconds": round(time.process_time() - begun, 1), "operations live": 5, "rounds": record.round}
    budget_s = _budget_s(rater)
    for number_of in range(1, record.round + 1):
        front = GrownSpace.read(rater.work.folder / f"round-{number_of}.space.json").front
        some = [front[place] for place in np.linspace(0, len(front) - 1, min(FRONT, len(front))).round().astype(int)]
        alone = [_trained_front(space, network, ground, bench.work) for network in some]
        numbers |= {
            f"round {number_of}, area shared": number(area([(f.latency_s, 100 * f.accuracy) for f in front], budget_s)),
            f"round {number_of}, area alone": number(
                area([(f.latency_s, value) for f, value in zip(some, alone, strict=True)], budget_s)
            ),
            f"round {number_of}, best alone": number(max(alone)),
            f"round {number_of}, ms of its slowest": number(1e3 * front[-1].latency_s),
            f"round {number_of}, networks": len(front),
        }
    return numbers


def area(points: list[tuple[float, float]], limit: float) -> float:
    """The accuracy of the best network within a latency, in the mean over latencies up to a limit: the area under a front."""
    best, total, before = 0.0, 0.0, 0.0
    for latency, accuracy in sorted(points):
        total += best * (min(latency, limit) - before)
        best, before = max(best, accuracy), min(latency, limit)
    return (total + best * (limit - before)) / limit


def _epochs(ground: Ground, rounds: int) -> int:
    steps = STEPS_A_ROUND * ROUNDS // rounds
    return ground.scale.of(max(1, round(steps / (len(ground.data.train) // ground.BATCH))))


def _nse(bench: Bench, table: Path, rounds: int) -> tuple[Nse, HeadedSpace]:
    ground, space = bench.ground, find_chain("catalogue").with_head()
    settings = {"networks": ground.scale.of(60, 3), "judged": ground.scale.of(256, 8), "rounds": rounds, "seed": bench.seed}
    latencies = LatencyTable.read(table)
    rng = random.Random(0)
    middle = sorted(latencies.predict(space, space.sample(rng)).seconds for _ in range(101))[50]
    config = EvolvingConfig.model_validate(
        {
            **settings,
            "epochs": _epochs(ground, rounds),
            "batch": ground.BATCH,
            "table": table,
            "budget": f"{1e6 * middle:.1f}us",
        }
    )
    work = RatingWork.of("nse", space, None, ground.data, config, bench.work, COMPUTE)
    folder = bench.work / f"catalogue-nse-{work.short_name}"
    return Nse(RatingWork.of("nse", space, None, ground.data, config, folder, COMPUTE)), space


def _budget_s(rater: Any) -> float:
    from dna_deploy.units import Duration

    return Duration.parse(rater.work.config.budget).seconds


def _trained_front(space: HeadedSpace, network: FrontNetwork, ground: Ground, work: Path) -> float:
    alone = with_branches(space, [[codes] for codes in network.layers])
    (architecture,) = alone.architectures()
    return trained_alone(alone, architecture, ground, work)
