"""Runs a network while its modules are watched, or what one of them hands on is changed."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

import torch
from torch import nn


def scores_from(network: nn.Module, cut: str, features: torch.Tensor, x: torch.Tensor) -> torch.Tensor:
    """The scores of ``network`` for ``x`` with the output of one module replaced."""
    return scores_with(network, cut, lambda _output: features, x)


def scores_with(network: nn.Module, cut: str, change: Callable[[torch.Tensor], torch.Tensor], x: torch.Tensor) -> torch.Tensor:
    """The scores of ``network`` for ``x`` with the output of one module, or the first of its outputs, changed."""

    def replace(_module: nn.Module, _input: object, output: object) -> object:
        if isinstance(output, tuple | list):
            return type(output)((change(output[0]), *output[1:]))
        assert isinstance(output, torch.Tensor)
        return change(output)

    hook = network.get_submodule(cut).register_forward_hook(replace)
    try:
        scores: torch.Tensor = network(x)
    finally:
        hook.remove()
    return scores


@contextmanager
def keeping(network: nn.Module, names: Sequence[str], outputs: dict[str, torch.Tensor]) -> Iterator[None]:
    """Inside, every module that runs leaves its output, or the first of its outputs."""

    def keeper(name: str) -> Callable[[nn.Module, object, object], None]:
        def keep(_module: nn.Module, _input: object, output: object) -> None:
            first = output[0] if isinstance(output, tuple | list) and output else output
            if isinstance(first, torch.Tensor) and first.ndim in (3, 4):
                outputs[name] = first

        return keep

    hooks = [network.get_submodule(name).register_forward_hook(keeper(name)) for name in names]
    try:
        yield
    finally:
        for hook in hooks:
            hook.remove()
