"""Networks of known accuracy, in narrow bands of measured latency: what ratings are judged by.

    python benchmarks/ground_truth.py list     (a minute of timing, alone on the machine: writes the list, once)
    python benchmarks/ground_truth.py make     (about an hour of one core; stops and goes on at any time; several at once)
    python benchmarks/ground_truth.py show     (spread, noise and ceiling of every band; writes accuracies.csv)

``list`` draws networks whose depths are equally likely, so that a band holds shallow and deep ones; one half with an
operation a layer, the other with one operation a block, since those differ most in kind. It keeps those that the committed
latency table puts near a band, measures them interleaved, and keeps those whose median is within 5 % of the band's. Nothing
else chooses. The list is committed before a rating is looked at and never changes afterwards. ``accuracies.csv`` is what
``dna-deploy rank-check`` reads.
"""

from __future__ import annotations

import argparse
import fcntl
import random
import shutil
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import onnx
from ground_truth_records import FOLDER, LIST, ListedNetwork, NetworkList, Training, accuracies, read_trainings, result_path
from tabulate import tabulate

from dna_deploy.data.splits import DataConfig, ImageData, load_data
from dna_deploy.export.graph_parts import GraphParts
from dna_deploy.export.kit_cache import cached_kit
from dna_deploy.latency.isolation import IsolatedBench
from dna_deploy.latency.sampling import sample
from dna_deploy.nets.compute import Compute
from dna_deploy.rating.rank_statistics import tau
from dna_deploy.records.files import Provenance
from dna_deploy.records.latency_table import LatencyTable
from dna_deploy.records.samples import Samples
from dna_deploy.spaces.architecture import Architecture, BlockChoice
from dna_deploy.spaces.catalog import find_space
from dna_deploy.spaces.space import SearchSpace
from dna_deploy.targets.fingerprint import Fingerprint
from dna_deploy.targets.plan import SamplingPlan
from dna_deploy.targets.target_file import default_target
from dna_deploy.training.network import TrainingConfig, train_architecture
from dna_deploy.training.recipe import Recipe

SPACE, TABLE = "fashion", Path(__file__).parent.parent / "latency_tables" / "fashion.cpu-1thread.json"
DATA = DataConfig(dataset="distorted-fashion-mnist", train_images=4000, rating_images=1000, validation_images=500)
RECIPE = Recipe(epochs=6, batch=64, learning_rate=6e-3)
SEEDS = (0, 1)
BANDS_S = (50e-6, 68e-6, 90e-6)
DRAWN, KEPT = 14, 8
"""Of each way to draw, for each band."""

WIDTH = 0.05
ROUNDS = 600
WORK = Path("runs/ground_truth")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("step", choices=("list", "make", "show"))
    {"list": write_list, "make": make, "show": show}[parser.parse_args().step]()


def write_list() -> None:
    """Draws, measures and freezes."""
    if LIST.exists():
        raise SystemExit(f"{LIST} is frozen")
    space = find_space(SPACE)
    table = LatencyTable.read(TABLE)
    table.check_space(space)
    drawn = draw_bands(space, table)
    samples, fingerprint = measure(space, [one for band in drawn for half in band for one in half])
    networks = []
    for number, band in enumerate(drawn):
        medians = {architecture: samples[architecture].statistic("p50") for architecture in (*band[0], *band[1])}
        middle = float(np.median(list(medians.values())))
        halves = [[one for one in half if abs(medians[one] / middle - 1) <= WIDTH][:KEPT] for half in band]
        inside = list(dict.fromkeys([*halves[0], *halves[1]]))
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
        recipe=RECIPE.model_dump(mode="json"),
        seeds=SEEDS,
        fingerprint=fingerprint,
        rounds=ROUNDS,
        networks=tuple(networks),
    ).write(LIST)


def draw_mixed(space: SearchSpace, rng: random.Random) -> Architecture:
    """A network: for each block a cell, all equally likely, then an operation a layer."""
    cells = [rng.choice(block.cells) for block in space.blocks]
    return Architecture(tuple(BlockChoice(cell.width, tuple(map(rng.choice, cell.layers))) for cell in cells))


def draw_plain(space: SearchSpace, rng: random.Random) -> Architecture:
    """A network with one operation a block."""
    cells = [rng.choice(block.cells) for block in space.blocks]
    return Architecture(tuple(BlockChoice(cell.width, (rng.choice(cell.layers[0]),) * cell.depth) for cell in cells))


