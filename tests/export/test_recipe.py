"""Whoever follows the recipe of a card with Pillow alone feeds the network what the data sets do."""

from __future__ import annotations

import io
import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageOps

from dna_deploy.data.decoding import decode
from dna_deploy.export.cards.card_text import card_markdown
from dna_deploy.export.cards.metadata import PREFIX, ModelInfo
from dna_deploy.export.delivery import deliver
from dna_deploy.export.formats.model_file import recipe_of
from dna_deploy.export.runtimes.onnx_runtime import read_notes
from dna_deploy.export.source import Source
from dna_deploy.records.model_card import ModelCard
from dna_deploy.records.preprocessing import Preprocessing
from dna_deploy.spaces.shapes import FeatureMap
from tests.export.networks import tiny
from tests.spaces.chains import FASHION


class Encoded:
    """A picture in a file that lies in memory."""

    def __init__(self, height: int, width: int, mode: str) -> None:
        pixels = np.random.default_rng(0).integers(0, 256, (height // 4, width // 4, 3), dtype=np.uint8)
        buffer = io.BytesIO()
        Image.fromarray(pixels).resize((width, height)).convert(mode).save(buffer, "PNG")
        self._content = buffer.getvalue()

    def read_bytes(self) -> bytes:
        return self._content


def followed(recipe: Preprocessing, content: bytes) -> np.ndarray:
    """The steps of a recipe, done by hand."""
    picture = Image.open(io.BytesIO(content)).convert({"RGB": "RGB", "grey": "L"}[recipe.colours])
    (height, width), (rows, columns) = recipe.canvas, recipe.crop
    canvas = ImageOps.fit(picture, (width, height), Image.Resampling.BILINEAR)
    left, top = (width - columns) // 2, (height - rows) // 2
    pixels = np.asarray(canvas.crop((left, top, left + columns, top + rows))).reshape(rows, columns, -1)
    return ((pixels / 255 - recipe.mean) / recipe.deviation).transpose(2, 0, 1)


@pytest.mark.parametrize(("height", "width", "mode"), [(300, 420, "RGB"), (96, 96, "RGB"), (310, 250, "L"), (40, 64, "L")])
@pytest.mark.parametrize("sizes", [(3, 224, 224), (3, 96, 128), (1, 28, 28), (1, 64, 64)])
def test_the_recipe_is_what_the_data_sets_do(height: int, width: int, mode: str, sizes: tuple[int, int, int]) -> None:
    shape = FeatureMap(*sizes)
    mean, deviation = ((0.485, 0.456, 0.406), (0.229, 0.224, 0.225)) if shape.channels == 3 else ((0.3,), (0.4,))
    file, recipe = Encoded(height, width, mode), recipe_of(shape, mean, deviation)
    assert recipe is not None
    shown = decode(file, shape).astype(float)
    expected = (shown / 255 - np.reshape(mean, (-1, 1, 1))) / np.reshape(deviation, (-1, 1, 1))
    np.testing.assert_allclose(followed(recipe, file.read_bytes()), expected, atol=1e-9)


@pytest.mark.slow
def test_file_and_card_state_the_whole_recipe(tmp_path: Path) -> None:
    source = Source(FASHION, tiny(), labels=tuple("abcdefghij"), mean=(0.3,), deviation=(0.4,))
    done = deliver(source, tmp_path / "out", formats=("onnx-fp16", "openvino"))
    notes = read_notes(done.model)
    info = ModelInfo.parse(notes, "model")
    assert info is not None
    recipe = recipe_of(FASHION.input, (0.3,), (0.4,))
    assert info.preprocessing == recipe == ModelCard.read(done.card_file).preprocessing
    assert json.loads(notes[PREFIX + "preprocessing"])["interpolation"] == "bilinear, antialiased"
    assert all(other.card.preprocessing == recipe for other in done.others)
    text = card_markdown(done.card)
    for fact in ("grey", "28x28", "bilinear, antialiased", "mean 0.3, deviation 0.4", "batch, channels, height, width"):
        assert fact in text.split("## Pre-processing")[1]


def test_colour_order_crop_ratio_and_canvas_are_said_in_words() -> None:
    recipe = recipe_of(FeatureMap(3, 224, 224), (0.5,) * 3, (0.25,) * 3)
    assert recipe is not None
    words = " ".join(recipe.steps())
    for fact in ("RGB", "256x256 pixels", "224x224 pixels (crop ratio 0.875)", "mean 0.5, 0.5, 0.5"):
        assert fact in words
    assert recipe_of(FeatureMap(3, 224, 224), (), ()) is None
