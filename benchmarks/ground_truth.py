"""Networks of known accuracy, in narrow bands of measured latency: what ratings are judged by.

    python benchmarks/ground_truth.py list     (minutes of timing, alone on the machine: writes the list, once)
    python benchmarks/ground_truth.py make     (about an hour of one core; stops and goes on at any time; several at once)
    python benchmarks/ground_truth.py show     (spread, noise and ceiling of every band; writes accuracies.csv)

There are three lists; ``--truth first`` and ``second`` name the older ones. Networks are drawn so that their depths are equally
likely and a band holds shallow and deep ones, some with an operation a layer, some with one operation a block. Those that the
committed latency table puts near a band are candidates. The first list takes the first of them; the others take none of an
older list's, and of the rest those farthest apart in the operations they count. All are measured interleaved, and those whose
median is within 5 % of their band's are kept. Nothing else chooses. A list is committed before a rating is looked at and never
changes afterwards. ``accuracies.csv`` is what ``dna-deploy rank-check`` reads.
"""

from __future__ import annotations

import argparse
import fcntl
import random
import shutil
import tempfile
import time
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import onnx
from ground_truth_records import TRUTHS, GroundTruth, ListedNetwork, NetworkList, Training
from tabulate import tabulate

from dna_deploy.data.config import DataConfig
from dna_deploy.data.splits import ImageData, load_data
from dna_deploy.export.formats.graph_parts import GraphParts
from dna_deploy.export.kits.kit_cache import cached_kit
from dna_deploy.latency.isolation import IsolatedBench
from dna_deploy.latency.sampling import sample
from dna_deploy.learning.compute import Compute
from dna_deploy.records.files import Provenance
from dna_deploy.records.latency_table import LatencyTable
from dna_deploy.records.samples import Samples
from dna_deploy.spaces.architecture import Architecture
from dna_deploy.spaces.block import BlockChoice
from dna_deploy.spaces.catalog import find_space
from dna_deploy.spaces.space import SearchSpace
from dna_deploy.statistics.ranks import tau
from dna_deploy.targets.fingerprint import Fingerprint
from dna_deploy.targets.plan import SamplingPlan
from dna_deploy.targets.target_file import default_target
from dna_deploy.training.config import TrainingConfig
from dna_deploy.training.network import train_architecture
from dna_deploy.training.recipe import Recipe

SPACE, TABLE = "fashion", Path(__file__).parent.parent / "latency_tables" / "fashion.cpu-1thread.json"
DATA = DataConfig(dataset="distorted-fashion-mnist", train_images=4000, rating_images=1000, validation_images=500)
SEEDS = (0, 1)
WIDTH = 0.05
WORK = Path("runs")


@dataclass(frozen=True)
class Plan:
    """How a list is made."""

    bands_s: tuple[float, ...]
    recipe: Recipe
    drawn: int
    """Of each way to draw, for each band."""

    kept: int
    """Of these, at the most."""

    sampling: SamplingPlan
    draw_seed: int = 2
    """Of a list that is drawn far apart."""


PLANS = {
    "first": Plan((50e-6, 68e-6, 90e-6), Recipe(epochs=6, batch=64, learning_rate=6e-3), 14, 8, SamplingPlan(rounds=600)),
    "second": Plan(
        (49e-6, 54e-6, 59.5e-6), Recipe(epochs=6, batch=64, learning_rate=6e-3), 48, 24, SamplingPlan(rounds=300, steady=True)
    ),
}
PLANS["third"] = replace(PLANS["second"], draw_seed=3)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("step", choices=("list", "make", "show"))
    parser.add_argument("--truth", choices=TRUTHS, default="third")
    asked = parser.parse_args()
    {"list": write_list, "make": make, "show": show}[asked.step](asked.truth)


def write_list(name: str) -> None:
    """Draws, measures and freezes."""
    truth, plan = TRUTHS[name], PLANS[name]
    if truth.list_path.exists():
        raise SystemExit(f"{truth.list_path} is frozen")
    space = find_space(SPACE).with_head()
    table = LatencyTable.read(TABLE)
    table.check_space(space)
    older = list(TRUTHS)[: list(TRUTHS).index(name)]
    known = {architecture for of in older for architecture in TRUTHS[of].listed.architectures}
    drawn = draw_far_apart(space, table, plan, known) if older else draw_bands(space, table, plan)
    samples, fingerprint = measure(space, [one for band in drawn for way in band for one in way], plan.sampling)
    networks = []
    for number, band in enumerate(drawn):
        medians = {one: samples[one].statistic("p50") for way in band for one in way}
        middle = float(np.median(list(medians.values())))
        ways = [[one for one in way if abs(medians[one] / middle - 1) <= WIDTH][: plan.kept] for way in band]
        inside = list(dict.fromkeys(one for way in ways for one in way))
        print(f"band {number}: {middle * 1e6:.1f} us, {len(inside)} of {len(medians)} networks kept")
        networks += [
            ListedNetwork(
                architecture=str(architecture),
                band=number,
                predicted_s=table.predict(space, architecture).seconds,
                measured_s=medians[architecture],
                split_half=samples[architecture].split_half("p50"),
            )
            for architecture in inside
        ]
    NetworkList(
        provenance=Provenance.now(),
        space=space.name,
        space_digest=space.digest,
        data=DATA.model_dump(mode="json"),
        data_digest=load_data(DATA, space.input).digest,
        recipe=plan.recipe.model_dump(mode="json"),
        seeds=SEEDS,
        fingerprint=fingerprint,
        rounds=plan.sampling.rounds,
        networks=tuple(networks),
    ).write(truth.list_path)


