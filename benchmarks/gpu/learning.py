"""CUDA against the CPU: equal weights give equal ratings, equal seeds begin with equal losses; how fast each precision is."""

from __future__ import annotations

import shutil
import time
from pathlib import Path

import numpy as np
import torch
from tabulate import tabulate

from benchmarks.gpu.__main__ import Check
from dna_deploy.data.config import DataConfig
from dna_deploy.data.image_set import Dataset, Normalisation, StoredImages
from dna_deploy.data.splits import ImageData, divide
from dna_deploy.learning.compute import Compute, TrainingPrecision
from dna_deploy.nets.teachers.residual import ResidualConfig, ResidualNetwork
from dna_deploy.nets.teachers.teacher import Teacher
from dna_deploy.progress import Progress
from dna_deploy.rating.raters.dna.config import RatingConfig
from dna_deploy.rating.raters.dna.rating import rate_space
from dna_deploy.rating.raters.dna.training import train_blocks
from dna_deploy.rating.raters.dna.work import block_work
from dna_deploy.records.rating_table import RatingTable
from dna_deploy.records.training_history import TrainingHistory
from dna_deploy.spaces.catalog import find_chain
from dna_deploy.spaces.chain import HeadedSpace
from dna_deploy.spaces.scaling import largest
from dna_deploy.statistics.ranks import tau
from dna_deploy.training.config import TrainingConfig
from dna_deploy.training.network import train_architecture
from dna_deploy.training.recipe import Recipe

RATINGS_WITHIN, FIRST_LOSSES_WITHIN = 0.01, 0.01
"""Relative: TensorFloat-32 and other orders of addition round; after some steps two trainings are two trainings."""

FIRST = 3


def run(check: Check) -> str:
    """Three tables; raises `AssertionError` where CPU and GPU disagree."""
    space = find_chain("fashion").with_head()
    images = 32 if check.is_dry else 512
    data, teacher = images_of(space, images), teacher_of(space)
    parts = (equality(check, space, data, teacher), precisions(check, space, data, teacher), networks(check, space, data))
    return "\n\n".join(parts)


