"""Rates every candidate of every block."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from dna_deploy.errors import UsageError
from dna_deploy.learning.compute import Compute
from dna_deploy.pipeline.images import ProjectImages
from dna_deploy.pipeline.pace import START_S, SUPERNETS, rating_s, training_s
from dna_deploy.pipeline.published import published_digest
from dna_deploy.pipeline.runner import Inputs, computed, work_folder
from dna_deploy.plugins import missing_members
from dna_deploy.progress import OnProgress, Progress
from dna_deploy.rating.configs import rater_needs
from dna_deploy.rating.raters.dna.shares import block_costs, spread_gain
from dna_deploy.records.files import Part

if TYPE_CHECKING:
    from dna_deploy.rating.rater import Rater, SecondStage
    from dna_deploy.records.rating_table import RatingTable


@dataclass(frozen=True)
class Rate:
    """The rating table that a rater makes. ``teacher_file`` is for raters that need a teacher."""

    method: str
    config: Part
    images: ProjectImages
    teacher_file: Path | None
    table_file: Path
    compute: Compute
    name: str = "rate"
    summary: str = "train supernets, rate every candidate"
    ready: Callable[[], None] = lambda: None
    """Raises where nothing that is made here could be used."""

    @property
    def outputs(self) -> tuple[Path, ...]:
        return (self.table_file,)

    @property
    def estimate_s(self) -> float:
        config, space = self.images.config, self.images.space
        images = self.images.count(config.supernet_images) * getattr(self.config, "epochs", 1)
        seconds = training_s(images, SUPERNETS, space) + rating_s(config.rating_images or 2_000, space)
        return getattr(self.config, "supernet_sets", 1) * seconds

    def estimate_on(self, workers: int) -> float:
        """About how long so many workers take: a method that is not spread takes as long as one."""
        if not rater_needs(self.method).processes or workers == 1:
            return self.estimate_s
        costs = block_costs(self.images.space, share_depths=getattr(self.config, "share_depths", True))
        return START_S + self.estimate_s / spread_gain(costs, getattr(self.config, "supernet_sets", 1), workers)

    def inputs(self) -> Inputs:
        fields = type(self.config).model_fields
        apart = {name: field for name, field in fields.items() if field.exclude and getattr(self.config, name) != field.default}
        return {
            "space": self.images.space_input,
            **({"teacher": published_digest(self.teacher_file)} if self.teacher_file else {}),
            "images": self.images.digest_input(self.images.config.supernet_images),
            "config": self.config.model_dump_json(),
            **{field.title or name: str(getattr(self.config, name)) for name, field in apart.items()},
        }

    def check(self) -> None:
        """Raises `UsageError` where the method gives no table, cannot be run so, or nobody answers, before anything else."""
        from dna_deploy.rating.rater import AdditiveRater, check_needs, load_rater

        kind = load_rater(self.method)
        check_needs(self.method, kind.needs, has_teacher=self.teacher_file is not None, is_spread=self.compute.is_spread)
        self.compute.check_answers()
        if missing_members(kind, AdditiveRater):
            hint = f"take another, or: dna-deploy rate --method {self.method}, then: dna-deploy search with its folder"
            raise UsageError(f"method {self.method!r} gives no rating table, which the search of a run reads", hint)

    def run(self, work: Path, on_progress: OnProgress) -> None:
        from dna_deploy.rating.rater import AdditiveRater

        self.check()
        self.ready()
        rater = self.rater(work)
        assert isinstance(rater, AdditiveRater)
        rater.table(on_progress).write(self.table_file)

    def rater(self, folder: Path, *, own_folder: bool = False) -> Rater:
        """The rater that works in ``folder``, or in one below it that is named after all inputs."""
        from dna_deploy.nets.teachers.teacher import load_teacher
        from dna_deploy.rating.rater import make_rater

        teacher = load_teacher(self.teacher_file) if self.teacher_file else None
        return make_rater(
            self.method, self.images.space, self.images.for_supernets, self.config, folder,
            teacher=teacher, compute=self.compute, own_folder=own_folder,
        )  # fmt: skip

    def second_stage(self, folder: Path, ratings: RatingTable, on_progress: OnProgress) -> SecondStage | None:
        """What compares whole networks by what was trained in a run's folder; None, and a word, where that is gone.

        Raters without a teacher compare none: what networks answer is not known to them.
        """
        from dna_deploy.rating.rater import RefiningRater
        from dna_deploy.rating.work import run_file

        trained = work_folder(folder, self.name, computed(self.inputs()))
        if not run_file(trained).exists():
            gone = f"there are no supernets in {trained}: block ratings decide alone"
            on_progress(Progress("comparing whole networks", 1, 1, notice=gone))
            return None
        rater = self.rater(trained)
        return rater.second_stage(ratings) if isinstance(rater, RefiningRater) and self.teacher_file else None
