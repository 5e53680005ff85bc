"""The networks that `what_you_get.py` compares, each with its role: chosen by ratings, by hand, by size or by chance."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from dna_deploy.data.config import DataConfig
from dna_deploy.data.splits import ImageData, load_data
from dna_deploy.learning.compute import Compute
from dna_deploy.nets.teachers.teacher import load_teacher
from dna_deploy.rating.raters.dna.config import RatingConfig
from dna_deploy.rating.raters.dna.rating import rate_space
from dna_deploy.rating.raters.dna.second_stage import StitchedStage
from dna_deploy.rating.raters.dna.work import BlockWork, block_work
from dna_deploy.rating.raters.one_shot.config import OneShotConfig
from dna_deploy.rating.raters.one_shot.rater import OneShot
from dna_deploy.rating.raters.one_shot.training import one_shot_work
from dna_deploy.records.latency_table import LatencyTable
from dna_deploy.records.rating_table import RatingTable
from dna_deploy.records.search_outcome import SearchOutcome
from dna_deploy.search import Constraint, Latency, search
from dna_deploy.search.black_box import search_black_box
from dna_deploy.spaces.architecture import Architecture
from dna_deploy.spaces.block import Block, Cell, FixedLayer
from dna_deploy.spaces.catalog import find_chain
from dna_deploy.spaces.chain import ChainSpace, HeadedSpace
from dna_deploy.spaces.operations import ClassifierHead, Conv, MBConv
from dna_deploy.training.config import RESIDUAL, TeacherConfig
from dna_deploy.training.recipe import Recipe
from dna_deploy.training.teacher import train_teacher

SPACE, TABLE = "fashion", Path(__file__).parents[2] / "latency_tables" / "fashion.cpu-1thread.json"
DATA = DataConfig(dataset="distorted-fashion-mnist", train_images=4000, rating_images=1000, validation_images=500)
RECIPE = Recipe(epochs=6, batch=64, learning_rate=6e-3)
"""Images and recipe of the rating evidence (`ground_truth.py`)."""

TEACHER = TeacherConfig(name=RESIDUAL, recipe=Recipe(epochs=20, batch=64, learning_rate=5e-3))
EPOCHS, ONE_SHOT_EPOCHS, BATCH = 10, 16, 32
"""As the rating evidence trains its supernets."""

BUDGETS_S = (60e-6, 100e-6, 160e-6)
"""Between the fastest network of the space (20 us by the table) and the slowest (480 us)."""

NEAR, RANDOM = 0.05, 5
SHORTLIST, EVALUATIONS = 64, 256
HAND_MADE = "hand-made"
WIDTHS = tuple(range(20, 125, 5))
"""Widths of the hand-made network in per cent; the one that takes as long as what search found is compared with it."""


@dataclass(frozen=True)
class Network:
    """A network of some space, and what it stands for."""

    role: str
    budget_s: float | None
    """None: hand-made, for whichever budget its measured latency fits."""
    space: HeadedSpace
    architecture: Architecture


@dataclass(frozen=True)
class Workshop:
    """Teacher, supernets and images of the comparison; the folder resumes all of them."""

    folder: Path

    @cached_property
    def space(self) -> HeadedSpace:
        return find_chain(SPACE).with_head()

    @cached_property
    def table(self) -> LatencyTable:
        return LatencyTable.read(TABLE)

    @cached_property
    def data(self) -> ImageData:
        return load_data(DATA, self.space.input)

    @cached_property
    def blocks(self) -> BlockWork:
        """The block supernets, by the settings of the rating evidence."""
        path = train_teacher(TEACHER, self.space, self.data, self.folder / "teacher", compute=self.compute)
        teacher, config = load_teacher(path), RatingConfig(epochs=EPOCHS, batch=BATCH)
        return block_work(self.space, teacher, self.data, config, self.folder / "blocks", self.compute)

    @cached_property
    def ratings(self) -> RatingTable:
        work, path = self.blocks, self.folder / "ratings.json"
        if not path.exists():
            table = rate_space(work.space, work.teacher, work.data, work.config, work.folder, compute=work.compute)
            table.write(path)
        return RatingTable.read(path)

    @cached_property
    def one_shot(self) -> OneShot:
        config = OneShotConfig(epochs=ONE_SHOT_EPOCHS, batch=BATCH)
        return OneShot(one_shot_work(self.space, self.data, config, self.folder / "one-shot", self.compute))

    @property
    def compute(self) -> Compute:
        return Compute(checkpoint_seconds=30)


def choose(workshop: Workshop, tell: Callable[[str], None]) -> Iterator[Network]:
    """Every network but its measured latency; nothing here has seen a validation or test image, or another accuracy."""
    for budget_s in BUDGETS_S:
        for role, architecture in _within(workshop, budget_s, tell):
            tell(f"{budget_s * 1e6:.0f} us, {role}: {architecture}")
            yield Network(role, budget_s, workshop.space, architecture)
    seen = set[Architecture]()
    for width in WIDTHS:
        space = hand_made(workshop.space, width / 100)
        architecture = next(space.architectures())
        if architecture not in seen:
            seen.add(architecture)
            yield Network(HAND_MADE, None, space, architecture)


def _within(workshop: Workshop, budget_s: float, tell: Callable[[str], None]) -> Iterator[tuple[str, Architecture]]:
    space, table, limits = workshop.space, workshop.table, [Constraint(Latency(), at_most=budget_s)]
    outcome = search(space, workshop.ratings, [table], limits, top=SHORTLIST, prefer_cheaper=False)
    yield "searched by block ratings", outcome.network(space)
    shortlist = [space.parse(network.architecture) for network in (outcome.best, *outcome.others)]
    stage = StitchedStage([workshop.blocks], workshop.ratings)
    yield "searched and refined", space.parse(stage.refine(shortlist).networks[0].architecture)
    assert outcome.largest is not None
    yield "largest that fits", space.parse(outcome.largest.architecture)
    yield "chosen by SPOS", _by_one_shot(workshop, limits, budget_s, tell).network(space)
    for number, architecture in enumerate(_by_chance(workshop, budget_s), 1):
        yield f"random {number}", architecture


def _by_one_shot(workshop: Workshop, limits: list[Constraint], budget_s: float, tell: Callable[[str], None]) -> SearchOutcome:
    """As SPOS does (arXiv 1904.00420): evolution on the accuracies of a one-shot supernet."""

    def show(done: int, best: float) -> None:
        if done % 64 == 0:
            tell(f"one-shot: {done} of {EVALUATIONS} rated, best error {best:.1%}")

    return search_black_box(
        workshop.space, lambda network: workshop.one_shot.score([network])[0].cost, [workshop.table], limits,
        evaluations=EVALUATIONS, log=workshop.folder / f"one-shot-{budget_s * 1e6:.0f}.log", name="one-shot", progress=show,
    )  # fmt: skip


def _by_chance(workshop: Workshop, budget_s: float) -> list[Architecture]:
    """A cell a block, all equally likely, then an operation a layer; what the table puts within 5 % below the budget."""
    rng, found = random.Random(f"what you get {budget_s}"), dict[Architecture, None]()
    while len(found) < RANDOM:
        architecture = workshop.space.sample_cells_evenly(rng)
        if (1 - NEAR) * budget_s < workshop.table.predict(workshop.space, architecture).seconds <= budget_s:
            found.setdefault(architecture)
    return list(found)


def hand_made(like: HeadedSpace, width: float) -> HeadedSpace:
    """MobileNetV3-Small (arXiv 1905.02244) for small pictures, a space of one network: its kernels, its expansions rounded
    to whole numbers, squeeze-excitation and hard-swish from the second stage on; its later stages as deep as three strides
    allow. ``width`` multiplies all channels, in steps of 4."""

    def channels(count: int) -> int:
        return max(4, round(count * width / 4) * 4)

    def stage(count: int, *layers: MBConv) -> Block:
        return Block(2, (Cell(channels(count), tuple((layer,) for layer in layers)),))

    def late(kernel: int, expansion: int) -> MBConv:
        return MBConv(kernel, expansion, se_ratio=0.25, activation="hardswish")

    return ChainSpace(
        name=f"mobilenetv3-{round(width * 100)}",
        input=like.input,
        stem=(FixedLayer(Conv(3, activation="hardswish"), channels(16)),),
        blocks=(
            stage(24, MBConv(3, 4, activation="relu"), MBConv(3, 4, activation="relu")),
            stage(40, late(5, 4), late(5, 6)),
            stage(96, late(5, 6), late(5, 6)),
        ),
        usual_head=(FixedLayer(ClassifierHead(channels(160), activation="hardswish"), like.out_channels),),
    ).with_head()