def images_of(space: HeadedSpace, count: int) -> ImageData:
    """Noise of ten brightnesses, of which something can be learnt."""
    rng = np.random.default_rng(0)
    classes, shape = rng.integers(0, 10, 2 * count), space.input
    noise, channels = rng.integers(0, 100, (2 * count, *shape.sizes)), shape.sizes[0]
    stored = StoredImages((noise + 15 * classes[:, None, None, None]).astype(np.uint8), classes.astype(np.int64))
    names, normal = tuple("0123456789"), Normalisation((0.5,) * channels, (0.25,) * channels)
    dataset = Dataset("noise", stored.digest, shape, names, normal, stored, stored)
    return divide(dataset, DataConfig(dataset="noise", rating_images=count // 4, validation_images=count // 4))


def teacher_of(space: HeadedSpace) -> Teacher:
    torch.manual_seed(0)
    network = ResidualNetwork(ResidualConfig.for_space(space, 2.0, 1))
    with torch.no_grad():
        network.train()(torch.randn(64, *space.input.sizes))
    return Teacher.freeze("random", "sha256:" + "0" * 64, network, space.input)


def equality(check: Check, space: HeadedSpace, data: ImageData, teacher: Teacher) -> str:
    """Supernets that the CPU has trained are rated on both; then both train from equal seeds."""
    config, folder = RatingConfig(epochs=1, batch=16, rating_batch=32, settled_top=0), check.folder("learning") / "equality"
    shutil.rmtree(folder, ignore_errors=True)
    trained = block_work(space, teacher, data, config, folder / "cpu", Compute())
    train_blocks(trained, space.block_numbers, lambda _: None)
    shutil.copytree(folder / "cpu", folder / "gpu")
    tables = {
        device: rate_space(space, teacher, data, config, folder / place, compute=Compute(device=device))
        for place, device in (("cpu", "cpu"), ("gpu", check.device))
    }
    rate_space(space, teacher, data, config, folder / "trained", compute=Compute(device=check.device))
    teacher.network.to("cpu")
    rows = [compared("ratings of equal weights", every_rating(tables["cpu"]), every_rating(tables[check.device]))]
    losses = [[losses_of(folder / place, number) for number in space.block_numbers] for place in ("cpu", "trained")]
    first = [np.array([course[:FIRST] for course in courses]).ravel() for courses in losses]
    rows.append(compared(f"losses of the first {FIRST} steps", *first))
    assert rows[0][2] <= RATINGS_WITHIN, rows
    assert rows[1][2] <= FIRST_LOSSES_WITHIN, rows
    shown = [(name, count, f"{difference:.1e}", f"{order:.4f}") for name, count, difference, order in rows]
    return f"CPU and {check.device}\n" + tabulate(shown, ("what", "numbers", "largest relative difference", "tau"), "github")


def compared(name: str, cpu: np.ndarray, gpu: np.ndarray) -> tuple[str, int, float, float]:
    return name, len(cpu), float(np.abs(gpu / cpu - 1).max()), tau(cpu, gpu)


def every_rating(table: RatingTable) -> np.ndarray:
    return np.array([rating for ratings, _ in table.candidates for rating in ratings])


def losses_of(folder: Path, number: int) -> tuple[float, ...]:
    return tuple(point.loss for point in TrainingHistory.read(folder / f"history-{number + 1}.json").losses)


def precisions(check: Check, space: HeadedSpace, data: ImageData, teacher: Teacher) -> str:
    """Images a second of supernet training, and the last loss, by precision and with a compiled teacher."""
    ways: list[tuple[str, TrainingPrecision, bool]] = [("float32", "float32", False), ("bfloat16", "bfloat16", False)]
    if not check.is_dry:
        ways += [("float16", "float16", False), ("compiled", "float32", True), ("bfloat16, compiled", "bfloat16", True)]
    config = RatingConfig(epochs=1 if check.is_dry else 3, batch=16 if check.is_dry else 128)
    rows = []
    for device in dict.fromkeys(("cpu", check.device)):
        for name, precision, is_compiled in ways if device == check.device else ways[:1]:
            folder = check.folder("learning") / f"speed-{device}-{name}"
            shutil.rmtree(folder, ignore_errors=True)
            compute = Compute(device=device, precision=precision, compile=is_compiled, threads=1 if check.is_dry else 4)
            rows.append((device, name, *training_speed(space, teacher, data, config, folder, compute)))
    return tabulate(rows, ("supernets on", "precision", "images/s", "last losses"), "github")


def training_speed(
    space: HeadedSpace, teacher: Teacher, data: ImageData, config: RatingConfig, folder: Path, compute: Compute
) -> tuple[str, str]:
    """Images a second, without the first step, which loads and compiles; or why there are none."""
    marks: list[tuple[float, Progress]] = []
    work = block_work(space, teacher, data, config, folder, compute)
    try:
        with compute.limited_threads():
            teacher.network.to(compute.device)
            train_blocks(work, space.block_numbers, lambda progress: marks.append((time.perf_counter(), progress)))
    except RuntimeError as error:  # what compilers of torch raise is one; it is a result, too
        if not compute.compile:
            raise
        return "absent", f"not compiled: {type(error).__name__}: {str(error).partition(chr(10))[0][:80]}"
    finally:
        teacher.network.to("cpu")
    steps = [mark for mark in marks if not mark[1].notice]
    return f"{config.batch * (len(steps) - 1) / (steps[-1][0] - steps[0][0]):.0f}", steps[-1][1].remark


def networks(check: Check, space: HeadedSpace, data: ImageData) -> str:
    """The largest network, trained with and without AMP on both."""
    rows = []
    ways = (("cpu", "off"),) if check.is_dry else (("cpu", "off"), ("cuda", "off"), ("cuda", "bf16"), ("cuda", "fp16"))
    for device, amp in ways:
        folder = check.folder("learning") / f"network-{device}-{amp}"
        shutil.rmtree(folder, ignore_errors=True)
        recipe, began = Recipe.model_validate({"epochs": 1 if check.is_dry else 4, "amp": amp}), time.perf_counter()
        config = TrainingConfig(recipe=recipe)
        trained = train_architecture(space, largest(space), data, config, folder, compute=Compute(device=device))
        seconds = time.perf_counter() - began
        rows.append((device, amp, f"{trained.test[0].value:.1%}", f"{seconds:.1f}"))
    return tabulate(rows, ("network on", "amp", "test accuracy", "seconds"), "github", disable_numparse=True)
