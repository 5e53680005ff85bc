"""Units of a network as modules of one tensor, and networks with other modules in their places."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from typing import Any

import torch
from torch import nn

from dna_deploy.fit.calls import Call
from dna_deploy.fit.unit import Unit


class Bound(nn.Module):
    """A module that is called with a tensor and always the same constants, as a module of the tensor alone."""

    def __init__(self, module: nn.Module, call: Call) -> None:
        super().__init__()
        self.module = module
        self.call = call

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        output: torch.Tensor = self.module(*self.call.args_with(x), **self.call.kwargs_with(x))
        return output


class Replacement(nn.Module):
    """Stands in a network where a unit stood: passes on the tensor, and not the constants that only the unit wants.

    It has the plain settings of the unit as well, such as a stride, which some networks read.
    """

    def __init__(self, module: nn.Module, call: Call, unit: nn.Module) -> None:
        super().__init__()
        for name, value in vars(unit).items():
            if isinstance(value, bool | int | float | str) and name != "training":
                setattr(self, name, value)
        self.module = module
        self.call = call

    def forward(self, *args: Any, **kwargs: Any) -> torch.Tensor:
        output: torch.Tensor = self.module(self.call.tensor_of(args, kwargs))
        return output


class UnitNetwork:
    """A network and the calls of its units: gives units out, and takes others in. The network itself is never changed."""

    def __init__(self, network: nn.Module, units: Mapping[str, tuple[Unit, Call]]) -> None:
        self.network = network
        self._units = units

    @property
    def units(self) -> tuple[Unit, ...]:
        """In the order in which they run."""
        return tuple(unit for unit, _ in self._units.values())

    def on(self, network: nn.Module) -> UnitNetwork:
        """The same units of a copy of the network that has other weights."""
        return UnitNetwork(network, self._units)

    def call(self, path: str) -> Call:
        """How the network calls a unit."""
        return self._units[path][1]

    def module(self, path: str) -> nn.Module:
        """A copy of a unit as a module of ``(batch, *input.sizes)`` alone, with the weights of the network."""
        unit, call = self._units[path]
        if unit.span is None:
            return Bound(copy.deepcopy(self.network.get_submodule(path)), call)
        parent, first, end = unit.span
        row = self.network.get_submodule(parent)
        assert isinstance(row, nn.Sequential)
        return copy.deepcopy(row[first:end])

    def replaced(self, modules: Mapping[str, nn.Module]) -> nn.Module:
        """A copy of the network with modules of one tensor in the places of units; these modules themselves, not copies."""
        memo: dict[int, Any] = {}
        for path in modules:  # what is replaced needs no copy
            for module in self.parts(path):
                memo[id(module)] = nn.Identity()
        network = copy.deepcopy(self.network, memo)
        for path, module in modules.items():
            unit, call = self._units[path]
            if unit.span is None:
                network.set_submodule(path, Replacement(module, call, self.network.get_submodule(path)))
                continue
            parent, first, end = unit.span
            row = network.get_submodule(parent)
            for number in range(first, end):
                row.set_submodule(str(number), module if number == first else nn.Identity())
        return network

    def parts(self, path: str) -> list[nn.Module]:
        """The modules of the network that make a unit, in their order."""
        unit, _ = self._units[path]
        if unit.span is None:
            return [self.network.get_submodule(path)]
        parent, first, end = unit.span
        return list(self.network.get_submodule(parent).children())[first:end]
