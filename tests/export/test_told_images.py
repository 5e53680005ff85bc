"""What a card tells of the images of a folder: the background, the range of deep ones, and how many were left out."""

from __future__ import annotations

import numpy as np
import onnx
import pytest
from PIL import Image

from dna_deploy.data.config import DataConfig
from dna_deploy.data.splits import load_data
from dna_deploy.export.cards.card_text import card_markdown
from dna_deploy.export.cards.metadata import ModelInfo
from dna_deploy.export.delivery import Delivery, deliver
from dna_deploy.export.runtimes.onnx_runtime import read_notes
from dna_deploy.export.source import source_of_trained
from dna_deploy.records.model_card import Absent
from dna_deploy.records.preprocessing import Preprocessing
from dna_deploy.spaces.catalog import find_chain
from dna_deploy.training.config import TrainingConfig
from dna_deploy.training.network import train_architecture
from dna_deploy.training.recipe import Recipe
from tests.data.inputs.pictures import see_through
from tests.data.made import class_folders

CHAIN = find_chain("fashion")


@pytest.fixture(scope="module")
def delivered(tmp_path_factory: pytest.TempPathFactory) -> Delivery:
    """A network of a folder with an icon, a picture of twelve bits and a broken file, exported with pre-processing."""
    folder = tmp_path_factory.mktemp("told")
    photos = class_folders(folder / "photos", "cat", "dog")
    (photos / "cat" / "broken.png").write_bytes(b"<html>")
    (photos / "dog" / "icon.png").write_bytes(see_through("RGBA"))
    deep = np.linspace(0, 4000, 28 * 28).reshape(28, 28).astype(np.uint16)
    Image.fromarray(deep).save(photos / "dog" / "deep.png")
    space = CHAIN.with_head(CHAIN.head_for(2))
    config = DataConfig(dataset=str(photos), skip_broken=True, background="#0a141e")
    data = load_data(config, space.input)
    recipe = TrainingConfig(recipe=Recipe(epochs=1, batch=8))
    trained = train_architecture(space, space.parse("24:k3e1/40:k3e1/80:k3e1"), data, recipe, folder / "trained")
    return deliver(source_of_trained(trained, folder / "trained"), folder / "model", formats=("onnx-pictures",), data=data)


def test_card_and_file_state_background_and_range_as_values(delivered: Delivery) -> None:
    info = ModelInfo.parse(read_notes(delivered.model), "model")
    assert info is not None
    for recipe in (info.preprocessing, delivered.card.preprocessing):
        assert isinstance(recipe, Preprocessing)
        assert recipe.shown is not None
        assert recipe.shown.background == (10, 20, 30)
        assert recipe.shown.integers == (0.0, 4095.0)
        assert recipe.shown.floats is None
    text = card_markdown(delivered.card)
    assert "transparent places before #0a141e." in text
    assert "whole numbers go from 0 (black) to 4095 (white)" in text


def test_the_card_counts_images_that_were_left_out(delivered: Delivery) -> None:
    dataset = delivered.card.dataset
    assert not isinstance(dataset, Absent)
    assert dataset.splits["skipped"] == 1
    assert "skipped 1 image" in card_markdown(delivered.card)


def test_the_input_for_pictures_says_that_they_are_to_be_upright_and_opaque(delivered: Delivery) -> None:
    (path,) = delivered.model.parent.glob("*.pictures.onnx")
    text = onnx.load(path).graph.input[0].doc_string
    for word in ("Bytes, channels last", "upright and opaque", "EXIF", "transparency"):
        assert word in text
