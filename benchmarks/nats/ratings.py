"""Makes ratings of the space on CIFAR-10 with the product's raters: tables of blocks, or scores of networks that were drawn."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from benchmarks.nats.judge import BEST, Merit, searched
from benchmarks.nats.teacher import resnet_teacher
from benchmarks.nats.truth import SPACE, Truth
from benchmarks.rows import add_rows, read_rows
from dna_deploy.data.config import DataConfig
from dna_deploy.data.splits import ImageData, load_data
from dna_deploy.learning.compute import Compute
from dna_deploy.nets.teachers.teacher import Teacher, load_teacher
from dna_deploy.progress import Progress
from dna_deploy.rating.rater import AdditiveRater, Rater, RefiningRater, SecondStage, load_rater, make_rater
from dna_deploy.records.rating_table import RatingTable
from dna_deploy.training.config import RESIDUAL, TeacherConfig
from dna_deploy.training.teacher import train_teacher

SHORTLIST = 64


@dataclass(frozen=True)
class Recipe:
    """A rater of the product, what differs from its defaults, and whether it ranks the shortlists of searches."""

    method: str
    settings: Mapping[str, Any] = field(default_factory=dict)
    has_second_stage: bool = False

    @property
    def is_untrained(self) -> bool:
        """Whether its weights stay as they were drawn."""
        return self.settings.items() >= UNTRAINED.items()


UNTRAINED = {"learning_rate": 1e-12}
"""Weights stay as they were drawn: what a rating says all the same, it has not learnt."""
DNA = {"epochs": 1, "batch": 4, "settled_top": 0}
POPULATION = {"epochs": 1, "batch": 16, "ensemble": 1, "rating_ensemble": 1, "settled_top": 0}
BOSS = {"epochs": 1, "batch": 8, "ensemble": 2}
SUPERNET = {"epochs": 8, "calibration_images": 128, "share_widths": True}
RECIPES: dict[str, Recipe] = {
    "dna": Recipe("dna", DNA),
    "dna-second": Recipe("dna", DNA, has_second_stage=True),
    "dna-untrained": Recipe("dna", DNA | UNTRAINED),
    "dna++": Recipe("dna++", POPULATION),
    "dna++-untrained": Recipe("dna++", POPULATION | UNTRAINED),
    "dna++-second": Recipe("dna++", POPULATION, has_second_stage=True),
    "boss": Recipe("boss", BOSS),
    "boss-untrained": Recipe("boss", BOSS | UNTRAINED),
    "one-shot": Recipe("one-shot", SUPERNET),
    "cream": Recipe("cream", SUPERNET),
    "cream-top1": Recipe("cream-top1", SUPERNET),
    "genas": Recipe("genas", SUPERNET),
    "setn": Recipe("setn", SUPERNET | {"evaluator_every": 32}),
    "ddpnas": Recipe("ddpnas", SUPERNET | {"epochs": 3, "batch": 4, "sweeps": 1, "judged": 32}),
}
"""By the name that ratings are kept under; any other method is rated by its defaults. Layers have no choice here, so that one
path through a trunk is all paths. One-shot supernets share widths, since each layer is trained in one step of 64 otherwise.
DDPNAS trains 2,079 networks even with one sweep a round; fewer steps are too few."""


@dataclass(frozen=True)
class Bench:
    """Where images, weights, checkpoints and ratings are, how much is trained, and on what machine."""

    cifar: Path
    resnet: Path | None
    work: Path
    kept: Path
    images: int
    rating_images: int
    sample: int
    compute: Compute

    def data(self) -> ImageData:
        """CIFAR-10, divided; test images are not used."""
        config = DataConfig(dataset=str(self.cifar), train_images=self.images, rating_images=self.rating_images)
        return load_data(config, SPACE.input)

    def teacher(self, data: ImageData) -> Teacher:
        """The given ResNet, or a residual network that is trained on the same images."""
        if self.resnet is not None:
            return resnet_teacher(self.resnet, data)
        config = TeacherConfig(name=RESIDUAL).for_images(len(data.train))
        return load_teacher(train_teacher(config, SPACE, data, self.work / "teacher", compute=self.compute))

    def rate(self, label: str, seed: int, truth: Truth, tell: Callable[[Progress], None]) -> Merit:
        """The rating of a recipe with a seed. What was made is read; what was begun goes on."""
        recipe, name = RECIPES.get(label, Recipe(label)), f"{label}, seed {seed}"
        table_file, score_file = (self.kept / f"{label}-{seed}.{ending}" for ending in ("json", "csv"))
        if recipe.has_second_stage:
            return Merit(name, np.empty(0), picks=self._picks(label, seed, truth, tell))
        if table_file.exists():
            return Merit.of_table(name, RatingTable.read(table_file), truth)
        if not score_file.exists():
            begun, rater = time.process_time(), self.rater(recipe, seed)
            if isinstance(rater, AdditiveRater):
                self._without_paths(label, rater.table(tell)).write(table_file)
            else:
                self._score(rater, truth, score_file, tell)
            self._note(label, seed, rater, time.process_time() - begun)
            return self.rate(label, seed, truth, tell)
        rows = read_rows(score_file)
        positions = np.array([truth.position(SPACE.parse(row["network"])) for row in rows])
        return Merit(name, np.array([float(row["merit"]) for row in rows]), positions)

    def _picks(self, label: str, seed: int, truth: Truth, tell: Callable[[Progress], None]) -> tuple[npt.NDArray[np.intp], ...]:
        """For every budget the best of a shortlist that the exact search gives, best first; those of a budget are kept."""
        file, ranker = self.kept / f"{label}-{seed}.csv", None
        begun, budgets = time.process_time(), [f"{budget * 1e3:.6f}" for budget in truth.budgets]
        for budget, seconds in zip(budgets, truth.budgets, strict=True):
            if any(row["budget ms"] == budget for row in read_rows(file)):
                continue
            table, stage, _ = ranker = ranker or self._ranker(RECIPES[label], seed, tell)
            refined = stage.refine(truth.networks(searched(truth, table, seconds, SHORTLIST).tolist()), tell)
            best = enumerate(refined.networks[:BEST])
            rows = [{"budget ms": budget, "place": place + 1, "network": network.architecture} for place, network in best]
            add_rows(file, rows)
        if ranker:
            self._note(label, seed, ranker[2], time.process_time() - begun)
        of_budgets: dict[str, list[int]] = {}
        for row in read_rows(file):
            of_budgets.setdefault(row["budget ms"], []).append(truth.position(SPACE.parse(row["network"])))
        return tuple(np.array(of_budgets[budget]) for budget in budgets)

    def _ranker(
        self, recipe: Recipe, seed: int, tell: Callable[[Progress], None]
    ) -> tuple[RatingTable, SecondStage, RefiningRater]:
        """A rater that is trained, its table and its second stage."""
        rater = self.rater(recipe, seed)
        if not isinstance(rater, RefiningRater):
            raise SystemExit(f"{recipe.method} compares no shortlists")
        table = rater.table(tell)
        return table, rater.second_stage(table), rater

    def _without_paths(self, label: str, table: RatingTable) -> RatingTable:
        """The table with the command that makes it anywhere: what is kept names no folder of this machine."""
        command = f"python -m benchmarks.nats --methods {label} --images {self.images} --rating-images {self.rating_images}"
        return table.model_copy(update={"provenance": table.provenance.model_copy(update={"command": command})})

    def rater(self, recipe: Recipe, seed: int) -> Rater:
        """The rater of a recipe, not yet trained."""
        kind, data = load_rater(recipe.method), self.data()
        config = kind.config.model_validate({**recipe.settings, "seed": seed})
        teacher = self.teacher(data) if kind.needs.teacher else None
        return make_rater(recipe.method, SPACE, data, config, self.work, teacher=teacher, compute=self.compute, own_folder=True)

    def _score(self, rater: Rater, truth: Truth, file: Path, tell: Callable[[Progress], None]) -> None:
        drawn = np.random.default_rng(0).permutation(len(truth.accuracy))[: self.sample]
        networks = truth.networks(drawn.tolist())
        scores = rater.score(networks, tell)
        pairs = zip(networks, scores, strict=True)
        add_rows(file, [{"network": str(network), "merit": score.kind.merit_of(score.value)} for network, score in pairs])

    def _note(self, label: str, seed: int, rater: Rater, seconds: float) -> None:
        """A row of what it took; of a run that went on, the last part only."""
        teacher, settings = rater.work.teacher_label.partition(" (")[0], rater.work.config.model_dump_json()
        what = {"method": label, "seed": seed, "teacher": teacher, "device": self.compute.device}
        counts = {"images": self.images, "rating images": self.rating_images, "CPU seconds": round(seconds)}
        add_rows(self.kept / "costs.csv", [{**what, **counts, "settings": settings}])
