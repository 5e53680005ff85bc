"""One round of DNA+: rate with a teacher, search within the constraints, train the winner, make the next teacher of it."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from pydantic import Field, SerializeAsAny

from dna_deploy.data.splits import ImageData
from dna_deploy.errors import UsageError
from dna_deploy.learning.compute import Compute
from dna_deploy.nets.teachers.scaled import ScaledConfig
from dna_deploy.nets.teachers.teacher import load_teacher
from dna_deploy.pipeline.published import publish, published_digest
from dna_deploy.pipeline.stages import Inputs, Stage
from dna_deploy.progress import OnProgress
from dna_deploy.rating.rater import AdditiveRater, make_rater
from dna_deploy.rating.raters.dna.config import RatingConfig
from dna_deploy.records.files import Part
from dna_deploy.records.latency_table import LatencyTable
from dna_deploy.records.rating_table import RatingTable
from dna_deploy.records.search_outcome import SearchOutcome
from dna_deploy.search import Constraint, search
from dna_deploy.spaces.architecture import Architecture
from dna_deploy.spaces.chain import ChainSpace
from dna_deploy.spaces.scaling import Scaling, grown
from dna_deploy.spaces.sections import Sections
from dna_deploy.training.config import TrainingConfig
from dna_deploy.training.network import RECORD, train_architecture
from dna_deploy.training.recipe import Recipe
from dna_deploy.training.teacher import train_scaled


class Growth(Part):
    """How a winner becomes a teacher: all factors to one power, the smallest that gives it so many parameters.

    Depth and width grow in the proportion of EfficientNet (arXiv 1905.11946). The resolution stays, unless it is asked to
    grow: a teacher of larger images costs more than it is known to bring here.
    """

    depth: float = Field(1.2, ge=1)
    width: float = Field(1.1, ge=1)
    resolution: float = Field(1.0, ge=1)
    parameters: float = Field(6.0, gt=1, description="of the teacher, as a multiple of the winner's, at least")


class EvolutionConfig(Part):
    """How rounds are made, and when they end."""

    rounds: int = Field(3, ge=1, description="at most")
    margin: float = Field(1.0, ge=0, description="a gain counts if it is more than so many of its standard errors")
    method: str = Field("dna", description="a rater that needs a teacher")
    rating: SerializeAsAny[Part] = RatingConfig()
    winner: Recipe = Recipe()
    teacher: Recipe = Recipe()
    growth: Growth = Growth()


@dataclass(frozen=True)
class EvolutionWork:
    """The inputs of an evolution: what is searched, on which images, within which constraints, and where files lie."""

    space: ChainSpace
    data: ImageData
    teacher_data: ImageData
    config: EvolutionConfig
    constraints: tuple[Constraint, ...]
    tables: tuple[LatencyTable, ...]
    folder: Path
    compute: Compute

    @cached_property
    def trained_space(self) -> ChainSpace:
        """The space with as many classes as the images have. Ratings need no head, and keep the space as it is."""
        return self.space.with_classes(len(self.data.classes))


@dataclass(frozen=True)
class Round:
    """A round with its number, counted from 1, and its teacher's file."""

    work: EvolutionWork
    number: int
    teacher: Path

    @property
    def folder(self) -> Path:
        return self.work.folder / f"round-{self.number}"

    @property
    def ratings_file(self) -> Path:
        return self.folder / "ratings.json"

    @property
    def outcome_file(self) -> Path:
        return self.folder / "outcome.json"

    @property
    def winner_file(self) -> Path:
        return self.folder / RECORD

    @property
    def heir_file(self) -> Path:
        return self.folder / "next-teacher.safetensors"

    @property
    def winner(self) -> Architecture:
        """What search found."""
        return SearchOutcome.read(self.outcome_file).network(self.work.space)

    @property
    def heir(self) -> Sections:
        """The winner made larger."""
        growth = self.work.config.growth
        step = Scaling(growth.depth, growth.width, growth.resolution)
        return grown(self.work.trained_space, self.winner, step, growth.parameters)

    def finding_stages(self) -> tuple[Stage, ...]:
        """Up to the trained winner."""
        return (self._rate(), self._search(), self._train())

    def growing_stages(self) -> tuple[Stage, ...]:
        """From the winner to the next teacher."""
        return (self._grow(),)

    def _name(self, step: str) -> str:
        return f"{step}-{self.number}"

    def _rate(self) -> Stage:
        config, data = self.work.config.rating, self.work.data

        def inputs() -> Inputs:
            teacher, settings = published_digest(self.teacher), config.model_dump_json()
            return {"space": self.work.space.digest, "teacher": teacher, "images": data.digest, "config": settings}

        def run(work: Path, on_progress: OnProgress) -> None:
            teacher, compute = load_teacher(self.teacher), self.work.compute
            method = self.work.config.method
            rater = make_rater(method, self.work.space, data, config, work, teacher=teacher, compute=compute)
            if not isinstance(rater, AdditiveRater):
                raise UsageError(f"method {method!r} gives no rating table, which the search of a round reads")
            rater.table(on_progress).write(self.ratings_file)

        estimate_s = 20 + getattr(config, "epochs", 1) * len(data.train) / 500
        return Stage(self._name("rate"), "rate with the teacher", estimate_s, inputs, (self.ratings_file,), run)

    def _search(self) -> Stage:
        def inputs() -> Inputs:
            tables = " ".join(table.digest for table in self.work.tables)
            asked = " ".join(map(str, self.work.constraints))
            return {"ratings": published_digest(self.ratings_file), "constraints": asked, "latency tables": tables}

        def run(work: Path, on_progress: OnProgress) -> None:
            ratings = RatingTable.read(self.ratings_file)
            search(self.work.space, ratings, self.work.tables, self.work.constraints).write(self.outcome_file)

        return Stage(self._name("search"), "find the best within the constraints", 10, inputs, (self.outcome_file,), run)

    def _train(self) -> Stage:
        config, data = TrainingConfig(recipe=self.work.config.winner), self.work.teacher_data

        def inputs() -> Inputs:
            teacher, settings = published_digest(self.teacher), config.model_dump_json()
            return {"architecture": str(self.winner), "teacher": teacher, "images": data.digest, "config": settings}

        def run(work: Path, on_progress: OnProgress) -> None:
            teacher = load_teacher(self.teacher)
            record = train_architecture(
                self.work.trained_space, self.winner, data, config, work,
                teacher=teacher if teacher.classes == self.work.trained_space.classes else None,
                on_progress=on_progress, compute=self.work.compute,
            )  # fmt: skip
            for name in (record.weights, RECORD):
                publish(work / name, self.folder / name)

        estimate_s = config.recipe.epochs * len(data.train) / 900
        outputs = (self.winner_file, self.folder / "weights.safetensors")
        return Stage(self._name("train"), "train what was found", estimate_s, inputs, outputs, run)

    def _grow(self) -> Stage:
        recipe, data = self.work.config.teacher, self.work.teacher_data
        shape = ScaledConfig.for_space(self.work.trained_space, self.heir)

        def inputs() -> Inputs:
            return {"shape": shape.model_dump_json(), "images": data.digest, "recipe": recipe.model_dump_json()}

        def run(work: Path, on_progress: OnProgress) -> None:
            name = f"heir of round {self.number} on {data.name}"
            made = train_scaled(shape, recipe, data, work, name=name, on_progress=on_progress, compute=self.work.compute)
            publish(made, self.heir_file)

        estimate_s = recipe.epochs * len(data.train) / 200
        return Stage(self._name("grow"), "train it, made larger, to teach", estimate_s, inputs, (self.heir_file,), run)
