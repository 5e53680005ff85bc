"""What a network is taught: the label, and where there is a teacher, the teacher's soft answer."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
import torch.nn.functional as F

from dna_deploy.learning.phase import StepView


def cross_entropy(scores: torch.Tensor, labels: torch.Tensor, label_smoothing: float) -> torch.Tensor:
    """Of scores ``(batch, classes)`` with classes ``(batch,)`` or shares of classes ``(batch, classes)``."""
    return F.cross_entropy(scores, labels, label_smoothing=label_smoothing)


@dataclass(frozen=True)
class LabelLoss:
    """A loss of outputs by labels, mixed with the divergence from a teacher's softened scores (arXiv 1503.02531)."""

    label_smoothing: float = 0.0
    teacher: Callable[[torch.Tensor], torch.Tensor] | None = None
    """Images ``(batch, channels, height, width)`` -> scores ``(batch, classes)``."""
    teacher_weight: float = 0.5
    temperature: float = 2.0
    along: str = ""
    """What `measure` adds, such as which part of the network is run."""
    of_labels: Callable[[torch.Tensor, torch.Tensor, float], torch.Tensor] = cross_entropy
    """Outputs, labels and their smoothing -> a number."""
    name: str = "cross entropy with the labels"

    @property
    def measure(self) -> str:
        """What the loss is, for a reader."""
        soft = "" if self.teacher is None else ", and divergence from the teacher's answers"
        return f"{self.name}{soft}{self.along}"

    def loss(self, view: StepView) -> torch.Tensor:
        """The loss of the network's scores, ``()``."""
        scores = view.network(view.batch.inputs).float()
        if self.teacher is None:
            return self._hard(scores, view)
        with torch.autocast(scores.device.type, enabled=False):
            taught = self.teacher(view.batch.inputs)
        soft = soft_divergence(scores, taught, self.temperature)
        if self.teacher_weight == 1:  # images may have no labels then
            return soft
        return (1 - self.teacher_weight) * self._hard(scores, view) + self.teacher_weight * soft

    def _hard(self, scores: torch.Tensor, view: StepView) -> torch.Tensor:
        return self.of_labels(scores, view.batch.labels(), self.label_smoothing)


def soft_divergence(scores: torch.Tensor, teacher_scores: torch.Tensor, temperature: float) -> torch.Tensor:
    """KL divergence of softened scores from the teacher's, scaled so that gradients do not shrink with temperature."""
    target = F.log_softmax(teacher_scores / temperature, 1)
    student = F.log_softmax(scores / temperature, 1)
    return F.kl_div(student, target, reduction="batchmean", log_target=True) * temperature**2