def draw_mixed(space: SearchSpace, rng: random.Random) -> Architecture:
    """A network: for each block a cell, all equally likely, then an operation a layer."""
    return space.sample_cells_evenly(rng)


def draw_plain(space: SearchSpace, rng: random.Random) -> Architecture:
    """A network with one operation a block."""
    cells = [rng.choice(block.cells) for block in space.blocks]
    return Architecture.of(BlockChoice(cell.width, (rng.choice(cell.layers[0]),) * cell.depth) for cell in cells)


def draw_bands(space: SearchSpace, table: LatencyTable, plan: Plan) -> list[list[list[Architecture]]]:
    """For each band, for each way to draw, the first networks whose predicted latency is near the band's middle."""
    halves = [_draw_half(space, table, plan, draw, seed) for seed, draw in enumerate((draw_mixed, draw_plain))]
    return [list(band) for band in zip(*halves, strict=True)]


def _draw_half(
    space: SearchSpace, table: LatencyTable, plan: Plan, draw: Callable[[SearchSpace, random.Random], Architecture], seed: int
) -> list[list[Architecture]]:
    rng, bands, wanted = random.Random(seed), [dict[Architecture, None]() for _ in plan.bands_s], plan.drawn
    while any(len(band) < wanted for band in bands):
        architecture = draw(space, rng)
        latency = table.predict(space, architecture).seconds
        for middle, band in zip(plan.bands_s, bands, strict=True):
            if abs(latency / middle - 1) <= WIDTH / 2 and len(band) < wanted:
                band.setdefault(architecture)
    return [list(band) for band in bands]


def draw_far_apart(
    space: SearchSpace, table: LatencyTable, plan: Plan, known: Collection[Architecture]
) -> list[list[list[Architecture]]]:
    """For each band, of many networks that are not known, those that count their operations most differently."""
    rng = random.Random(plan.draw_seed)
    many = [draw(space, rng) for draw, count in ((draw_mixed, 60_000), (draw_plain, 20_000)) for _ in range(count)]
    fresh = dict.fromkeys(one for one in many if one not in known)
    latencies = {architecture: table.predict(space, architecture).seconds for architecture in fresh}
    return [
        [far_apart(space, [one for one, latency in latencies.items() if abs(latency / middle - 1) <= WIDTH], plan.drawn)]
        for middle in plan.bands_s
    ]


def far_apart(space: SearchSpace, networks: Sequence[Architecture], count: int) -> list[Architecture]:
    """Begins with the first network, and takes again and again the one farthest from all taken (Gonzalez 1985)."""
    features = operator_counts(space, networks)
    spread = features.std(0)
    features = features[:, spread > 0] / spread[spread > 0]
    taken, distance = [0], ((features - features[0]) ** 2).sum(1)
    while len(taken) < min(count, len(networks)):
        taken.append(int(distance.argmax()))
        distance = np.minimum(distance, ((features - features[taken[-1]]) ** 2).sum(1))
    return [networks[number] for number in taken]


def operator_counts(space: SearchSpace, architectures: Sequence[Architecture]) -> np.ndarray:
    """How many layers of each operation every block has, its depth and its width: ``(networks, features)``."""
    features = []
    for architecture in architectures:
        row: list[float] = []
        for block, choice in zip(space.blocks, space.index.choices(architecture), strict=True):
            known = sorted({op.code for cell in block.cells for operations in cell.layers for op in operations})
            codes = [operation.code for operation in choice.operations]
            row += [*map(float, map(codes.count, known)), float(choice.depth), float(choice.width)]
        features.append(row)
    return np.array(features)


def measure(
    space: SearchSpace, architectures: list[Architecture], plan: SamplingPlan
) -> tuple[dict[Architecture, Samples], Fingerprint]:
    """Timed runs of networks made of the very layers that profiling measures, all of them interleaved."""
    kit = cached_kit(space)
    parts = {probe.key: _parts_of(kit.graphs[probe.file]) for probe in kit.probes("layer")}
    visits: dict[str, list[tuple[int, ...]]] = {}
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        kit.unpack(folder)
        files = {}
        for architecture in architectures:
            chain = GraphParts.chained([parts[layer.key] for layer in space.place(architecture)])
            files[str(architecture)] = folder / f"network-{len(files)}.onnx"
            files[str(architecture)].write_bytes(chain.as_model())
        with IsolatedBench(default_target(), plan, files) as bench:
            for visit in sample(bench, tuple(files), plan, time.monotonic):
                if visit.failure:
                    raise SystemExit(f"{visit.name}: {visit.failure}")
                visits.setdefault(visit.name, []).append(visit.samples_ns)
            fingerprint = bench.fingerprint
    return {space.parse(name): Samples(visits_ns=tuple(seen)) for name, seen in visits.items()}, fingerprint