def draw_bands(space: SearchSpace, table: LatencyTable) -> list[list[list[Architecture]]]:
    """For each band, for each way to draw, the first networks whose predicted latency is near the band's middle."""
    halves = [_draw_half(space, table, draw, seed) for seed, draw in enumerate((draw_mixed, draw_plain))]
    return [list(band) for band in zip(*halves, strict=True)]


def _draw_half(
    space: SearchSpace, table: LatencyTable, draw: Callable[[SearchSpace, random.Random], Architecture], seed: int
) -> list[list[Architecture]]:
    rng, bands = random.Random(seed), [dict[Architecture, None]() for _ in BANDS_S]
    while any(len(band) < DRAWN for band in bands):
        architecture = draw(space, rng)
        latency = table.predict(space, architecture).seconds
        for middle, band in zip(BANDS_S, bands, strict=True):
            if abs(latency / middle - 1) <= WIDTH / 2 and len(band) < DRAWN:
                band.setdefault(architecture)
    return [list(band) for band in bands]


def measure(space: SearchSpace, architectures: list[Architecture]) -> tuple[dict[Architecture, Samples], Fingerprint]:
    """Timed runs of networks made of the very layers that profiling measures, all of them interleaved."""
    kit, plan = cached_kit(space), SamplingPlan(rounds=ROUNDS)
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


def make() -> None:
    """Trains what is not trained yet: every network once, then every network again."""
    listed = NetworkList.read(LIST)
    data = listed.load_images()
    for seed in listed.seeds:
        for number in spread_over_bands(listed):
            with claimed(WORK / f"{number:03}-{seed}") as folder:
                if folder is not None and not result_path(number, seed).exists():
                    train(listed, data, number, seed, folder)
                    print(f"network {number}, seed {seed}: done", flush=True)


def spread_over_bands(listed: NetworkList) -> list[int]:
    """The numbers of the networks, first of each band, second of each band, ..."""
    places: dict[int, int] = {}
    order = []
    for number, network in enumerate(listed.networks):
        place = places[network.band] = places.get(network.band, -1) + 1
        order.append((place, network.band, number))
    return [number for _, _, number in sorted(order)]


def train(listed: NetworkList, data: ImageData, number: int, seed: int, folder: Path) -> None:
    """One training, by the tool's own function; its weights are not kept."""
    began = time.process_time()
    config = TrainingConfig(recipe=listed.recipe_of(seed))
    compute = Compute(checkpoint_seconds=30)
    found = train_architecture(listed.found_space, listed.architectures[number], data, config, folder, compute=compute)
    Training(
        provenance=Provenance.now(),
        inputs=listed.inputs_of(seed),
        architecture=str(listed.architectures[number]),
        seed=seed,
        test=found.test,
        validation=found.validation,
        best_epoch=found.best_epoch,
        cpu_s=round(time.process_time() - began, 1),
    ).write(result_path(number, seed))
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


def show() -> None:
    """What the ground truth can tell apart, and how far it is."""
    listed = NetworkList.read(LIST)
    table = accuracies(listed)
    rows = []
    for band in (*range(int(listed.bands.max()) + 1), None):
        chosen = np.ones(len(table), dtype=bool) if band is None else listed.bands == band
        latency = np.array([network.measured_s for network in listed.networks])[chosen] * 1e6
        rows.append(("all" if band is None else band, f"{latency.min():.0f}-{latency.max():.0f}", *describe(table[chosen])))
    headers = ("band", "measured us", "networks", "both seeds", "accuracy", "spread", "seeds", "ratio", "tau between seeds")
    print(tabulate(rows, headers, tablefmt="github", disable_numparse=True))
    seconds = [training.cpu_s for training in read_trainings(listed).values()]
    print(f"\n{len(seconds)} of {table.size} trainings done; {np.mean(seconds):.0f} CPU-s each" if seconds else "nothing done")
    whole = table[~np.isnan(table).any(1)]
    if len(whole) == len(table):
        lines = [
            f"{network.architecture},{','.join(map(str, row))}"
            for network, row in zip(listed.networks, table.tolist(), strict=True)
        ]
        (FOLDER / "accuracies.csv").write_text("\n".join(["architecture,accuracy,accuracy", *lines]) + "\n")


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
