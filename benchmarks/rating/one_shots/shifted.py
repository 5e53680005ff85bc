"""GeNAS' further claims: flatness tells who is right about shifted images, and, ours, how much rounding to 8 bits costs."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TypeAlias

import numpy as np
import torch
from scipy.stats import spearmanr
from torchvision.transforms.functional import InterpolationMode, affine

from benchmarks.rating.one_shots.grounds import RESULTS, Ground, Values, training
from benchmarks.rating.one_shots.supernets import Bench, Numbers, about, estimate, number
from benchmarks.rows import kept_row
from dna_deploy.data.randomness import generator
from dna_deploy.export.checks.judge import Array
from dna_deploy.export.formats.onnx_graph import export_onnx
from dna_deploy.export.runtimes.onnx_runtime import CALIBRATION_IMAGES, judge, quantised
from dna_deploy.learning.tensor_file import TensorFile
from dna_deploy.nets.network import Network
from dna_deploy.rating.raters.genas.rater import Genas
from dna_deploy.spaces.architecture import Architecture
from dna_deploy.statistics.ranks import bootstrap, resamples, tau
from dna_deploy.training.config import WEIGHTS

NETWORKS, IMAGES, CHUNK = 12, 4_000, 500
TURN_DEGREES, MOVE_PIXELS, NOISE = 20, 2, 25
Shift: TypeAlias = Callable[[torch.Tensor, torch.Generator], torch.Tensor]
"""Images as bytes ``(batch, channels, height, width)`` to others."""


def _moved(images: torch.Tensor, angle: float, right: int, down: int) -> torch.Tensor:
    return affine(images, angle, [right, down], 1.0, [0.0], InterpolationMode.BILINEAR)


def turned(images: torch.Tensor, rng: torch.Generator) -> torch.Tensor:
    """Every other image to the left, the others to the right."""
    left, right = (_moved(images, angle, 0, 0) for angle in (-TURN_DEGREES, TURN_DEGREES))
    return torch.where(torch.rand(len(images), 1, 1, 1, generator=rng) < 0.5, left, right)


def moved(images: torch.Tensor, rng: torch.Generator) -> torch.Tensor:
    """A quarter of the images in each direction."""
    ways = [_moved(images, 0, *way) for way in ((MOVE_PIXELS, 0), (-MOVE_PIXELS, 0), (0, MOVE_PIXELS), (0, -MOVE_PIXELS))]
    return torch.stack(ways)[torch.randint(4, (len(images),), generator=rng), torch.arange(len(images))]


def noisy(images: torch.Tensor, rng: torch.Generator) -> torch.Tensor:
    """Normal noise of a tenth of the range."""
    return (images + NOISE * torch.randn(images.shape, generator=rng)).round().clamp(0, 255).to(torch.uint8)


SHIFTS: Mapping[str, Shift] = {"turned": turned, "moved": moved, "noisy": noisy}


@dataclass(frozen=True, eq=False)
class Trained:
    """A network trained alone, on images as they are, on shifted ones, and rounded to 8 bits."""

    ground: Ground
    architecture: Architecture
    work: Path

    def row(self) -> dict[str, object]:
        """Test accuracies in points."""
        shifted = {name: self._accuracy(self._answers, shift) for name, shift in SHIFTS.items()}
        with tempfile.TemporaryDirectory() as folder:
            plain, rounded = Path(folder) / "model.onnx", Path(folder) / "model.int8.onnx"
            plain.write_bytes(export_onnx(self.network, self.ground.space.inputs).SerializeToString())
            rounded.write_bytes(quantised(plain, self._feeds()).SerializeToString())
            answers = judge(rounded)
            int8 = self._accuracy(lambda images: torch.from_numpy(answers(images.numpy())))
        return {"plain": self._accuracy(self._answers), **shifted, "int8": int8}

    @cached_property
    def network(self) -> Network:
        """With the weights of its training, which is done where it was not."""
        network = Network(self.ground.space, self.architecture)
        _, folder = training(self.ground.space, self.architecture, self.ground, self.work)
        network.load_state_dict(dict(TensorFile.read(folder / WEIGHTS).tensors))
        return network.eval()

    @torch.no_grad()
    def _answers(self, images: torch.Tensor) -> torch.Tensor:
        answers: torch.Tensor = self.network(images)
        return answers

    def _accuracy(self, answers: Callable[[torch.Tensor], torch.Tensor], shift: Shift | None = None) -> float:
        split, right = self.ground.data.test, 0
        count = min(self.ground.scale.of(IMAGES, 64), len(split))
        for positions in torch.arange(count).split(CHUNK):
            images = split.images(positions)
            if shift is not None:
                images = shift(images, generator(0, "shifted", int(positions[0])))
            right += int((answers(self.ground.data.normalisation(images)).argmax(1) == split.labels(positions)).sum())
        return round(100 * right / count, 3)

    def _feeds(self) -> Iterator[dict[str, Array]]:
        positions = torch.arange(min(CALIBRATION_IMAGES, len(self.ground.data.train)))
        for image in self.ground.data.normalisation(self.ground.data.train.images(positions)):
            yield {"input": image[None].numpy()}


def genas(bench: Bench, gamma: float) -> Numbers:
    """Who is right about shifted images, accuracy with flatness or accuracy alone; and whether the slope tells of 8 bits."""
    ground, begun = bench.ground, time.process_time()
    networks = ground.networks[:: max(1, len(ground.networks) // NETWORKS)][:NETWORKS]
    kept = (bench.work if ground.scale.is_tiny else RESULTS) / "shifted.csv"
    rows = [kept_row(kept, str(network), Trained(ground, network, bench.work).row) for network in networks]
    rater = bench.rater("genas")
    assert isinstance(rater, Genas)
    opened = bench.opened(rater)
    scores = [rater.measure(opened, network) for network in networks]
    slope, accuracy = (np.array([score.further[place].value for score in scores]) for place in range(2))
    both = accuracy + gamma * np.array([score.value for score in scores]) / rater.work.config.noises[0]
    numbers = about(rater, ground, begun)
    drawn = resamples(np.zeros(len(networks)))
    for name in ("plain", *SHIFTS):
        truth = np.array([float(row[name]) for row in rows])
        numbers |= estimate(
            f"order by accuracy, {name}", bootstrap(lambda of, truth=truth: tau(accuracy[of], truth[of]), drawn)
        )
        numbers |= estimate(f"order by both, {name}", bootstrap(lambda of, truth=truth: tau(both[of], truth[of]), drawn))
        numbers[f"accuracy {name}"] = number(float(truth.mean()))
    lost = np.array([float(row["plain"]) - float(row["int8"]) for row in rows])
    return {
        **numbers,
        "lost by 8 bits": number(float(lost.mean())),
        **estimate("slope with lost by 8 bits", bootstrap(lambda of: _spearman(slope[of], lost[of]), drawn)),
    }


def _spearman(first: Values, second: Values) -> float:
    return float(spearmanr(first, second).statistic) if np.ptp(first) and np.ptp(second) else float("nan")
