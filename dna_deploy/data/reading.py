"""How image files become pixels, and what is done about those that cannot be read: the keys of a user."""

from __future__ import annotations

from PIL import ImageColor
from pydantic import Field

from dna_deploy.errors import UsageError
from dna_deploy.records.files import Part


class Reading(Part):
    """Of folders and shards; data sets that have a name of their own need no reading."""

    skip_broken: bool = Field(False, description="leave out images that cannot be read, instead of refusing the data set")
    background: str = Field("white", description="what shows through transparent images: a colour's name, or #rrggbb")
    most_megapixels: float = Field(250.0, gt=0, description="larger images are refused: they may be made to fill memory")

    @property
    def colour(self) -> tuple[int, int, int]:
        """The background, red, green and blue.

        Raises:
            UsageError: there is no such colour.
        """
        try:
            red, green, blue, *_ = ImageColor.getrgb(self.background)
        except ValueError:
            raise UsageError(f"there is no colour {self.background!r}", "name one such as black, or write #rrggbb") from None
        return red, green, blue
