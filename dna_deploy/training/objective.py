"""What a classifier is taught: the label, and where there is a teacher, the teacher's soft answer."""

from __future__ import annotations

from collections.abc import Callable

import torch
import torch.nn.functional as F

from dna_deploy.data.batches import Batch
from dna_deploy.nets.teacher import Teacher
from dna_deploy.training.recipe import Recipe

Objective = Callable[[torch.Tensor, Batch], torch.Tensor]
"""Scores ``(batch, classes)`` and the batch they are for -> the loss, a number."""


def objective(recipe: Recipe, teacher: Teacher | None) -> Objective:
    """Cross entropy with labels, mixed with the divergence from the teacher's softened scores (arXiv 1503.02531)."""

    def loss(scores: torch.Tensor, batch: Batch) -> torch.Tensor:
        hard = F.cross_entropy(scores, batch.labels(), label_smoothing=recipe.label_smoothing)
        if teacher is None or recipe.teacher_weight == 0:
            return hard
        soft = soft_divergence(scores, teacher.scores(batch.inputs), recipe.temperature)
        return (1 - recipe.teacher_weight) * hard + recipe.teacher_weight * soft

    return loss


def soft_divergence(scores: torch.Tensor, teacher_scores: torch.Tensor, temperature: float) -> torch.Tensor:
    """KL divergence of softened scores from the teacher's, scaled so that gradients do not shrink with temperature."""
    wanted = F.log_softmax(teacher_scores / temperature, 1)
    found = F.log_softmax(scores / temperature, 1)
    return F.kl_div(found, wanted, reduction="batchmean", log_target=True) * temperature**2
