"""A finished journey as records, made up but coherent: what a run folder holds, without the hours that it takes."""

from __future__ import annotations

from functools import cache
from pathlib import Path

import numpy as np

from dna_deploy.records.doubt import Doubt
from dna_deploy.records.files import Provenance, Record
from dna_deploy.records.latency_table import Calibration, LatencyRow, LatencyTable
from dna_deploy.records.measurement import Measurement
from dna_deploy.records.model_card import (
    Absent,
    AskedLatency,
    Baseline,
    DatasetFacts,
    JudgeParity,
    LayerFacts,
    MeasuredLatency,
    ModelCard,
    Parity,
    PredictedLatency,
)
from dna_deploy.records.profile_run import Conditions, ProbeSamples, ProfileRun
from dna_deploy.records.rating_calibration import CalibrationNetwork, RatingCalibration
from dna_deploy.records.rating_table import BlockRatings, CellRatings, RatingTable
from dna_deploy.records.samples import Samples
from dna_deploy.records.score import ACCURACY, predicted, share
from dna_deploy.records.search_outcome import SearchOutcome
from dna_deploy.records.trained_network import TrainedNetwork
from dna_deploy.records.training_history import EpochScore, TrainingHistory, thinned
from dna_deploy.search import Constraint, search
from dna_deploy.spaces.catalog import find_chain
from dna_deploy.spaces.chain import ChainSpace
from dna_deploy.spaces.heads import describe_head
from dna_deploy.targets.fingerprint import Fingerprint
from dna_deploy.targets.plan import SamplingPlan
from dna_deploy.targets.target import Target

TARGET = Target(name="cpu-1thread", pin=(0,))
MACHINE = Fingerprint(
    processor="A processor of the tests",
    logical_processors=4,
    system="Linux x86_64",
    governor="performance",
    runtime_version="1.31.0",
)
OVERHEAD_S = 6e-6
BUDGETS = {"fashion": "600us", "mbconv": "45ms"}


def provenance(minute: int, command: str) -> Provenance:
    created = f"2026-11-22T10:{minute:02d}:00+00:00"
    return Provenance(
        created_at=created, tool_version="0.0", python_version="3.11", host="a-host", command=f"dna-deploy {command}"
    )


@cache
def ratings_of(space: ChainSpace) -> RatingTable:
    """Larger candidates imitate better, with diminishing returns and some luck."""
    rng = np.random.default_rng(1)
    blocks = []
    for block in space.blocks:
        cells = []
        for cell in block.cells:
            efforts = [sum(operation_effort(op) for op in choice.operations) for choice in cell.candidates()]
            ratings = [0.05 + 0.5 * float(np.exp(-1.3 * effort)) + float(rng.normal(0, 0.008)) for effort in efforts]
            errors = tuple(float(error) for error in rng.uniform(0.002, 0.006, len(ratings)))
            cells.append(CellRatings(width=cell.width, depth=cell.depth, ratings=tuple(ratings), standard_errors=errors))
        blocks.append(BlockRatings(cells=tuple(cells)))
    return RatingTable(
        provenance=provenance(20, "rate"), space=space.name, space_digest=space.digest, method="dna", teacher="residual",
        dataset="fashion-mnist", images=2000, blocks=tuple(blocks),
    )  # fmt: skip


def operation_effort(operation: object) -> float:
    return 0.08 + 0.02 * getattr(operation, "kernel_size", 1) + 0.05 * getattr(operation, "expansion", 0)


