"""What a classifier is taught: the label, and where there is a teacher, the teacher's soft answer."""

from __future__ import annotations

from dataclasses import dataclass

import torch
import torch.nn.functional as F

from dna_deploy.nets.teachers.teacher import Teacher
from dna_deploy.training.lessons import Lesson
from dna_deploy.training.recipe import Recipe


@dataclass(frozen=True)
class Objective:
    """Cross entropy with labels, mixed with the divergence from the teacher's softened scores (arXiv 1503.02531)."""

    recipe: Recipe
    teacher: Teacher | None = None

    def __call__(self, scores: torch.Tensor, lesson: Lesson) -> torch.Tensor:
        """The loss of scores ``(batch, classes)``, a number."""
        hard = F.cross_entropy(scores, lesson.targets, label_smoothing=self.recipe.label_smoothing)
        if self._asked is None:
            return hard
        soft = soft_divergence(scores, self._asked.scores(lesson.inputs), self.recipe.temperature)
        return (1 - self.recipe.teacher_weight) * hard + self.recipe.teacher_weight * soft

    @property
    def measure(self) -> str:
        """What the loss is, for a reader."""
        hard = "cross entropy with the labels"
        return hard if self._asked is None else f"{hard}, and divergence from the teacher's answers"

    @property
    def _asked(self) -> Teacher | None:
        return self.teacher if self.recipe.teacher_weight else None


def soft_divergence(scores: torch.Tensor, teacher_scores: torch.Tensor, temperature: float) -> torch.Tensor:
    """KL divergence of softened scores from the teacher's, scaled so that gradients do not shrink with temperature."""
    wanted = F.log_softmax(teacher_scores / temperature, 1)
    found = F.log_softmax(scores / temperature, 1)
    return F.kl_div(found, wanted, reduction="batchmean", log_target=True) * temperature**2
