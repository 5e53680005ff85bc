"""Whether a file with pre-processing inside does what Pillow and torch do with the same pictures."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import cycle
from pathlib import Path
from typing import assert_never

import numpy as np
import torch
from PIL import Image
from torch import nn

from dna_deploy.data.decoding import fitted
from dna_deploy.data.splits import ImageData
from dna_deploy.export.checks.judge import Array
from dna_deploy.export.checks.parity import SLOW_JUDGES, Limits, Tally, check_limits, open_judges, verdict
from dna_deploy.export.formats.normalised import spread_positions
from dna_deploy.export.formats.picture_size import PictureSize
from dna_deploy.records.model_card import Parity
from dna_deploy.tasks.task import Activation, Task

PICTURES = 200
"""How many are compared: they come one by one, since they may differ in size."""

LIMITS = Limits(relative_error=0.15, agreement=0.97, loss=0.02)
"""Of probabilities. Crops at whole pixels and another rounding move bytes by a few levels, which flips close decisions."""

_STRETCHES = ((1.0, 1.0), (1.0, 1.5), (2.0, 1.25), (3.0, 3.0))
"""Heights and widths of the pictures, relative to what the network takes, where any size will do."""


def activated(outputs: torch.Tensor, activation: Activation) -> torch.Tensor:
    """What the files with pre-processing give for a network's outputs."""
    match activation:
        case "softmax":
            return outputs.softmax(1)
        case "sigmoid":
            return outputs.sigmoid()
        case "identity":
            return outputs
        case _:
            assert_never(activation)


def check_pictures(
    network: nn.Module, path: Path, data: ImageData, task: Task, size: PictureSize, judges: Sequence[str], count: int = PICTURES
) -> Parity:
    """Compares probabilities on test images, which are stretched first to sizes that the file takes.

    Raises:
        ParityError: a judge is beyond the limits.
    """
    opened, absent = open_judges(judges, path)
    restored = torch.logit if task.activation == "sigmoid" else torch.Tensor.clone
    own, tallies = Tally(task, restored), {name: Tally(task, restored) for name in opened}
    count, largest = min(count, len(data.test)), 0.0
    for number, (picture, truth) in enumerate(_pictures(data, size, count)):
        reference = _torch_probabilities(network, picture, data, task)
        own.add(reference, reference, truth)
        largest = max(largest, float(np.abs(reference).max()))
        for name, judge in opened.items():
            if number < SLOW_JUDGES.get(name, count):
                tallies[name].add(judge(_as_array(picture)), reference, truth)
    parity = Parity(
        precision="fp32",
        source=f"{count} of {len(data.test):,} test images of {data.name} as pictures of {size}",
        largest_score=largest,
        metrics=own.metrics,
        judges=tuple(verdict(name, tally) for name, tally in tallies.items()),
        absent_judges=absent,
    )
    check_limits(parity, path.name, LIMITS)
    return parity


def _pictures(data: ImageData, size: PictureSize, count: int) -> Iterator[tuple[Image.Image, Array]]:
    for position, (rows, columns) in zip(spread_positions(data.test, count)[:, None], cycle(_STRETCHES), strict=False):
        channels_last = data.test.images(position)[0].permute(1, 2, 0).numpy()
        picture = Image.fromarray(channels_last[:, :, 0] if channels_last.shape[2] == 1 else channels_last)
        height = size.height or round(rows * picture.height)
        width = size.width or round(columns * picture.width)
        yield picture.resize((width, height), Image.Resampling.BICUBIC), data.test.labels(position).numpy()


def _as_array(picture: Image.Image) -> Array:
    """Unsigned bytes ``(1, height, width, channels)``."""
    pixels = np.asarray(picture)
    return pixels.reshape(1, *pixels.shape[:2], -1)


@torch.inference_mode()
def _torch_probabilities(network: nn.Module, picture: Image.Image, data: ImageData, task: Task) -> Array:
    pixels = torch.from_numpy(fitted(picture, data.shape).copy())[None]  # Pillow lends grey pixels for reading only
    device = next(network.parameters()).device
    outputs = network.eval()(data.normalisation(pixels).to(device))
    return np.asarray(activated(outputs, task.activation).cpu().numpy())
