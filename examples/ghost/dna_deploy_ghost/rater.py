"""Neural Architecture Search without Training (Mellor et al., ICML 2021, arXiv 2006.04647): a rater that trains nothing.

An untrained network is the better, the less alike its activations are for different images: the score is the logarithm of the
determinant of the kernel that counts, for every two images, the activations that are positive for both or for none.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import torch
from pydantic import Field
from torch import nn

from dna_deploy.api import Architecture, Needs, Network, OnProgress, Part, Progress, RatingWork, Score, ScoreKind, silent

ACTIVATIONS = (nn.ReLU, nn.ReLU6, nn.Hardswish, nn.SiLU)


class NaswotConfig(Part):
    """Settings of the kernel."""

    batch: int = Field(32, ge=2, description="images that are told apart")
    repeats: int = Field(3, ge=2, description="random weights, over which the score is the mean")
    seed: int = Field(0, ge=0, description="of the weights")


@dataclass(frozen=True)
class Naswot:
    """Rates by the activations of untrained networks."""

    work: RatingWork[NaswotConfig, None]
    config: ClassVar[type[Part]] = NaswotConfig
    needs: ClassVar[Needs] = Needs()
    folder_name: ClassVar[str] = "naswot"

    def train(self, on_progress: OnProgress = silent) -> None:
        self.work.write_run()

    def score(self, networks: Sequence[Architecture], on_progress: OnProgress = silent) -> tuple[Score, ...]:
        self.train()
        data, batch = self.work.data, min(self.work.config.batch, len(self.work.data.rating))
        images, scores = data.normalisation(data.rating.images(torch.arange(batch))), list[Score]()
        for number, network in enumerate(networks, 1):
            self.work.space.check(network)
            seeds = range(self.work.config.seed, self.work.config.seed + self.work.config.repeats)
            values = torch.stack([self._kernel(network, images, seed).logdet() for seed in seeds])
            error = float(values.std()) / len(values) ** 0.5
            scores.append(Score(value=float(values.mean()), standard_error=error, kind=ScoreKind(name="kernel", decimals=1)))
            on_progress(Progress("untrained networks", number, len(networks)))
        return tuple(scores)

    @torch.no_grad()
    def _kernel(self, network: Architecture, images: torch.Tensor, seed: int) -> torch.Tensor:
        """How many activations are alike, ``(images, images)``, 64-bit."""
        kernel = 1e-3 * torch.eye(len(images), dtype=torch.float64)  # two images may be alike in everything

        def count(module: nn.Module, inputs: Any, output: torch.Tensor) -> None:
            signs = (output > 0).flatten(1).double() * 2 - 1
            kernel.add_((signs @ signs.T + signs.shape[1]) / 2)

        with torch.random.fork_rng(), self.work.compute.limited_threads():
            torch.manual_seed(seed)
            untrained = Network(self.work.space.with_head(), network).train()
            for module in filter(lambda module: isinstance(module, ACTIVATIONS), untrained.modules()):
                module.register_forward_hook(count)
            untrained(images)
        return kernel
