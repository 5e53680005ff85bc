"""Learning rates over time, and which parameters decay."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

from torch import nn
from torch.optim import Adam


def warm_cosine(step: int, total: int, warm_up: float = 0.0) -> float:
    """The share of the highest learning rate at ``step`` of ``total``: a linear rise, then a cosine to zero."""
    rising = warm_up * total
    if step < rising:
        return (step + 1) / (rising + 1)
    return 0.5 * (1 + math.cos(math.pi * (step - rising) / max(1.0, total - rising)))


def cosine_rate(highest: float, total: int, warm_up: float = 0.0) -> Callable[[int], float]:
    """The learning rate of every step, counted from 0: a linear rise, then a cosine to zero."""
    return lambda step: highest * warm_cosine(step, total, warm_up)


def adam(module: nn.Module, learning_rate: float, weight_decay: float) -> Adam:
    """Adam for all parameters of a supernet."""
    return Adam(parameter_groups(module, weight_decay), lr=learning_rate)


def parameter_groups(module: nn.Module, weight_decay: float) -> list[dict[str, Any]]:
    """Weights of convolutions and linear maps decay; batch norms and biases do not."""
    weights = [parameter for parameter in module.parameters() if parameter.ndim > 1]
    others = [parameter for parameter in module.parameters() if parameter.ndim <= 1]
    return [{"params": weights, "weight_decay": weight_decay}, {"params": others, "weight_decay": 0.0}]
