"""How much more accurate one network is than another: counted on the same images, so that luck with images cancels."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import nn

from dna_deploy.data.batches import in_order
from dna_deploy.data.splits import ImageData, Split


@dataclass(frozen=True)
class Gain:
    """The difference of two accuracies, a share, and its standard error over images."""

    value: float
    standard_error: float

    def exceeds(self, margin: float) -> bool:
        """Whether it is a gain of more than ``margin`` standard errors."""
        return self.value > margin * self.standard_error


@torch.no_grad()
def right_answers(network: nn.Module, split: Split, data: ImageData, device: str = "cpu", batch: int = 250) -> torch.Tensor:
    """For every image of a split whether ``network``, in inference mode, finds its class: ``(images,)``."""
    was_training = network.training
    network.to(device).eval()
    found = [network(images.inputs).argmax(1) == images.labels() for images in in_order(split, data, batch, device)]
    network.train(was_training)
    return torch.cat(found).cpu()


def gain_of(after: torch.Tensor, before: torch.Tensor) -> Gain:
    """What the answers ``after`` gain over those ``before`` on the same images."""
    differences = after.double() - before.double()
    error = float(differences.std()) / len(differences) ** 0.5 if len(differences) > 1 else 0.0
    return Gain(float(differences.mean()), error)
