"""Finds the modules after which a network may be cut, by running it: nobody's code is read.

If the scores of one image follow from a module's output for it, whatever image the network itself is given, then nothing else
crosses a cut there. Where a network has no such place of a size, as one of parallel branches has none, modules do whose output
matters beside others'.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import nn

from dna_deploy.errors import UsageError
from dna_deploy.nets.teachers.boundaries import CutPoint
from dna_deploy.nets.teachers.hooks import keeping, scores_with
from dna_deploy.nets.teachers.reading import Reading, grid_of, places_in, shape_of, usual_places
from dna_deploy.spaces.shapes import FeatureMap, Tokens

STAGE, LAYER = 2, 1
"""Weighted layers of a module that may be a block: one of a lone layer, such as a head's, serves at need."""


class CutFinder:
    """Runs a network on two images, and asks what its scores depend on."""

    def __init__(self, network: nn.Module, input: FeatureMap, names: Sequence[str]) -> None:
        self.network, self.input = network, input
        self.images = torch.rand(2, 1, *input.sizes, generator=torch.Generator().manual_seed(0))
        self.outputs: dict[str, torch.Tensor] = {}
        modules = network.named_modules()
        self.sizes = {name: _layers_of_last(module) for name, module in modules if name and (not names or name in names)}
        watched = [name for name, layers in self.sizes.items() if names or layers >= LAYER]
        try:
            with keeping(network, watched, self.outputs):
                self.scores = network(self.images[1])
            self.before = network(self.images[0])
        except (RuntimeError, AssertionError, ValueError, TypeError, IndexError) as error:
            reason = str(error).partition("\n")[0][:160] or type(error).__name__
            raise UsageError(
                f"the teacher does not take images of {input}: {reason}",
                "take a resolution that it was made for, or another teacher",
            ) from error
        self.orders = dict[tuple[int, ...], tuple[int, ...]]()
        intermediates: Any = getattr(network, "forward_intermediates", None)
        if intermediates and any(output.ndim == 3 for output in self.outputs.values()):
            self._ask_for_orders(intermediates)

    def points(self, layers: int = STAGE, *, is_whole: bool = True) -> list[CutPoint]:
        """The modules after which the network may be cut, in the order in which they run.

        Args:
            layers: With weights, that a module has at least.
            is_whole: Whether nothing else may cross the cut; otherwise it is enough that scores depend on what comes out there.
        """
        points, seen = list[CutPoint](), set[int]()
        for name in sorted(self.outputs, key=lambda name: (name.count("."), name)):  # a container before its last child
            if self.sizes[name] < layers or id(self.outputs[name]) in seen:
                continue
            seen.add(id(self.outputs[name]))
            point = self._point(name)
            if point and self._matters(point, is_whole=is_whole):
                points.append(point)
        order = list(self.outputs)
        return sorted(points, key=lambda point: order.index(point.name))

    def _point(self, name: str) -> CutPoint | None:
        shape = shape_of(self.outputs[name], 1, self.input)
        grid = grid_of(shape, self.input) if shape else None
        if shape is None or grid is None or (isinstance(shape, Tokens) and not grid):
            return None
        return CutPoint(name, shape, grid, self.orders.get(shape.sizes, usual_places(shape, grid)))

    def _matters(self, point: CutPoint, *, is_whole: bool) -> bool:
        output = self.outputs[point.name].clone()
        if is_whole and not self._is(self.scores, point, lambda _own: output):
            return False
        if is_whole and len(point.places) == (point.shape.length if isinstance(point.shape, Tokens) else 0):
            return True
        reading = Reading(output=str(point.shape), grid=point.grid, places=point.places, size=point.grid)
        return not self._is(self.before, point, lambda own: reading.write(reading.read(output), own))

    def _is(self, scores: torch.Tensor, point: CutPoint, change: Callable[[torch.Tensor], torch.Tensor]) -> bool:
        try:
            return torch.equal(scores_with(self.network, point.name, change, self.images[0]), scores)
        except RuntimeError:  # what comes out is shared with another module that has not changed
            return False

    def _ask_for_orders(self, intermediates: Callable[..., list[torch.Tensor]]) -> None:
        """Where tokens do not stand row after row, as after Hiera's, timm's networks know their maps."""
        maps = [features for features in intermediates(self.images[1], intermediates_only=True) if torch.is_tensor(features)]
        for output in self.outputs.values():
            sizes = tuple(output.shape[1:])
            if output.ndim == 3 and sizes not in self.orders:
                orders = (places_in(output, features) for features in maps if features.ndim == 4)
                self.orders.update((sizes, order) for order in orders if order)


def _layers_of_last(module: nn.Module) -> int:
    """How many layers with weights a module has; of a row of modules, its last one."""
    if isinstance(module, nn.Sequential):
        return _layers_of_last(module[-1]) if len(module) else 0
    return sum(isinstance(part, nn.Conv2d | nn.Linear) and part.weight.ndim > 1 for part in module.modules())
