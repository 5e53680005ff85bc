"""A unit without its last activation: in front of it, what a unit gives is a linear function of its last map."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import torch
import torch.nn.functional as F
from torch import nn
from torch.overrides import TorchFunctionMode

_ACTIVATIONS = {
    F.relu, F.relu6, F.hardtanh, F.silu, F.hardswish, F.gelu, F.leaky_relu, F.elu, F.mish,
    torch.relu, torch.relu_, torch.Tensor.relu, torch.Tensor.relu_,
}  # fmt: skip


class Unactivated(nn.Module):
    """A unit that lets its last activation pass what it receives, if that makes its output; else the unit.

    Args:
        unit: One tensor in, one out, in inference mode; shared, not copied.
        x: An input that it takes.
    """

    @torch.no_grad()
    def __init__(self, unit: nn.Module, x: torch.Tensor) -> None:
        super().__init__()
        self.unit = unit
        with _Passing(0) as calls:
            output = unit(x.clone())
        is_last = calls.last is not None and calls.last.shape == output.shape and torch.equal(calls.last, output)
        self.number = calls.count if is_last else 0
        """Of the activation, counted from 1; 0 where there is none."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        with _Passing(self.number):
            output: torch.Tensor = self.unit(x)
        return output


class _Passing(TorchFunctionMode):
    """Counts activations, of which one does nothing."""

    def __init__(self, number: int) -> None:
        super().__init__()
        self.number, self.count = number, 0
        self.last: torch.Tensor | None = None

    def __torch_function__(
        self, func: Callable[..., Any], _types: Any, args: tuple[Any, ...] = (), kwargs: Mapping[str, Any] | None = None
    ) -> Any:
        if func not in _ACTIVATIONS:
            return func(*args, **(kwargs or {}))
        self.count += 1
        self.last = args[0] if self.count == self.number else func(*args, **(kwargs or {}))
        return self.last
