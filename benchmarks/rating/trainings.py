"""Trains the networks of a list by the tool's own function, and says what their accuracies can tell apart.

``accuracies.csv`` is what ``dna-deploy rank-check`` reads.
"""

from __future__ import annotations

import shutil
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
from tabulate import tabulate

from benchmarks.rating.listing import write_list
from benchmarks.rating.truth import TRUTHS, NetworkList
from benchmarks.rows import Row, add_rows
from dna_deploy.data.splits import ImageData
from dna_deploy.executors.executor import Demand, Job, carry_out, find_executor
from dna_deploy.learning.compute import Compute
from dna_deploy.progress import OnProgress
from dna_deploy.records.files import Provenance
from dna_deploy.statistics.ranks import tau
from dna_deploy.training.config import TrainingConfig
from dna_deploy.training.network import train_architecture

WORK = Path("runs/ground-truth")


def train_list(name: str, on: str = "here") -> None:
    """Trains what is not trained yet, wherever tasks are to run: every network once, then every network again."""
    truth = TRUTHS[name]
    every = [(number, seed) for seed in truth.listed.seeds for number in spread_over_bands(truth.listed)]
    missing = [training for training in every if training not in truth.trainings]
    folder = WORK / truth.folder.name

    def keep(task: int, row: Row) -> None:
        add_rows(truth.trainings_path, [row])
        shutil.rmtree(folder / name_of(*missing[task]))
        print(f"network {row['network']}, seed {row['seed']}: done", flush=True)

    job = Job("training", train, (truth.listed, truth.listed.load_images(), folder), folder)
    carry_out(find_executor(on, Demand()), job, missing, on_result=keep)


def name_of(number: int, seed: int) -> str:
    """The folder in which a training works."""
    return f"{number:03}-{seed}"


def spread_over_bands(listed: NetworkList) -> list[int]:
    """The numbers of the networks, first of each band, second of each band, ..."""
    places: dict[int, int] = {}
    order = []
    for number, network in enumerate(listed.networks):
        place = places[network.band] = places.get(network.band, -1) + 1
        order.append((place, network.band, number))
    return [number for _, _, number in sorted(order)]


def train(shared: tuple[NetworkList, ImageData, Path], training: tuple[int, int], on_progress: OnProgress) -> Row:
    """The row of one training, by the tool's own function; its weights are not kept."""
    (listed, data, folder), (number, seed) = shared, training
    began = time.process_time()
    config = TrainingConfig(recipe=listed.recipe_of(seed))
    trained = train_architecture(
        listed.search_space, listed.architectures[number], data, config, folder / name_of(number, seed),
        on_progress=on_progress, compute=Compute(checkpoint_seconds=30),
    )  # fmt: skip
    return {
        "network": number,
        "seed": seed,
        "test_correct": trained.test[0].count,
        "test_images": trained.test[0].images,
        "validation_correct": trained.validation[0].count,
        "validation_images": trained.validation[0].images,
        "best_epoch": trained.best_epoch,
        "cpu_s": round(time.process_time() - began, 1),
        **Provenance.now().model_dump(mode="json"),
    }


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
    seconds = [float(row["cpu_s"]) for row in truth.trainings.values()]
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


STEPS: dict[str, Callable[[str], object]] = {"list": write_list, "show": show}
"""What can be done with a list besides `train_list`, an hour of one core: minutes of timing alone on the machine, a table."""
