"""What a data set must keep, so that ratings and accuracies on it can be repeated. Torch comes late."""

from __future__ import annotations

from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from dna_deploy.contracts.tiny import is_refused
from dna_deploy.errors import DnaDeployError
from dna_deploy.spaces.shapes import FeatureMap

if TYPE_CHECKING:
    import torch

    from dna_deploy.data.image_set import Dataset, ImageSet

_FEW = 16


class DatasetContract:
    """Inherit it; give the name of a data set, the shape of its images, and the folder where it needs one."""

    name: str
    shape: FeatureMap
    folder: Path | None = None

    @cached_property
    def dataset(self) -> Dataset:
        """The data set as ``--dataset`` finds it."""
        return self._loaded(self.shape)

    def test_it_has_images_to_train_on_and_others_to_test_on(self) -> None:
        assert self.dataset.shape == self.shape, f"it says {self.dataset.shape}"
        assert len(self.dataset.training) > 0, "there are no training images"
        assert len(self.dataset.test) > 0, "there are no test images"

    def test_images_are_bytes_of_the_shape_that_was_asked_for(self) -> None:
        import torch

        for part in self._parts():
            images = part.images(_first(part))
            said = (min(_FEW, len(part)), self.shape.channels, self.shape.height, self.shape.width)
            assert tuple(images.shape) == said, f"images are {tuple(images.shape)}, not {said}"
            assert images.dtype == torch.uint8, f"images are {images.dtype}"

    def test_labels_are_numbers_of_its_classes(self) -> None:
        import torch

        names = self.dataset.classes
        assert len(set(names)) == len(names) > 1, f"two classes of one name, or one class alone: {names}"
        for part in self._parts():
            labels = part.labels(torch.arange(len(part)))
            assert labels.dtype == torch.int64, f"labels are {labels.dtype}"
            assert int(labels.min()) >= 0, "a label is negative"
            assert int(labels.max()) < len(names), f"label {int(labels.max())} of {len(names)} classes"

    def test_an_index_means_the_same_image_in_any_order(self) -> None:
        import torch

        for part in self._parts():
            forwards, backwards = _first(part), _first(part).flip(0)
            assert torch.equal(part.images(forwards), part.images(backwards).flip(0)), "images depend on how they are asked for"
            assert torch.equal(part.labels(forwards), part.labels(backwards).flip(0)), "labels depend on how they are asked for"

    def test_loaded_again_it_is_the_same(self) -> None:
        import torch

        again = self._loaded(self.shape)
        assert again.digest == self.dataset.digest, "the digest changes from one load to the next"
        for before, now in ((self.dataset.training, again.training), (self.dataset.test, again.test)):
            assert len(before) == len(now), "the number of images changes"
            assert torch.equal(before.images(_first(before)), now.images(_first(now))), "the order of images changes"

    def test_normalisation_has_a_number_a_channel(self) -> None:
        mean, deviation = self.dataset.normalisation.mean, self.dataset.normalisation.deviation
        assert len(mean) == len(deviation) == self.shape.channels, f"{len(mean)} numbers for {self.shape.channels} channels"
        assert min(deviation) > 0, f"a deviation is not positive: {deviation}"

    def test_another_size_is_kept_to_or_refused(self) -> None:
        other = FeatureMap(self.shape.channels, self.shape.height + 4, self.shape.width + 4)
        if not is_refused(lambda: self._loaded(other), DnaDeployError):
            images = self._loaded(other).test.images(_first(self.dataset.test))
            assert tuple(images.shape[1:]) == (other.channels, other.height, other.width), "it ignores the size of the space"

    def _loaded(self, shape: FeatureMap) -> Dataset:
        from dna_deploy.data.catalog import load_dataset

        return load_dataset(self.name, self.folder, shape)

    def _parts(self) -> tuple[ImageSet, ImageSet]:
        return self.dataset.training, self.dataset.test


def _first(part: ImageSet) -> torch.Tensor:
    import torch

    return torch.arange(min(_FEW, len(part)))
