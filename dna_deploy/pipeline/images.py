"""The images of a project: which, and how many each stage sees. They are loaded when somebody looks."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Protocol

from pydantic import Field

from dna_deploy.data.config import DataConfig
from dna_deploy.pipeline.runner import Computed
from dna_deploy.progress import OnProgress, Progress, silent
from dna_deploy.spaces.chain import ChainSpace, HeadedSpace, with_usual_head
from dna_deploy.spaces.space import SearchSpace

if TYPE_CHECKING:
    from dna_deploy.data.image_set import Dataset
    from dna_deploy.data.splits import ImageData
    from dna_deploy.data.survey import Survey


USUAL_IMAGES = 60_000
"""For an estimate before anybody has looked: as many as Fashion-MNIST has."""


class ImagesConfig(DataConfig):
    """How many images every stage sees. Those held out are the same for all."""

    train_images: int | None = Field(None, gt=0, description="images for the final training, at most; by default all")
    teacher_images: int | None = Field(20_000, gt=0, description="images that a teacher is trained on, at most")
    supernet_images: int | None = Field(12_000, gt=0, description="images that supernets are trained on, at most")


class SpaceSource(Protocol):
    """Where the space of a stage comes from. Only ``space`` costs nothing."""

    @property
    def space(self) -> SearchSpace:
        """As the catalog has it."""

    @property
    def fitting_space(self) -> SearchSpace:
        """With a head for the classes of the images."""

    @property
    def space_input(self) -> str | Computed:
        """The digest of the fitting space, as an input of stages."""


@dataclass(frozen=True)
class CatalogSpace:
    """A space for which there are no images: its networks have their usual head, unless it has another already."""

    space: SearchSpace

    @property
    def fitting_space(self) -> SearchSpace:
        return with_usual_head(self.space)

    @property
    def space_input(self) -> str:
        return self.space.digest


@dataclass(frozen=True)
class ProjectImages:
    """A data set for networks of a space, in all the sizes that stages want."""

    config: ImagesConfig
    space: ChainSpace
    task: str = "classification"

    @property
    def settings(self) -> str:
        """What the images depend on, as far as settings and names of files say it."""
        files = "" if self.survey is None else f" {self.survey.look}"
        return f"{self.space.name} {self.config.model_dump_json()}{files}"

    @cached_property
    def _listed(self) -> Survey | None:
        from dna_deploy.data.catalog import folder_of
        from dna_deploy.data.survey import survey

        folder, is_shards = folder_of(self.config.dataset, self.config.folder)
        return None if folder is None else survey(folder, is_shards=is_shards, needs_classes=self.config.needs_classes)

    @cached_property
    def survey(self) -> Survey | None:
        """What names of files alone say of a folder of images; None for data sets that have a name of their own.

        Raises:
            UsageError: a run would refuse the folder, too.
        """
        if (listed := self._listed) is not None:
            listed.check_parts()
            listed.check_division()
            total = len(listed.training) + len(listed.validation)
            config = self.config.model_copy(update={"train_images": None})  # those are the most that are taken
            name = listed.listing.root.resolve().name
            config.held_out(name, total, len(listed.validation), len(listed.listing.classes))
        return listed

    @property
    def space_input(self) -> Computed:
        return Computed(self.settings, lambda: self.fitting_space.identity)

    def digest_input(self, most: int | None) -> Computed:
        """The digest of so many training images and of those held out, as an input of stages."""
        return Computed(f"{self.settings} {most}", lambda: self.up_to(most).digest)

    def count(self, most: int | None) -> int:
        """How many images a training sees; as long as they are not loaded, how many it would like to see."""
        if "whole" in self.__dict__:
            return len(self.up_to(most).train)
        available = USUAL_IMAGES if self.survey is None else len(self.survey.training)
        return min(most or available, available)

    def tell(self, on_progress: OnProgress) -> None:
        """Loads and checks the images, before anything that takes long, and says what was read, what not, and why."""
        if "whole" not in self.__dict__:
            self.__dict__["whole"] = self._load(on_progress)
        data = self.for_training
        for line in (data.summary, *data.notices):
            on_progress(Progress("checking images", 1, 1, notice=line))

    @cached_property
    def whole(self) -> Dataset:
        """All images, undivided; no pixels yet where they come from files of their own."""
        return self._load(silent)

    def _load(self, on_progress: OnProgress) -> Dataset:
        from dna_deploy.data.catalog import load_dataset

        config = self.config
        place = (config.dataset, config.folder)
        return load_dataset(*place, self.space.input, config, surveyed=self._listed, on_progress=on_progress)

    @cached_property
    def fitting_space(self) -> HeadedSpace:
        """The networks of the space with the head of the task for the classes of the images."""
        from dna_deploy.tasks import load_task

        return self.space.with_head(load_task(self.task).head(self.space, len(self.whole.classes)))

    @property
    def for_training(self) -> ImageData:
        """For the network that search chose."""
        return self.up_to(self.config.train_images)

    @property
    def for_teacher(self) -> ImageData:
        """For a teacher."""
        return self.up_to(self.config.teacher_images)

    @property
    def for_supernets(self) -> ImageData:
        """For supernets, and for rating candidates with them."""
        return self.up_to(self.config.supernet_images)

    @cached_property
    def _divided(self) -> dict[int | None, ImageData]:
        return {}

    def up_to(self, most: int | None) -> ImageData:
        """With so many training images at most; those held out are the same."""
        from dna_deploy.data.splits import divide_up_to

        if most not in self._divided:
            values = {name: getattr(self.config, name) for name in DataConfig.model_fields}
            self._divided[most] = divide_up_to(self.whole, DataConfig(**values), most)
        return self._divided[most]