def _parts_of(content: bytes) -> GraphParts:
    graph = onnx.load_from_string(content).graph
    return GraphParts(tuple(graph.node), tuple(graph.initializer), graph.input[0], graph.output[0])


def make(name: str) -> None:
    """Trains what is not trained yet: every network once, then every network again."""
    truth = TRUTHS[name]
    data = truth.listed.load_images()
    for seed in truth.listed.seeds:
        for number in spread_over_bands(truth.listed):
            with claimed(WORK / truth.folder.name / f"{number:03}-{seed}") as folder:
                if folder is not None and not truth.training_path(number, seed).exists():
                    train(truth, data, number, seed, folder)
                    print(f"network {number}, seed {seed}: done", flush=True)


def spread_over_bands(listed: NetworkList) -> list[int]:
    """The numbers of the networks, first of each band, second of each band, ..."""
    places: dict[int, int] = {}
    order = []
    for number, network in enumerate(listed.networks):
        place = places[network.band] = places.get(network.band, -1) + 1
        order.append((place, network.band, number))
    return [number for _, _, number in sorted(order)]


def train(truth: GroundTruth, data: ImageData, number: int, seed: int, folder: Path) -> None:
    """One training, by the tool's own function; its weights are not kept."""
    listed = truth.listed
    began = time.process_time()
    config = TrainingConfig(recipe=listed.recipe_of(seed))
    compute = Compute(checkpoint_seconds=30)
    found = train_architecture(listed.found_space, listed.architectures[number], data, config, folder, compute=compute)
    Training(
        provenance=Provenance.now(),
        inputs=listed.inputs_of(seed),
        architecture=str(listed.architectures[number]),
        seed=seed,
        test=found.test[0],
        validation=found.validation[0],
        best_epoch=found.best_epoch,
        cpu_s=round(time.process_time() - began, 1),
    ).write(truth.training_path(number, seed))
    shutil.rmtree(folder)


@contextmanager
def claimed(folder: Path) -> Iterator[Path | None]:
    """The folder, or None while another process works in it. A killed process claims nothing."""
    folder.parent.mkdir(parents=True, exist_ok=True)
    with folder.with_suffix(".lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            yield None
        else:
            yield folder


def show(name: str) -> None:
    """What a ground truth can tell apart, and how far it is."""
    truth = TRUTHS[name]
    listed, table = truth.listed, truth.accuracies
    rows = []
    for band in (*range(int(listed.bands.max()) + 1), None):
        chosen = np.ones(len(table), dtype=bool) if band is None else listed.bands == band
        latency = np.array([network.measured_s for network in listed.networks])[chosen] * 1e6
        rows.append(("all" if band is None else band, f"{latency.min():.0f}-{latency.max():.0f}", *describe(table[chosen])))
    headers = ("band", "measured us", "networks", "both seeds", "accuracy", "spread", "seeds", "ratio", "tau between seeds")
    print(tabulate(rows, headers, tablefmt="github", disable_numparse=True))
    seconds = [training.cpu_s for training in truth.trainings.values()]
    print(f"\n{len(seconds)} of {table.size} trainings done; {np.mean(seconds):.0f} CPU-s each" if seconds else "nothing done")
    whole = table[~np.isnan(table).any(1)]
    if len(whole) == len(table):
        lines = [
            f"{network.architecture},{','.join(map(str, row))}"
            for network, row in zip(listed.networks, table.tolist(), strict=True)
        ]
        (truth.folder / "accuracies.csv").write_text("\n".join(["architecture,accuracy,accuracy", *lines]) + "\n")


def describe(table: np.ndarray) -> tuple[str, ...]:
    """Of accuracies ``(networks, seeds)``: how far apart networks are, and how far trainings of one network are."""
    whole = table[~np.isnan(table).any(1)]
    count = (str(len(table)), str(len(whole)))
    if len(whole) < 3:
        return (*count, "-", "-", "-", "-", "-")
    left = whole - whole.mean(1, keepdims=True) - whole.mean(0) + whole.mean()  # a seed's luck with all networks is no noise
    noise = float(np.sqrt((left**2).sum() / (len(whole) - 1) / (whole.shape[1] - 1)))
    between = float(np.sqrt(max(0.0, whole.mean(1).var(ddof=1) - noise**2 / whole.shape[1])))
    ceiling = tau(whole[:, 0], whole[:, 1])
    mean = f"{whole.mean():.1%}"
    return (*count, mean, f"{between:.2%}", f"{noise:.2%}", f"{between / noise:.1f}", f"{ceiling:.2f}")


if __name__ == "__main__":
    main()
