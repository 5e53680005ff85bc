"""Leaves parts of a network out while it trains: features before the classifier, and residual branches of single images.

By hooks, so that weights keep their names and what is exported knows nothing of it.
"""

from __future__ import annotations

from typing import Any

import torch
import torch.nn.functional as F
from torch import nn

from dna_deploy.training.recipe import Recipe


def drop_parts(network: nn.Module, recipe: Recipe) -> None:
    """Makes ``network`` drop what the recipe says whenever it is in training mode.

    Dropout stands before its last linear map. A residual branch is left out the more often the deeper it lies, as in
    stochastic depth (arXiv 1603.09382) and EfficientNet.
    """
    if recipe.dropout:
        *_, classifier = (module for module in network.modules() if isinstance(module, nn.Linear))
        classifier.register_forward_pre_hook(_Dropout(recipe.dropout))
    if recipe.drop_path:
        branches = [module.body for module in network.modules() if getattr(module, "has_residual", False)]
        for index, branch in enumerate(branches, start=1):
            assert isinstance(branch, nn.Module)
            branch.register_forward_hook(_DropPath(recipe.drop_path * index / len(branches)))


class _Dropout:
    def __init__(self, share: float) -> None:
        self.share = share

    def __call__(self, module: nn.Module, inputs: tuple[torch.Tensor, ...]) -> torch.Tensor:
        return F.dropout(inputs[0], self.share, module.training)


class _DropPath:
    def __init__(self, share: float) -> None:
        self.share = share

    def __call__(self, module: nn.Module, inputs: Any, output: torch.Tensor) -> torch.Tensor:
        from timm.layers.drop import drop_path

        dropped: torch.Tensor = drop_path(output, self.share, module.training)
        return dropped
