"""Which images, how they are read, and how many serve for what."""

from __future__ import annotations

from pathlib import Path

from pydantic import Field

from dna_deploy.errors import UsageError
from dna_deploy.records.files import Part, equal_to

MOST_MEGAPIXELS = 250.0


class Reading(Part):
    """How image files of a folder or of shards become pixels, and what is done about those that cannot be read."""

    skip_broken: bool = Field(False, description="leave out images that cannot be read, instead of refusing the data set")
    background: str = Field("white", description="what shows through transparent images: a colour's name, or #rrggbb")
    most_megapixels: float = Field(
        MOST_MEGAPIXELS, gt=0, description="larger images are refused: they may be made to fill memory"
    )
    needs_classes: bool = Field(
        True, exclude_if=equal_to(True), description="whether images without folders of classes are refused"
    )


class DataConfig(Reading):
    """Which images, and how they are divided."""

    dataset: str = Field("fashion-mnist", description="a data set by name, or a folder with one folder of images a class")
    folder: Path | None = Field(None, description="where a named data set lies, if not in one of the usual places")
    train_images: int | None = Field(None, gt=0, description="images to train on; None takes all that remain")
    rating_images: int | None = Field(
        None, gt=0, description="held-out training images on which candidates are rated; by default a tenth, at most 2000"
    )
    validation_images: int | None = Field(
        None, gt=0, description="held-out training images that choose the best epoch; by default a tenth, at most 2000"
    )
    seed: int = Field(0, ge=0)

    def held_out(self, name: str, total: int, meant: int, classes: int) -> tuple[int, int]:
        """How many of ``total`` training images rate, and how many validate; ``meant`` of them do nothing but validate.

        Raises:
            UsageError: there are fewer.
        """
        few = max(1, min(2000, (total - meant) // 10), min(classes, (total - meant) // 3))
        rating, validation = self.rating_images or few, self.validation_images or min(meant, 2000) or few
        if rating >= total - (meant or validation) or 0 < meant < validation:
            raise self.too_few(name, total, meant, rating, validation)
        return rating, validation

    def too_few(self, name: str, total: int, meant: int, rating: int, validation: int) -> UsageError:
        """What is said where there are fewer images than are asked for."""
        train = self.train_images or 1
        images = f"{total - meant} training and {meant} validation images" if meant else f"{total} training images"
        parts = f"{train} train, {rating} rating, {validation} validation"
        return UsageError(f"{name} has {images}; {train + rating + validation} are asked for ({parts})", "ask for fewer")
