"""Optimiser and learning rate of a recipe: torch's and timm's. The rate is a function of the step: nothing has to be kept."""

from __future__ import annotations

from typing import Any, assert_never

import torch
from torch import nn
from torch.optim import Optimizer

from dna_deploy.learning.schedule import parameter_groups
from dna_deploy.training.recipe import Recipe


def make_optimiser(network: nn.Module, recipe: Recipe) -> Optimizer:
    """An optimiser of the network's parameters."""
    groups = parameter_groups(network, recipe.weight_decay)
    match recipe.optimiser:
        case "adamw":
            return torch.optim.AdamW(groups, lr=recipe.learning_rate)
        case "rmsproptf":
            from timm.optim.rmsprop_tf import RMSpropTF

            return RMSpropTF(groups, lr=recipe.learning_rate, momentum=0.9, eps=1e-3)  # as EfficientNet (arXiv 1905.11946)
        case _:
            assert_never(recipe.optimiser)


class Schedule:
    """The learning rate of every step of a training of ``total`` steps: a linear rise, then a cosine to zero or steps."""

    def __init__(self, optimiser: Optimizer, recipe: Recipe, total: int, steps_per_epoch: int) -> None:
        from timm.scheduler.cosine_lr import CosineLRScheduler
        from timm.scheduler.step_lr import StepLRScheduler

        rising = recipe.warm_up * total  # timm counts in any unit, whole or not
        begin: dict[str, Any] = {
            "warmup_t": rising,
            "warmup_lr_init": recipe.learning_rate / (rising + 1),
            "warmup_prefix": True,
            "t_in_epochs": False,
        }
        self._scheduler: Any
        match recipe.schedule:
            case "cosine":
                falling: Any = max(1.0, total - rising)
                self._scheduler = CosineLRScheduler(optimiser, t_initial=falling, **begin)
            case "step":
                decay_steps = recipe.decay_epochs * steps_per_epoch
                self._scheduler = StepLRScheduler(optimiser, decay_t=decay_steps, decay_rate=recipe.decay, **begin)
            case _:
                assert_never(recipe.schedule)

    def set(self, step: int) -> None:
        """Gives the optimiser the rate of a step, counted from 0."""
        self._scheduler.step_update(step)

    def rate(self, step: int) -> float:
        """The rate of a step."""
        return float(self._scheduler._get_lr(step)[0])
