"""Optimiser and learning rate of a recipe: torch's and timm's. The rate is a function of the step: nothing has to be kept."""

from __future__ import annotations

from collections.abc import Callable
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


def learning_rates(recipe: Recipe, total: int, steps_per_epoch: int) -> Callable[[int], float]:
    """The rate of every step of ``total``, counted from 0: a linear rise, then a cosine to zero or steps."""
    from timm.scheduler.cosine_lr import CosineLRScheduler
    from timm.scheduler.step_lr import StepLRScheduler

    rising = recipe.warm_up * total  # timm counts in any unit, whole or not
    begin: dict[str, Any] = {
        "warmup_t": rising,
        "warmup_lr_init": recipe.learning_rate / (rising + 1),
        "warmup_prefix": True,
        "t_in_epochs": False,
    }
    bearer = torch.optim.SGD([torch.zeros(1)], lr=recipe.learning_rate)  # timm asks for an optimiser
    schedule: Any
    match recipe.schedule:
        case "cosine":
            falling: Any = max(1 + 1e-9, total - rising)  # of exactly 1 timm says aloud that it has no effect
            schedule = CosineLRScheduler(bearer, t_initial=falling, **begin)
        case "step":
            decay_steps = recipe.decay_epochs * steps_per_epoch
            schedule = StepLRScheduler(bearer, decay_t=decay_steps, decay_rate=recipe.decay, **begin)
        case _:
            assert_never(recipe.schedule)
    return lambda step: float(schedule._get_lr(step)[0])