@cache
def run_of(space: ChainSpace) -> ProfileRun:
    """Layers alone, and whole networks that take a little more than the sum of their layers."""
    rng = np.random.default_rng(2)
    true = {layer.key: 3e-6 + layer.macs / 9e9 * float(rng.uniform(0.8, 1.4)) for layer in space.rows()}
    probes = [probe("empty", "empty", OVERHEAD_S, rng), probe("sentinel", "sentinel", 5e-5, rng)]
    probes += [probe("layer", key, seconds + OVERHEAD_S, rng) for key, seconds in true.items()]
    import random

    draw = random.Random(3)
    for role, count in (("calibration", 14), ("validation", 30)):
        for _ in range(count):
            network = space.sample(draw)
            seconds = 1.04 * sum(true[layer.key] for layer in space.place(network)) * float(rng.normal(1, 0.018)) + OVERHEAD_S
            probes.append(probe(role, str(network), seconds, rng))
    unique = {(one.role, one.key): one for one in probes}
    return ProfileRun(
        provenance=provenance(5, "profile"), space=space.name, space_digest=space.digest, head=describe_head(space.head),
        kit_digest="sha256:0", target=TARGET,
        fingerprint=MACHINE, plan=SamplingPlan(), conditions=Conditions(other_load=(0.02, 0.05), seconds=84.0), rounds=30,
        probes=tuple(unique.values()), absent=(),
    )  # fmt: skip


def probe(role: str, key: str, seconds: float, rng: np.random.Generator) -> ProbeSamples:
    noise = 1 + np.abs(rng.normal(0, 0.02, (30, 3)))
    visits = tuple(tuple(max(1, int(run)) for run in visit) for visit in seconds * 1e9 * noise)
    return ProbeSamples(role=role, key=key, samples=Samples(visits_ns=visits))  # type: ignore[arg-type]


@cache
def table_of(space: ChainSpace) -> LatencyTable:
    run = run_of(space)
    layers = run.of("layer")
    rows = tuple(
        LatencyRow(layer=one.key, latency_s=one.samples.statistic("p25") - OVERHEAD_S,
                   standard_error_s=one.samples.standard_error("p25"), samples=one.samples.count)
        for one in layers
    )  # fmt: skip
    doubt = Doubt(
        name="busy-machine", message="Others kept 0.05 processors busy while it was measured.",
        advice="Measure again on an idle machine.", grade="B",
    )  # fmt: skip
    return LatencyTable(
        provenance=run.provenance, space=space.name, space_digest=space.digest, head=describe_head(space.head),
        target=TARGET, fingerprint=MACHINE,
        statistic="p25", rows=rows, absent=(), overhead_s=OVERHEAD_S,
        calibrations=(
            Calibration(quantile="p50", scale=1.045, offset_s=6e-6, networks=14, relative_error=0.019),
            Calibration(quantile="p90", scale=1.071, offset_s=7e-6, networks=14, relative_error=0.026),
        ),
        grade="B", doubts=(doubt,), runs=(run.digest,),
    )  # fmt: skip


@cache
def outcome_of(space: ChainSpace) -> SearchOutcome:
    budget = Constraint.parse("latency", BUDGETS[space.name])
    found = search(space, ratings_of(space), [table_of(space)], [budget], top=3)
    return found.model_copy(update={"provenance": provenance(30, "search --latency")})


@cache
def calibrated_of(space: ChainSpace) -> RatingTable:
    """The same ratings, told as wrong answers in percent."""
    count = len(space.blocks)

    def told(cell: CellRatings) -> CellRatings:
        wrong = tuple(6 / count + 14 * rating for rating in cell.ratings)
        return cell.model_copy(
            update={"ratings": wrong, "standard_errors": tuple(14 * error for error in cell.standard_errors)}
        )

    blocks = tuple(BlockRatings(cells=tuple(map(told, block.cells))) for block in ratings_of(space).blocks)
    update = {
        "provenance": provenance(25, "calibrate"),
        "method": "calibrated dna",
        "score": predicted(ACCURACY),
        "blocks": blocks,
    }
    return ratings_of(space).model_copy(update=update)


