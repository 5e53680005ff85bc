"""The journey: profile, teach, rate, search, train, export, verify. Each stage reads what earlier ones wrote.

Everything heavy is imported inside the stage that needs it, so that a plan can be shown without it.
"""

from __future__ import annotations

import platform
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from dna_deploy.errors import UsageError
from dna_deploy.pipeline.finder import Finder
from dna_deploy.pipeline.published import publish, published_digest
from dna_deploy.pipeline.settings import Settings
from dna_deploy.pipeline.stages import Inputs, Stage, work_folder
from dna_deploy.plugins import missing_members
from dna_deploy.progress import OnProgress, Progress
from dna_deploy.records.files import Part
from dna_deploy.records.latency_table import LatencyTable
from dna_deploy.records.model_card import PredictedLatency
from dna_deploy.records.rating_table import RatingTable
from dna_deploy.records.search_outcome import SearchOutcome
from dna_deploy.records.trained_network import TrainedNetwork
from dna_deploy.records.values import read_values
from dna_deploy.spaces.catalog import find_chain
from dna_deploy.spaces.chain import ChainSpace
from dna_deploy.spaces.scaling import largest
from dna_deploy.targets.target_file import TargetFile, find_target

if TYPE_CHECKING:
    from dna_deploy.data.splits import ImageData
    from dna_deploy.rating.rater import Rater, SecondStage

KIT_NETWORKS = 40
"""Validation networks of every kit: so many are made, however few are measured, and a kit that was made serves again."""

FASHION_MACS = 15.7e6
"""Of the largest network of the space `fashion`, on which the estimates of time stand."""


