"""Linear maps in the place of a unit, in closed form: the least that has its shapes, and one that sees the neighbours."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import nn

from dna_deploy.errors import UsageError
from dna_deploy.fit.repair import WIDEST, NormalEquations, rows_of


class Straight(nn.Module):
    """A linear map, by place with the mean of the places that a stride leaves out, or of each place and its neighbours."""

    def __init__(self, channels: int, out_channels: int, stride: int, kernel: int, *, is_map: bool, is_positive: bool) -> None:
        super().__init__()
        self.pool = nn.AvgPool2d(stride) if stride > 1 and kernel == 1 else nn.Identity()
        stride = stride if kernel > 1 else 1
        self.map = (
            nn.Conv2d(channels, out_channels, kernel, stride, kernel // 2) if is_map else nn.Linear(channels, out_channels)
        )
        self.act = nn.ReLU() if is_positive else nn.Identity()

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        output: torch.Tensor = self.act(self.map(self.pool(x)))
        return output


@torch.no_grad()
def straight(original: nn.Module, inputs: Sequence[torch.Tensor], kernel: int = 1) -> nn.Module:
    """The linear map that gives most nearly what a unit gives, on squares of so many places.

    Raises:
        UsageError: the unit's shapes allow none.
    """
    x, y = inputs[0], original(inputs[0].clone())
    is_map = x.ndim == 4 and y.ndim == 4
    stride = x.shape[-1] // y.shape[-1] if is_map else 1
    places = [tuple(tensor.shape[2:]) if is_map else tuple(tensor.shape[1:-1]) for tensor in (x, y)]
    if tuple(size // stride for size in places[0]) != places[1] or any(size % stride for size in places[0]):
        raise UsageError(f"no map by place turns {'x'.join(map(str, x.shape[1:]))} into {'x'.join(map(str, y.shape[1:]))}")
    dims = (x.shape[1], y.shape[1]) if is_map else (x.shape[-1], y.shape[-1])
    if kernel > 1:
        _check_pays(original, kernel**2 * dims[0], dims[1], is_map=is_map)
    module = Straight(*dims, stride, kernel, is_map=is_map, is_positive=bool((y >= 0).all())).eval()
    equations, generator = NormalEquations(), torch.Generator().manual_seed(0)
    for x in inputs:
        equations.add(*rows_of(module.map, module.pool(x), original(x.clone()), generator))
    weight, bias = equations.solve(
        _same(module.map) if stride == 1 and dims[0] == dims[1] else 0 * module.map.weight.flatten(1)
    )
    module.map.weight.copy_(weight.view_as(module.map.weight))
    assert module.map.bias is not None
    module.map.bias.copy_(bias)
    return module


def _check_pays(original: nn.Module, inputs: int, outputs: int, *, is_map: bool) -> None:
    """Raises `UsageError` where neighbours cost more than the unit does, or cannot be seen."""
    weights = sum(weight.numel() for weight in original.parameters())
    if not is_map:
        raise UsageError("neither side of it may be anything but a map of features")
    if inputs > WIDEST or inputs * outputs >= weights:
        raise UsageError(f"it would have {inputs} inputs a place and {inputs * outputs} weights, the unit has {weights}")


def _same(layer: nn.Conv2d | nn.Linear) -> torch.Tensor:
    """The weight that hands on what it receives, as a matrix ``(outputs, inputs)``."""
    weight = torch.zeros_like(layer.weight)
    centre = weight[:, :, layer.kernel_size[0] // 2, layer.kernel_size[1] // 2] if isinstance(layer, nn.Conv2d) else weight
    centre.copy_(torch.eye(len(weight)))
    return weight.flatten(1)
