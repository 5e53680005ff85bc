"""From a picture to what a network takes: whoever follows it, with the file alone, gets the accuracy of the card."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Literal

from pydantic import Field

from dna_deploy.records.files import Part, equal_to


class Shown(Part):
    """How the images of a data set became bytes, for pictures that are not opaque, or deeper than 8 bits."""

    background: tuple[int, int, int] = Field(description="red, green and blue behind transparent places")
    integers: tuple[float, float] | None = Field(
        None, description="black and white of deep whole numbers; none were seen: None"
    )
    floats: tuple[float, float] | None = Field(None, description="black and white of fractions; none were seen: None")


class Preprocessing(Part):
    """The whole recipe, step by step; sizes are height and width."""

    colours: Literal["RGB", "grey"] = Field(description="the order of the channels; one channel of luma where grey")
    orientation: Literal["upright"] = Field(default="upright", description="as EXIF says, before anything else is done")
    transparency: str = Field(
        default="before the background that the data set was read with, white unless another was given",
        description="what shows where a picture is transparent",
    )
    bits: int = Field(default=8, description="of a channel; deeper pictures are scaled by one range of the data set")
    shown: Shown | None = Field(
        None, exclude_if=equal_to(None), description="the background and the range, where they are known"
    )
    canvas: tuple[int, int] = Field(description="the largest centred part of the picture with this aspect is resized to this")
    interpolation: Literal["bilinear, antialiased"] = Field(
        default="bilinear, antialiased", description="as Pillow's Resampling.BILINEAR, on bytes"
    )
    crop: tuple[int, int] = Field(description="the centre of the canvas that is taken")
    mean: tuple[float, ...] = Field(description="taken from byte / 255, a number a channel")
    deviation: tuple[float, ...] = Field(description="what that is divided by")
    layout: str = Field(default="batch, channels, height, width", description="of the input, in single precision")

    def steps(self) -> Iterator[str]:
        """The recipe in words."""
        height, width = self.canvas
        yield f"Decode the picture to {self.colours}, {self.bits} bits a channel, turned {self.orientation} as its EXIF says;"
        behind = f"before #{bytes(self.shown.background).hex()}" if self.shown else self.transparency
        yield f"  transparent places {behind}."
        ranges = {"whole numbers": self.shown.integers, "fractions": self.shown.floats} if self.shown else {}
        for kind, ends in ranges.items():
            if ends is not None:
                yield f"  Of deep pictures, {kind} go from {ends[0]:g} (black) to {ends[1]:g} (white)."
        yield f"Take its largest centred part of {width}:{height} (width to height) and resize it to {width}x{height} pixels,"
        yield f"  {self.interpolation} (Pillow: ImageOps.fit(picture, ({width}, {height}), Image.Resampling.BILINEAR))."
        if self.crop != self.canvas:
            share = self.crop[0] / height
            yield f"Take the centre of {self.crop[1]}x{self.crop[0]} pixels (crop ratio {share:.3f})."
        mean, deviation = (", ".join(f"{value:.6g}" for value in values) for values in (self.mean, self.deviation))
        yield f"Of each channel: (byte / 255 - mean) / deviation, mean {mean}, deviation {deviation}."
        yield f"Order the values as ({self.layout}), in single precision."
