"""How good a network is on some images, and how much more often than another it is right."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import nn

from dna_deploy.data.batches import in_order
from dna_deploy.data.splits import ImageData, Split
from dna_deploy.records.score import ACCURACY, Metric, Metrics, share
from dna_deploy.tasks.task import Task

_BATCH = 250


@torch.no_grad()
def outputs_on(network: nn.Module, split: Split, data: ImageData, device: str = "cpu") -> tuple[torch.Tensor, torch.Tensor]:
    """What ``network`` gives in inference mode for every image of a split, and their labels; both on the CPU."""
    was_training = network.training
    network.to(device).eval()
    pairs = [(network(images.inputs).float().cpu(), images.labels().cpu()) for images in in_order(split, data, _BATCH, device)]
    network.train(was_training)
    return torch.cat([outputs for outputs, _ in pairs]), torch.cat([labels for _, labels in pairs])


def right_answers(network: nn.Module, split: Split, data: ImageData, device: str = "cpu") -> torch.Tensor:
    """For every image of a split whether ``network``, in inference mode, finds its class: ``(images,)``."""
    outputs, labels = outputs_on(network, split, data, device)
    return outputs.argmax(1) == labels


def measure(network: nn.Module, split: Split, data: ImageData, task: Task, device: str = "cpu") -> Metrics:
    """The metrics of a task on every image of a split."""
    return task.metrics(*outputs_on(network, split, data, device))


def measure_accuracy(network: nn.Module, split: Split, data: ImageData, device: str = "cpu") -> Metric:
    """The accuracy of ``network``, in inference mode, on every image of a split."""
    return share(ACCURACY, int(right_answers(network, split, data, device).sum()), len(split))


@dataclass(frozen=True)
class Gain:
    """The difference of two accuracies, a share, and its standard error over images."""

    value: float
    standard_error: float

    @classmethod
    def of(cls, after: torch.Tensor, before: torch.Tensor) -> Gain:
        """What the answers ``after`` gain over those ``before`` on the same images, so that luck with images cancels."""
        differences = after.double() - before.double()
        error = float(differences.std()) / len(differences) ** 0.5 if len(differences) > 1 else 0.0
        return cls(float(differences.mean()), error)

    def exceeds(self, margin: float) -> bool:
        """Whether it is a gain of more than ``margin`` standard errors."""
        return self.value > margin * self.standard_error
