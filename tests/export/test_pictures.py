"""Files with pre- and post-processing inside do with pictures what Pillow and torch do."""

from __future__ import annotations

from contextlib import nullcontext
from pathlib import Path

import numpy as np
import onnxruntime
import pytest
import torch
from PIL import Image
from safetensors.torch import save_file
from torch import nn

from dna_deploy.data.config import DataConfig
from dna_deploy.data.decoding import fitted
from dna_deploy.data.image_set import Dataset, Normalisation, StoredImages
from dna_deploy.data.splits import ImageData, divide
from dna_deploy.errors import ParityError, UsageError
from dna_deploy.export.cards.metadata import ModelInfo
from dna_deploy.export.checks import picture_parity
from dna_deploy.export.checks.parity import Limits
from dna_deploy.export.delivery import deliver
from dna_deploy.export.formats.picture_size import PictureSize
from dna_deploy.export.runtimes.onnx_runtime import read_notes
from dna_deploy.export.source import Source
from dna_deploy.nets.network import Network
from dna_deploy.records.model_card import Parity
from dna_deploy.tasks.classification import Classification
from tests.spaces.chains import PHOTOS


def photos(count: int = 24) -> ImageData:
    """Smooth coloured pictures, as photographs are; the class is the strongest colour."""
    rng = np.random.default_rng(0)
    pictures, classes = [], []
    for number in range(count):
        small = rng.integers(0, 120, (5, 4, 3), dtype=np.uint8)
        small[:, :, number % 3] += 120
        smooth = Image.fromarray(small).resize((64, 64), Image.Resampling.BICUBIC)
        pictures.append(np.asarray(smooth).transpose(2, 0, 1))
        classes.append(number % 3)
    stored = StoredImages(np.stack(pictures), np.array(classes))
    normal = Normalisation((0.4, 0.5, 0.6), (0.2, 0.25, 0.3))
    dataset = Dataset("photos", stored.digest, PHOTOS.input, ("red", "green", "blue"), normal, stored, stored)
    return divide(dataset, DataConfig(rating_images=4, validation_images=4))


def source(folder: Path, data: ImageData) -> Source:
    """A network whose batch norms saw the pictures, so that its answers differ."""
    architecture = next(PHOTOS.architectures())
    torch.manual_seed(0)
    network = Network(PHOTOS, architecture).train()
    with torch.no_grad():
        for _ in range(30):
            network(data.normalisation(data.test.images(torch.arange(len(data.test)))))
        network.head[0].classifier.weight.mul_(4)  # type: ignore[index, union-attr, operator]
    save_file(network.state_dict(), folder / "w.safetensors")
    labelled = Source(PHOTOS, architecture, folder / "w.safetensors")
    return labelled.with_labels(data.classes, data.normalisation.mean, data.normalisation.deviation)


@pytest.mark.slow
@pytest.mark.parametrize(("size", "batch"), [("any", None), ("96x150", 1), ("40x64", 2)])
def test_pictures_give_the_probabilities_that_pillow_and_torch_give(tmp_path: Path, size: str, batch: int | None) -> None:
    data = photos()
    formats = ("onnx-pictures", "openvino-pictures")
    done = deliver(
        source(tmp_path, data), tmp_path / "out", formats=formats, data=data, batch=batch, pictures=PictureSize.parse(size)
    )
    for one in done.others:
        assert isinstance(one.card.parity, Parity)
        assert "as pictures of" in one.card.parity.source
        for judge in one.card.parity.judges:
            assert judge.mean_absolute_error < 0.01, judge
            assert judge.agreement == 1
    onnx_file = done.others[0].model
    session = onnxruntime.InferenceSession(str(onnx_file), providers=["CPUExecutionProvider"])
    (input,) = session.get_inputs()
    assert input.type == "tensor(uint8)"
    height, width = (96, 150) if size == "any" else map(int, size.split("x"))
    picture = np.zeros((batch or 3, height, width, 3), np.uint8)
    (probabilities,) = session.run(None, {input.name: picture})
    assert probabilities.sum(1) == pytest.approx(1)
    info = ModelInfo.parse(read_notes(onnx_file), "model")
    assert info is not None
    assert (info.labels, info.pictures) == (("red", "green", "blue"), "any size" if size == "any" else size)


@pytest.mark.slow
def test_pictures_beyond_the_limits_leave_no_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    data = photos()
    monkeypatch.setattr(picture_parity, "LIMITS", Limits(relative_error=-1.0, agreement=1.0, loss=0.0))
    delivery = deliver(source(tmp_path, data), tmp_path / "out", formats=("onnx-pictures",), data=data)
    (refused,) = delivery.refused
    assert "model.pictures.onnx under onnxruntime" in str(refused.error)
    assert isinstance(refused.error, ParityError)
    assert delivery.model.exists()
    assert not list((tmp_path / "out").glob("*pictures*"))


class Constant(nn.Module):
    """Says the same of every picture."""

    def __init__(self, *outputs: float) -> None:
        super().__init__()
        self.outputs = nn.Parameter(torch.tensor(outputs))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.outputs.expand(len(x), -1)


class Amount(Classification):
    """Outputs are taken as they are."""

    activation = "identity"


@pytest.mark.parametrize(("off", "is_refused"), [(0.5, False), (5.0, True)])
def test_outputs_below_zero_are_judged_by_their_size(monkeypatch: pytest.MonkeyPatch, off: float, is_refused: bool) -> None:
    said = np.array([[-20.0, -10.0, -30.0 - off]], np.float32)
    monkeypatch.setattr(picture_parity, "open_judges", lambda names, path: ({"onnxruntime": lambda pixels: said}, {}))
    network, size = Constant(-20.0, -10.0, -30.0), PictureSize()
    with pytest.raises(ParityError, match="differ by up to 5") if is_refused else nullcontext():
        parity = picture_parity.check_pictures(network, Path("model.onnx"), photos(), Amount(), size, ("onnxruntime",))
        assert parity.largest_score == 30


def test_without_a_normalisation_there_is_nothing_to_put_inside(tmp_path: Path) -> None:
    delivery = deliver(Source(PHOTOS, next(PHOTOS.architectures())), tmp_path / "out", formats=("onnx-pictures",))
    (refused,) = delivery.refused
    assert isinstance(refused.error, UsageError)
    assert "how training images were normalised" in str(refused.error)
    assert "--dataset" in refused.error.hint


@pytest.mark.parametrize("text", ["0x10", "480", "x", "any size", "480X640", "-1x5"])
def test_sizes_that_are_none_are_refused(text: str) -> None:
    with pytest.raises(UsageError, match="picture size") as caught:
        PictureSize.parse(text)
    assert "480x640" in caught.value.hint


@pytest.mark.parametrize("size", [(30, 90), (64, 64), (201, 100)])
def test_the_reference_shows_the_middle_of_a_picture(size: tuple[int, int]) -> None:
    height, width = size
    picture = np.zeros((height, width, 3), np.uint8)
    picture[:, width // 2 :] = 255
    seen = fitted(Image.fromarray(picture), PHOTOS.input)
    assert seen.shape == (3, 64, 64)
    assert seen[:, :, :28].max() == 0
    assert seen[:, :, 36:].min() == 255
