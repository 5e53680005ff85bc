"""Makes the teacher."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from dna_deploy.learning.compute import Compute
from dna_deploy.pipeline.images import ProjectImages
from dna_deploy.pipeline.pace import LARGEST_TEACHER, SMALL_TEACHER, START_S, training_s
from dna_deploy.pipeline.published import publish
from dna_deploy.pipeline.runner import Computed, Inputs
from dna_deploy.progress import OnProgress, Progress
from dna_deploy.records.files import digest_of, read_bytes
from dna_deploy.training.config import LARGEST, TeacherConfig


@dataclass(frozen=True)
class Teach:
    """The teacher's file: trained on the project's images, or taken and cut for the space."""

    config: TeacherConfig
    images: ProjectImages
    file: Path
    compute: Compute
    name: str = "teach"
    summary: str = "make the teacher"
    ready: Callable[[], None] = lambda: None
    """Raises where nothing that is made here could be used."""

    @property
    def outputs(self) -> tuple[Path, ...]:
        return (self.file,)

    @property
    def estimate_s(self) -> float:
        if not self.config.is_trained_here:
            return START_S
        images = self.images.count(self.images.config.teacher_images)
        pace = LARGEST_TEACHER if self.config.name == LARGEST else SMALL_TEACHER
        return training_s(self.config.for_images(images).recipe.epochs * images, pace, self.images.space)

    @property
    def notice(self) -> str:
        """What a plan says of a teacher whose images are few; nothing where they are enough."""
        return self.config.epochs_notice(self.images.count(self.images.config.teacher_images))

    def check_weights(self) -> None:
        """Raises `UsageError` where the weights that it is to take cannot be read, before anything takes long."""
        if self.config.weights is not None and not self.file.exists():
            from dna_deploy.nets.teachers.checkpoints import read_checkpoint

            read_checkpoint(self.config.weights)

    def inputs(self) -> Inputs:
        config = self.config.model_dump_json()
        return {
            "space": self.images.space_input,
            "images": self.images.digest_input(self.images.config.teacher_images),
            "recipe": Computed(f"{config} {self.images.settings}{self._look}", self._resolved_json),
        }

    @property
    def _files(self) -> list[Path]:
        """What it is taken from; a network of the hub or one that is trained here has none."""
        return [path for path in (self.config.weights, Path(self.config.name)) if path is not None and path.is_file()]

    @property
    def _look(self) -> str:
        """Its files as they look from outside."""
        return "".join(f" {(state := path.stat()).st_size} {state.st_mtime_ns}" for path in self._files)

    def _resolved_json(self) -> str:
        digests = (digest_of(read_bytes(path, "teacher")) for path in self._files)
        return " ".join((self.resolved.model_dump_json(), *digests))

    @property
    def resolved(self) -> TeacherConfig:
        """The config for as many images as there are."""
        return self.config.for_images(len(self.images.for_teacher.train))

    def own_folder(self, folder: Path) -> Path:
        """A folder below ``folder`` that is named after all that the teacher depends on."""
        from dna_deploy.training.teacher import teacher_identity

        identity = teacher_identity(self.resolved, self.images.fitting_space, self.images.for_teacher)
        return folder / f"teacher-{identity.removeprefix('sha256:')[:8]}"

    def run(self, work: Path, on_progress: OnProgress) -> None:
        from dna_deploy.learning.history import FILE_NAME

        self.ready()
        publish(self.make(work, on_progress), self.file)
        if (history := work / FILE_NAME).exists():  # a teacher that was taken has none
            publish(history, self.file.parent / FILE_NAME)

    def make(self, work: Path, on_progress: OnProgress) -> Path:
        """The teacher's file in its work folder, or where it was taken from."""
        from dna_deploy.training.teachers import make_teacher

        images = self.images
        if notice := self.config.epochs_notice(len(images.for_teacher.train)):
            on_progress(Progress("teacher", 0, 1, notice=notice))
        return make_teacher(
            self.resolved, images.fitting_space, images.for_teacher, work, on_progress=on_progress, compute=self.compute
        )