@dataclass(frozen=True)
class Journey:
    """One journey: its settings, and the folder where everything it makes lies.

    ``reproduce`` is the command that a model card names.
    """

    settings: Settings
    folder: Path
    profiles: Path = Path("profiles")
    reproduce: str = ""

    @property
    def table_file(self) -> Path:
        return self.folder / "latency_tables" / f"{self.settings.space}.{self.settings.target}.json"

    @property
    def teacher_file(self) -> Path:
        return self.folder / "teacher" / "teacher.safetensors"

    @property
    def ratings_file(self) -> Path:
        return self.folder / "ratings" / f"{self.settings.space}.json"

    @property
    def outcome_file(self) -> Path:
        return self.folder / "outcome.json"

    @property
    def trained_file(self) -> Path:
        return self.folder / "trained" / "trained-network.json"

    @property
    def exported_folder(self) -> Path:
        return self.folder / "exported"

    @property
    def model_file(self) -> Path:
        """The file that the target runs."""
        return self.folder / "model" / self._model_name

    @property
    def _model_name(self) -> str:
        from dna_deploy.export.formats.catalog import model_name

        return model_name(self.target.target.precision)

    @cached_property
    def rater(self) -> type[Rater]:
        """How networks are rated.

        Raises:
            UsageError: it gives no table, which the exact search reads.
        """
        from dna_deploy.rating.rater import AdditiveRater, load_rater

        method = self.settings.method
        kind = load_rater(method)
        if missing_members(kind, AdditiveRater):
            hint = f"take another, or: dna-deploy rate --method {method}, then dna-deploy search --rate-with its folder"
            raise UsageError(f"method {method!r} gives no rating table, which the search of a run reads", hint)
        return kind

    @property
    def has_teacher(self) -> bool:
        return self.rater.needs.teacher

    @cached_property
    def space(self) -> ChainSpace:
        """The space, with as many classes as the data set has."""
        space = find_chain(self.settings.space)
        classes = len(self._data(self.settings.rate.images).classes)
        return space if space.classes == classes else space.with_classes(classes)

    @cached_property
    def target(self) -> TargetFile:
        from dna_deploy.records.samples import plan_for

        file, asked = find_target(self.settings.target, self.profiles), self.settings.profile
        plan = file.plan.model_copy(update={"rounds": asked.rounds, "steady": asked.steady or file.plan.steady})
        return replace(file, plan=plan_for(self.settings.quantile, plan))

    @cached_property
    def _loaded(self) -> dict[int, ImageData]:
        return {}

    def _data(self, most_images: int) -> ImageData:
        """The data set with at most so many training images; rating, validation and test parts are always the same."""
        from dna_deploy.data.catalog import load_dataset
        from dna_deploy.data.config import DataConfig
        from dna_deploy.data.splits import divide_up_to

        if most_images not in self._loaded:
            asked, whole = self.settings, load_dataset(self.settings.dataset, None, find_chain(self.settings.space).input)
            tenth = max(1, len(whole.training) // 10)
            config = DataConfig(
                dataset=asked.dataset,
                rating_images=min(asked.rate.rating_images, tenth),
                validation_images=min(asked.train.validation_images, tenth),
                seed=asked.seed,
            )
            self._loaded[most_images] = divide_up_to(whole, config, None, most_images)
        return self._loaded[most_images]

    def _images(self, most: int) -> int:
        """How many images a training sees."""
        return len(self._data(most).train)

    def _pace(self, fashion: float) -> float:
        """Images a second, from what was seen in the space `fashion`: slower by the MACs of the largest network."""
        return fashion * FASHION_MACS / sum(layer.macs for layer in self.space.place(largest(self.space)))

    def stages(self) -> tuple[Stage, ...]:
        """Every stage, in order."""
        rate = (self._teach(), self._rate()) if self.has_teacher else (self._rate(),)
        return (self._profile(), *rate, self._search(), self._train(), self._export(), self._verify())

    def _profile(self) -> Stage:
        asked = self.settings.profile

        def inputs() -> Inputs:
            from dna_deploy.targets.machine import processor_name

            return {
                "space": self.space.digest,
                "target": self.target.target.model_dump_json(),
                "sampling": self.target.plan.model_dump_json(),
                "validation networks": str(asked.validation_networks),
                "machine": f"{platform.node()} {processor_name()}",
            }

        def run(work: Path, on_progress: OnProgress) -> None:
            from dna_deploy.export.kits.kit_cache import cached_kit
            from dna_deploy.latency.workshop import Folders, profile_space

            target, judges = self.target.target, asked.validation_networks
            kit = cached_kit(
                self.space, self.settings.seed, validation_networks=max(KIT_NETWORKS, judges),
                batch=target.batch, precision=target.precision, on_progress=on_progress,
            )  # fmt: skip
            folders = Folders(self.folder / "profiles", self.table_file.parent)
            noisy = asked.accept_noise
            profile_space(kit, self.space, self.target, folders, judges, accept_noise=noisy, on_progress=on_progress)

        models = len(find_chain(self.settings.space).rows()) + 2 * asked.validation_networks
        estimate_s = 20 + 0.002 * models * asked.rounds
        return Stage("profile", "measure every layer on this machine", estimate_s, inputs, (self.table_file,), run)

    def _teach(self) -> Stage:
        from dna_deploy.learning.history import FILE_NAME
        from dna_deploy.training.config import RESIDUAL, TeacherConfig, usual_epochs
        from dna_deploy.training.recipe import Recipe

        asked, images = self.settings.teacher, self._images(self.settings.teacher.images)
        recipe = Recipe(epochs=asked.epochs or usual_epochs(images), seed=self.settings.seed)
        config = TeacherConfig(name=asked.name, recipe=recipe)

        def inputs() -> Inputs:
            return {"space": self.space.digest, "images": self._data(asked.images).digest, "recipe": config.model_dump_json()}

        def run(work: Path, on_progress: OnProgress) -> None:
            from dna_deploy.training.teachers import make_teacher

            made = make_teacher(config, self.space, self._data(asked.images), work, on_progress=on_progress)
            publish(made, self.teacher_file)
            if (history := work / FILE_NAME).exists():  # a teacher that was taken has none
                publish(history, self.teacher_file.parent / FILE_NAME)

        pace = self._pace(900 if asked.name == RESIDUAL else 160)
        estimate_s = recipe.epochs * images / pace
        return Stage("teach", "make the teacher", estimate_s, inputs, (self.teacher_file,), run)

    @cached_property
    def _rating_config(self) -> Part:
        asked = self.settings.rate
        values: dict[str, object] = {"epochs": asked.epochs, "seed": self.settings.seed}
        values |= {"batch": asked.batch} if asked.batch else {}
        values |= {"supernets": asked.supernets} if asked.supernets > 1 else {}
        return read_values(self.rater.config, values, f"[rate] of method {self.settings.method}")

    def _make_rater(self, folder: Path) -> Rater:
        from dna_deploy.learning.compute import Compute
        from dna_deploy.nets.teachers.teacher import load_teacher
        from dna_deploy.rating.rater import make_rater

        asked = self.settings.rate
        return make_rater(
            self.settings.method, find_chain(self.settings.space), self._data(asked.images), self._rating_config, folder,
            teacher=load_teacher(self.teacher_file) if self.has_teacher else None,
            compute=Compute(jobs=asked.jobs if self.rater.needs.processes else 1),
        )  # fmt: skip

    def _rate(self) -> Stage:
        asked = self.settings.rate

        def inputs() -> Inputs:
            config, fields = self._rating_config, self.rater.config.model_fields
            apart = {name: field for name, field in fields.items() if field.exclude and getattr(config, name) != field.default}
            return {
                "space": self.space.digest,
                **({"teacher": published_digest(self.teacher_file)} if self.has_teacher else {}),
                "images": self._data(asked.images).digest,
                "config": config.model_dump_json(),
                **{field.title or name: str(getattr(config, name)) for name, field in apart.items()},
            }

        def run(work: Path, on_progress: OnProgress) -> None:
            from dna_deploy.rating.rater import AdditiveRater

            rater = self._make_rater(work)
            assert isinstance(rater, AdditiveRater)
            rater.table(on_progress).write(self.ratings_file)

        start_s, pace, how = (20, 240, "block supernets") if self.has_teacher else (60, 100, "without a teacher")
        estimate_s = asked.supernets * (start_s + asked.epochs * self._images(asked.images) / self._pace(pace))
        return Stage("rate", f"train {how}, rate every candidate", estimate_s, inputs, (self.ratings_file,), run)

    def _search(self) -> Stage:
        def inputs() -> Inputs:
            return {
                "latency table": published_digest(self.table_file),
                "ratings": published_digest(self.ratings_file),
                "latency": f"{self.settings.latency} {self.settings.quantile}",
                "keep promise": str(self.settings.keep_promise),
                "prefer cheaper": str(self.settings.prefer_cheaper),
                "shortlist": str(self._shortlist),
            }

        def run(work: Path, on_progress: OnProgress) -> None:
            table, ratings = LatencyTable.read(self.table_file), RatingTable.read(self.ratings_file)
            finder = Finder(self.space, ratings, self.settings, self._second_stage(ratings, on_progress), on_progress)
            budget = finder.budget(table)
            outcome = finder.best(table, budget)
            if self.settings.keep_promise:
                outcome = finder.kept(table, budget, self.target.plan) or outcome
            outcome.write(self.outcome_file)

        asked = self.settings.rate
        compared = asked.supernets * self._shortlist * len(self._data(asked.images).rating) if self._shortlist > 1 else 0
        summary = "find the best network within the budget"
        return Stage("search", summary, 30 + compared / self._pace(1400), inputs, (self.outcome_file,), run)

    @property
    def _shortlist(self) -> int:
        """How many networks are compared as a whole; 1 where block ratings decide alone."""
        from dna_deploy.rating.rater import RefiningRater

        return self.settings.shortlist if self.has_teacher and not missing_members(self.rater, RefiningRater) else 1

    def _second_stage(self, ratings: RatingTable, on_progress: OnProgress) -> SecondStage | None:
        """What compares whole networks; None where block ratings decide alone."""
        if self._shortlist == 1:
            return None
        from dna_deploy.rating.rater import RefiningRater
        from dna_deploy.rating.work import run_file

        supernets = work_folder(self.folder, "rate", self._rate().inputs())
        if not run_file(supernets).exists():
            gone = f"there are no supernets in {supernets}: block ratings decide alone"
            on_progress(Progress("comparing whole networks", 1, 1, notice=gone))
            return None
        rater = self._make_rater(supernets)
        assert isinstance(rater, RefiningRater)
        return rater.second_stage(ratings)

    def _train(self) -> Stage:
        from dna_deploy.learning.history import FILE_NAME
        from dna_deploy.training.config import TrainingConfig
        from dna_deploy.training.network import train_architecture
        from dna_deploy.training.presets import make_recipe

        asked = self.settings.train
        recipe = make_recipe(asked.preset, seed=self.settings.seed, **asked.changes)
        config = TrainingConfig(recipe=recipe)

        def inputs() -> Inputs:
            return {
                "architecture": SearchOutcome.read(self.outcome_file).best.architecture,
                "teacher": published_digest(self.teacher_file) if self.has_teacher else "none",
                "images": self._data(asked.images).digest,
                "config": config.model_dump_json(),
            }

        def run(work: Path, on_progress: OnProgress) -> None:
            from dna_deploy.nets.teachers.teacher import load_teacher

            architecture = SearchOutcome.read(self.outcome_file).network(self.space)
            teacher = load_teacher(self.teacher_file) if self.has_teacher else None
            if teacher and teacher.classes != self.space.classes:  # it shapes blocks, but has no answers
                teacher = None
            record = train_architecture(
                self.space, architecture, self._data(asked.images), config, work,
                teacher=teacher, on_progress=on_progress,
            )  # fmt: skip
            for name in (record.weights, self.trained_file.name, FILE_NAME):
                publish(work / name, self.trained_file.parent / name)

        outputs = (self.trained_file.parent / "weights.safetensors", self.trained_file)
        estimate_s = recipe.epochs * self._images(asked.images) / self._pace(900)
        return Stage("train", "train the chosen network", estimate_s, inputs, outputs, run)

    def _export(self) -> Stage:
        def inputs() -> Inputs:
            return {
                "trained network": published_digest(self.trained_file),
                "search outcome": published_digest(self.outcome_file),
            }

        def run(work: Path, on_progress: OnProgress) -> None:
            from dna_deploy.export.delivery import deliver
            from dna_deploy.export.formats.catalog import FORMAT_OF
            from dna_deploy.export.source import source_of_trained

            outcome, table = SearchOutcome.read(self.outcome_file), LatencyTable.read(self.table_file)
            source = source_of_trained(TrainedNetwork.read(self.trained_file), self.trained_file.parent)
            source = source.with_outcome(outcome).with_table(table)
            if isinstance(source.predicted, PredictedLatency):  # what search believed, the promise loop's corrections included
                believed = source.predicted.model_copy(update={"latency_s": outcome.best.targets[0].latency_s})
                source = replace(source, predicted=believed)
            data = self._data(self.settings.train.images)
            target = self.target.target
            done = deliver(
                source, self.exported_folder, formats=[FORMAT_OF[target.precision]] if target.precision in FORMAT_OF else (),
                data=data, batch=target.batch, replace=True, reproduce=self.reproduce,
            )  # fmt: skip
            for refused in done.refused:
                raise refused.error

        exported = self.exported_folder / self._model_name
        outputs = (exported, exported.with_suffix(".card.json"))
        return Stage("export", "write the ONNX file, compare it with torch", 30, inputs, outputs, run)

    def _verify(self) -> Stage:
        def inputs() -> Inputs:
            exported = self.exported_folder / self._model_name
            return {"model": published_digest(exported), "card": published_digest(exported.with_suffix(".card.json"))}

        def run(work: Path, on_progress: OnProgress) -> None:
            from dna_deploy.export.checks.verification import complete_card, find_promise, verify_model

            for file in self.exported_folder.iterdir():
                publish(file, self.model_file.parent / file.name)
            promise = find_promise(self.model_file, None, None)
            done = verify_model(self.model_file, self.target.target, self.target.plan, promise, on_progress)
            complete_card(done)

        outputs = (self.model_file, self.model_file.with_suffix(".card.json"), self.model_file.with_suffix(".card.md"))
        return Stage("verify", "measure the file on this machine", 10, inputs, outputs, run)
