"""What a model computes around its units, as a module of its own: units become inputs and outputs of it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import onnx
import torch
from torch import nn

from dna_deploy.export.formats.onnx_graph import export_module
from dna_deploy.fit.replacing import UnitNetwork

IMAGE = "image"


class _Gap(nn.Module):
    """Stands where a unit stood: notes what comes in, and gives out what it was told to."""

    def __init__(self) -> None:
        super().__init__()
        self.box: list[torch.Tensor] = []

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        given = self.box.pop()
        self.box.append(x)
        return given


class Rest(nn.Module):
    """The network without its units: image and outputs of units in; answers and inputs of units out.

    Attributes:
        sources: For every unit, the number of the unit whose output it receives as it is, or None where the rest makes it.
    """

    def __init__(self, network: UnitNetwork, paths: Sequence[str], image: torch.Tensor) -> None:
        super().__init__()
        self.gaps: list[_Gap] = [_Gap() for _ in paths]
        self.network = network.replaced(dict(zip(paths, self.gaps, strict=True))).eval()
        self.sources: tuple[int | None, ...] = (None,) * len(paths)
        units = {unit.path: unit for unit in network.units}
        outputs = [torch.zeros(len(image), *units[path].output.sizes) for path in paths]
        self.examples = (image, *outputs)
        with torch.no_grad():
            _, *received = self(*self.examples)
        numbers = {id(output): number for number, output in enumerate(outputs)}
        self.sources = tuple(numbers.get(id(tensor)) for tensor in received)

    def forward(self, image: torch.Tensor, *outputs: torch.Tensor) -> tuple[torch.Tensor, ...]:
        for gap, output in zip(self.gaps, outputs, strict=True):
            gap.box[:] = [output]
        answers: Any = self.network(image)
        received = [gap.box.pop() for gap in self.gaps]
        return (answers, *(tensor for tensor, source in zip(received, self.sources, strict=True) if source is None))

    def exported(self) -> onnx.ModelProto:
        """As a graph from ``image`` and ``from0`` and so on to ``answers`` and, for units that it feeds, ``to0`` and so on."""
        fed = [f"to{number}" for number, source in enumerate(self.sources) if source is None]
        inputs = (IMAGE, *(f"from{number}" for number in range(len(self.gaps))))
        return export_module(self, self.examples, inputs, ("answers", *fed))
