"""What the data sets do to a picture (`dna_deploy.data.decoding`), as exported files and their cards state it."""

from __future__ import annotations

from collections.abc import Sequence

from dna_deploy.data.decoding import canvas_of
from dna_deploy.records.preprocessing import Preprocessing
from dna_deploy.spaces.shapes import FeatureMap


def recipe_of(shape: FeatureMap, mean: Sequence[float], deviation: Sequence[float]) -> Preprocessing | None:
    """The recipe for pictures of a shape; None where nothing says how they were normalised."""
    if not mean:
        return None
    return Preprocessing(
        colours="grey" if shape.channels == 1 else "RGB",
        canvas=canvas_of(shape),
        crop=(shape.height, shape.width),
        mean=tuple(mean),
        deviation=tuple(deviation),
    )
