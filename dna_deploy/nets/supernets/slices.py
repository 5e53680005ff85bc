"""Layers that share weights although they differ in width: a narrower one has the first channels of the widest.

As in slimmable networks (arXiv 1812.08928). Batch norms keep statistics of their own, which paths gather anew anyway.
"""

from __future__ import annotations

from collections.abc import Iterable
from functools import cache

import torch
from torch import nn

_WHOLE = "whole_"
"""Before the name of a weight of which a layer has a part: the same tensor in all layers that share it."""


def share_widths(layers: Iterable[nn.Module]) -> None:
    """Gives layers of one kind common weights, wherever the names of these are the same. They begin as those of the widest."""
    holders: dict[str, list[tuple[nn.Module, str]]] = {}
    for layer in layers:
        for path, module in layer.named_modules():
            for name, weight in module.named_parameters(recurse=False):
                holders.setdefault(f"{path}.{name} {weight.ndim}", []).append((module, name))
    for held in holders.values():
        weights = [module.get_parameter(name) for module, name in held]
        if len(held) > 1:
            whole = nn.Parameter(_joined([weight.detach() for weight in weights]))
            for (module, name), weight in zip(held, weights, strict=True):
                _slice(module, name, whole, tuple(slice(size) for size in weight.shape))


def _joined(weights: list[torch.Tensor]) -> torch.Tensor:
    """A tensor as large as the largest in every dimension; each is its beginning, until a larger one takes its place."""
    whole = weights[0].new_zeros([max(sizes) for sizes in zip(*(weight.shape for weight in weights), strict=True)])
    for weight in sorted(weights, key=torch.numel):
        whole[tuple(slice(size) for size in weight.shape)] = weight
    return whole


def _slice(module: nn.Module, name: str, whole: nn.Parameter, part: tuple[slice, ...]) -> None:
    """Puts a part of a shared weight where a module had its own."""
    delattr(module, name)
    module.register_parameter(f"{_WHOLE}{name}", whole)
    module.__dict__[f"part_of_{name}"] = part
    module.__class__ = _with_part(type(module), name)  # type: ignore[arg-type]  # mypy takes a class for its instances


@cache
def _with_part(kind: type[nn.Module], name: str) -> type[nn.Module]:
    """A kind of module whose weight is computed: cut out of the shared one whenever it is asked for."""

    def part(module: nn.Module) -> torch.Tensor:
        weight: torch.Tensor = getattr(module, f"{_WHOLE}{name}")[module.__dict__[f"part_of_{name}"]]
        return weight

    return type(kind.__name__, (kind,), {name: property(part)})