@cache
def calibration_of(space: ChainSpace) -> RatingCalibration:
    """Twelve networks that came out about as predicted."""
    import random

    draw, rng, plain = random.Random(6), np.random.default_rng(6), ratings_of(space)
    networks = []
    for network in (space.sample(draw) for _ in range(12)):
        predicted = 1 - calibrated_of(space).of(space, network) / 100
        correct = round(4000 * (predicted + float(rng.normal(0, 0.008))))
        networks.append(
            CalibrationNetwork(
                architecture=str(network), rating=plain.of(space, network), reached=share(ACCURACY, correct, 4000),
                predicted=predicted, low=predicted - 0.012, high=predicted + 0.012,
            )
        )  # fmt: skip
    return RatingCalibration(
        provenance=provenance(25, "calibrate"), space=space.name, space_digest=space.digest, ratings=plain.digest,
        calibrated=calibrated_of(space).digest, teacher="residual", dataset="fashion-mnist", recipe={"epochs": 1},
        networks=tuple(networks), tau_of_sum=0.51, tau_of_prediction=0.64,
    )  # fmt: skip


@cache
def calibrated_outcome_of(space: ChainSpace) -> SearchOutcome:
    budget = Constraint.parse("latency", BUDGETS[space.name])
    found = search(space, calibrated_of(space), [table_of(space)], [budget], top=3)
    return found.model_copy(update={"provenance": provenance(31, "search --latency --ratings")})


def histories_of(space: ChainSpace) -> tuple[TrainingHistory, ...]:
    rng = np.random.default_rng(4)

    def falling(start: float, end: float, steps: int) -> list[float]:
        course = end + (start - end) * np.exp(-5 * np.arange(steps) / steps)
        return [float(loss) for loss in course * rng.normal(1, 0.04, steps)]

    blocks = [
        TrainingHistory(
            provenance=provenance(18, "rate"), subject=f"block {block}", measure="mean squared error to the teacher's features",
            steps=624, steps_per_epoch=156, losses=thinned(falling(1.4 / block, 0.25 / block, 624)),
        )
        for block in range(1, len(space.blocks) + 1)
    ]  # fmt: skip
    shares = (0.842, 0.871, 0.889, 0.902, 0.911, 0.9125)
    scores = tuple(
        EpochScore(epoch=epoch, metrics=(share(ACCURACY, round(part * 2000), 2000),)) for epoch, part in enumerate(shares, 1)
    )
    network = TrainingHistory(
        provenance=provenance(40, "train"), subject="network", measure="cross entropy and the teacher's soft answers",
        steps=1404, steps_per_epoch=234, losses=thinned(falling(2.2, 0.31, 1404)), scores=scores,
    )  # fmt: skip
    return (*blocks, network)


@cache
def card_of(space: ChainSpace, measured_s: float | None = None) -> ModelCard:
    outcome = outcome_of(space)
    network = outcome.network(space)
    layers = space.place(network)
    names = ["stem"] * len(space.stem) + [
        f"block {index}" for index, choice in enumerate(space.index.choices(network), 1) for _ in choice.operations
    ]
    place = outcome.best.targets[0]
    asked = outcome.constraints[0].at_most
    assert asked is not None and outcome.largest is not None
    metrics = (share(ACCURACY, 9103, 10000),)
    return ModelCard(
        provenance=provenance(50, "verify"), model="model.onnx", model_digest="sha256:4f", model_bytes=2_412_345,
        precision="fp32", space=space.name, space_digest=space.digest, head=describe_head(space.head),
        architecture=str(network),
        layers=tuple(
            LayerFacts(place=name, layer=str(layer), parameters=layer.parameters, macs=layer.macs)
            for name, layer in zip((*names, *["head"] * len(space.head)), layers, strict=True)
        ),
        parameters=outcome.best.parameters, deployed_parameters=outcome.best.deployed_parameters, macs=outcome.best.macs,
        asked=AskedLatency(latency_s=asked, quantile="p50"),
        predicted=PredictedLatency(latency_s=place.latency_s, relative_error=0.019),
        measured=MeasuredLatency(
            p50_s=measured_s or place.latency_s * 0.988, p90_s=place.latency_s * 1.02, quantile="p50",
            quantile_s=measured_s or place.latency_s * 0.988, standard_error_s=place.latency_s * 0.002, spread=0.012,
            samples=720, target=TARGET, fingerprint=MACHINE, doubts=(),
        ),
        parity=Parity(
            precision="fp32", source="test images", largest_score=14.2, metrics=metrics,
            judges=(
                JudgeParity(judge="onnxruntime", judge_version="1.31.0", images=10000, max_absolute_error=8.1e-6,
                            mean_absolute_error=6.1e-7, same_answers=10000, metrics=metrics),
                JudgeParity(judge="onnx reference", judge_version="1.19.1", images=64, max_absolute_error=6.9e-6,
                            mean_absolute_error=5.7e-7, same_answers=64, metrics=Absent(reason="too slow for all images")),
            ),
            absent_judges={"openvino": "it is not installed"},
        ),
        metrics=metrics,
        baselines=(
            Baseline(name="most MACs that fit", architecture=outcome.largest.architecture,
                     parameters=outcome.largest.parameters, macs=outcome.largest.macs,
                     predicted_s=outcome.largest.targets[0].latency_s),
        ),
        dataset=DatasetFacts(name="fashion-mnist", splits={"train": 30000, "validation": 2000, "test": 10000}),
        labels=("T-shirt", "trouser", "pullover", "dress", "coat", "sandal", "shirt", "sneaker", "bag", "boot <b>"),
        seeds={"everything": 0}, packages={"torch": "2.15.0", "onnx": "1.19.1"},
        digests={"search outcome": outcome.digest, "ratings": outcome.ratings},
        reproduce="dna-deploy run",
    )  # fmt: skip


def trained_of(space: ChainSpace) -> TrainedNetwork:
    return TrainedNetwork(
        provenance=provenance(41, "train"), space=space.name, space_digest=space.digest, head=describe_head(space.head),
        architecture=outcome_of(space).best.architecture, weights="weights.safetensors", weights_digest="sha256:1",
        dataset="fashion-mnist", data_digest="sha256:2", classes=tuple(map(str, range(10))),
        images={"train": 30000, "validation": 2000, "test": 10000}, mean=(0.28,), deviation=(0.35,), teacher="sha256:3",
        recipe={"epochs": 6}, best_epoch=6, validation=(share(ACCURACY, 1825, 2000),),
        test=(share(ACCURACY, 9103, 10000),),
    )  # fmt: skip


def measurement_of(space: ChainSpace) -> Measurement:
    samples = probe("layer", space.name, 5.9e-4, np.random.default_rng(5)).samples
    return Measurement(
        provenance=provenance(49, "verify"), model="model.onnx", model_digest="sha256:4f", target=TARGET, fingerprint=MACHINE,
        plan=SamplingPlan(), samples=samples, doubts=(),
    )  # fmt: skip


def story(space_name: str = "fashion") -> dict[str, Record]:
    """Every record of a finished journey, by the place of its file in a run folder."""
    space = find_chain(space_name).with_head()
    return {
        f"latency_tables/{space_name}.cpu-1thread.json": table_of(space),
        f"profiles/cpu-1thread/runs/{space_name}.20261122T100500.json": run_of(space),
        f"ratings/{space_name}.json": ratings_of(space),
        "outcome.json": outcome_of(space),
        "model/model.card.json": card_of(space),
        "model/measurement.json": measurement_of(space),
        "trained/trained-network.json": trained_of(space),
        **{f"histories/{history.subject.replace(' ', '-')}.json": history for history in histories_of(space)},
    }


def write_story(folder: Path, *, without: tuple[str, ...] = (), space_name: str = "fashion") -> Path:
    """Writes a journey's records, leaving out the kinds in ``without``."""
    for place, record in story(space_name).items():
        if record.KIND not in without:
            record.write(folder / place)
    return folder


def write_calibrated_story(folder: Path, space_name: str = "fashion") -> Path:
    """The same journey with a calibrated rating, on which its search was made."""
    space = find_chain(space_name).with_head()
    write_story(folder, without=("search-outcome",), space_name=space_name)
    calibrated_of(space).write(folder / "ratings" / f"{space_name}.calibrated.json")
    calibration_of(space).write(folder / "ratings" / f"{space_name}.calibrated.calibration.json")
    calibrated_outcome_of(space).write(folder / "outcome.json")
    return folder
