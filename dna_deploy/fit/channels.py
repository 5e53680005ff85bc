"""Which hidden channels of a unit may go together: proved by running it, whatever its code does.

A layer that mixes all its inputs (a dense convolution, a linear map) begins hidden channels with its rows and ends others with
its columns. One of its outputs is made NaN: whatever else becomes NaN on the way to the next mixing layers depends on that
channel, and has to go with it. Heads of attention come out as channels that only go together, groups of a grouped convolution
likewise; what reaches the unit's output, or comes from its input, stays.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, TypeAlias

import numpy as np
import torch
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components
from torch import nn
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.nn.modules.batchnorm import _BatchNorm

Indices: TypeAlias = Mapping[str, torch.Tensor]
"""Layer -> indices ``(atoms, channels of an atom)``."""

Place: TypeAlias = tuple[str, str]
"""A layer, and whether its rows, its columns or what it carries."""

_AT_ONCE = 64
"""Images that a unit is run on at once, each with another channel changed."""


@dataclass(frozen=True, eq=False)
class ChannelGroup:
    """Hidden channels of one kind. An *atom* is the least that can be taken out: a channel, a head, a group of channels."""

    rows: Indices
    """What makes the channels."""
    columns: Indices
    """What reads them."""
    carried: Indices
    """What handles each for itself on the way: batch norms, depthwise convolutions."""

    @property
    def atoms(self) -> int:
        """How many there are."""
        return len(next(iter(self.rows.values())))

    @property
    def channels(self) -> int:
        """How many channels the first layer makes."""
        return next(iter(self.rows.values())).numel()

    @property
    def name(self) -> str:
        """The layer that makes the channels."""
        return next(iter(self.rows))


def is_mixing(module: nn.Module) -> bool:
    """Whether every output of a layer depends on all its inputs."""
    return isinstance(module, nn.Linear) or (isinstance(module, nn.Conv2d) and module.groups == 1)


def is_carrying(module: nn.Module) -> bool:
    """Whether a layer has weights by channel, and sees channels one by one, or in groups."""
    is_grouped = isinstance(module, nn.Conv2d) and module.groups > 1
    return is_grouped or isinstance(module, _BatchNorm) or (isinstance(module, nn.PReLU) and module.num_parameters > 1)


def channels_last(layer: nn.Module, tensor: torch.Tensor) -> torch.Tensor:
    """What a layer receives or emits with channels last, ``(..., channels)``: the same memory."""
    return tensor if isinstance(layer, nn.Linear) else tensor.movedim(1, -1)


@contextmanager
def hooked(hooks: Mapping[nn.Module, Callable[..., Any]], *, before: bool = False) -> Iterator[None]:
    """Inside, hooks are called with a module's input and output, or ``before`` it runs with its input."""
    handles = [
        module.register_forward_pre_hook(hook) if before else module.register_forward_hook(hook)
        for module, hook in hooks.items()
    ]
    try:
        yield
    finally:
        for handle in handles:
            handle.remove()


@torch.no_grad()
def channel_groups(unit: nn.Module, x: torch.Tensor) -> tuple[ChannelGroup, ...]:
    """The kinds of hidden channels that a unit in inference mode has, in the order of its layers.

    Args:
        unit: One tensor in, one out.
        x: An input that it takes, ``(images, ...)``; the first image is used.
    """
    return _Probe(unit, x[:1]).groups()


@dataclass
class _Probe:
    """A unit and what its layers give for one clean image."""

    unit: nn.Module
    x: torch.Tensor
    clean: dict[str, torch.Tensor] = field(default_factory=dict)
    calls: dict[str, int] = field(default_factory=dict)

    def __post_init__(self) -> None:
        layers = {name: part for name, part in self.unit.named_modules() if is_mixing(part) or is_carrying(part)}

        def keeper(name: str) -> Callable[..., None]:
            def keep(_module: object, _inputs: object, output: torch.Tensor) -> None:
                self.clean[name], self.calls[name] = output.clone(), self.calls.get(name, 0) + 1

            return keep

        with hooked({part: keeper(name) for name, part in layers.items()}):
            self.unit(self.x.clone())
        used = {name: part for name, part in layers.items() if self.calls.get(name) == 1}
        self.mixing = {name: part for name, part in used.items() if is_mixing(part)}
        self.carrying = {name: part for name, part in used.items() if is_carrying(part)}

    @property
    def blocks(self) -> dict[Place, int]:
        """How many channels go together in grouped convolutions that keep their number."""
        convolutions = {name: part for name, part in self.carrying.items() if isinstance(part, nn.Conv2d)}
        return {
            (name, "carried"): part.in_channels // part.groups
            for name, part in convolutions.items()
            if part.in_channels == part.out_channels
        }

    def groups(self) -> tuple[ChannelGroup, ...]:
        """Channels that depend on each other, sorted by the layers that they are in."""
        graph = _Graph()
        for place, size in self.blocks.items():
            channels = np.arange(len(self.carrying[place[0]].weight))
            graph.join(place, channels, place, channels // size * size)
        for name, images, hits in self._dependences():
            for place, touched in hits.items():
                image, channel = np.nonzero(touched.numpy())
                graph.join((name, "rows"), images.numpy()[image], place, channel)
        return graph.groups()

    def _dependences(self) -> Iterator[tuple[str, torch.Tensor, dict[Place, torch.Tensor]]]:
        """For the input and every mixing layer: changed channels, and which channels elsewhere each reaches."""
        yield "", torch.zeros(1, dtype=torch.long), self._reached("", torch.ones(1, 1, dtype=torch.bool))
        for name, part in self.mixing.items():
            width = part.weight.shape[0]
            codes = self._by_codes(name, width)
            if codes is not None:
                yield name, torch.arange(width), codes
                continue
            for channels in torch.split(torch.arange(width), _AT_ONCE):
                changed = torch.zeros(len(channels), width, dtype=torch.bool)
                changed[torch.arange(len(channels)), channels] = True
                reached = self._reached(name, changed)
                yield (
                    name,
                    channels,
                    {place: hit.any(1, keepdim=True) if place == _OUTSIDE else hit for place, hit in reached.items()},
                )

    def _by_codes(self, name: str, width: int) -> dict[Place, torch.Tensor] | None:
        """The same from few images, if everything reached depends on one channel: its number is spelled in binary."""
        bits = (torch.arange(width) >> torch.arange(max(1, (width - 1).bit_length()))[:, None] & 1).bool()
        reached = self._reached(name, torch.cat((bits, ~bits)))
        matrices = {}
        for place, hit in reached.items():
            ones, zeros = hit.tensor_split(2)
            if bool((ones & zeros).any()):
                return None
            number = (ones.long() << torch.arange(len(ones))[:, None]).sum(0)
            hits = (ones | zeros).any(0).nonzero().flatten()
            matrix = torch.zeros(width, 1 if place == _OUTSIDE else hit.shape[1], dtype=torch.bool)
            matrix[number[hits], torch.zeros_like(hits) if place == _OUTSIDE else hits] = True
            matrices[place] = matrix
        return matrices

    def _reached(self, name: str, changed: torch.Tensor) -> dict[Place, torch.Tensor]:
        """Where NaN arrives, ``(images, channels)`` a place, if in each image some outputs of a layer are NaN."""
        count = len(changed)
        reached: dict[Place, torch.Tensor] = {}

        def look(place: Place, values: torch.Tensor) -> None:
            hit = values.isnan().reshape(count, -1, values.shape[-1]).any(1)
            if bool(hit.any()):
                reached[place] = hit

        def reader(layer: str) -> Callable[..., torch.Tensor]:
            def read(module: nn.Module, inputs: tuple[torch.Tensor, ...], _output: object) -> torch.Tensor:
                look((layer, "columns"), channels_last(module, inputs[0]))
                output = _repeated(self.clean[layer], count)
                if layer == name:
                    last = channels_last(module, output)
                    images = changed.view(count, 1, -1).expand(-1, last.shape[:-1].numel() // count, -1)
                    last.masked_fill_(images.reshape(last.shape), torch.nan)  # a view of the output
                return output

            return read

        def carrier(layer: str) -> Callable[..., None]:
            def carry(module: nn.Module, inputs: tuple[torch.Tensor, ...], output: torch.Tensor) -> None:
                if (layer, "carried") in self.blocks:  # its groups are joined already: on with single channels
                    spoiled = inputs[0].flatten(2).isnan().any(2)[:, :, None, None]
                    output.copy_(_repeated(self.clean[layer], count).masked_fill_(spoiled, torch.nan))
                look((layer, "carried"), channels_last(module, output))

            return carry

        x = _repeated(self.x, count)
        hooks = {part: reader(layer) for layer, part in self.mixing.items()}
        hooks |= {part: carrier(layer) for layer, part in self.carrying.items()}
        with hooked(hooks), sdpa_kernel(SDPBackend.MATH):  # others may swallow NaN
            output = self.unit(x if name else torch.full_like(x, torch.nan))
        look(_OUTSIDE, output.reshape(count, 1, -1))
        return reached


def _repeated(tensor: torch.Tensor, count: int) -> torch.Tensor:
    return tensor.repeat(count, *(1,) * (tensor.ndim - 1))


_OUTSIDE: Place = ("", "rows")


_Atom: TypeAlias = dict[Place, list[int]]


class _Graph:
    """Places that depend on each other; node 0 is all that is outside of the unit."""

    def __init__(self) -> None:
        self._edges: list[np.ndarray] = []
        self._nodes: dict[tuple[str, str, int], int] = {}

    def join(self, source: Place, rows: np.ndarray, place: Place, channels: np.ndarray) -> None:
        """Channels of two places that go together, pair by pair."""
        self._edges += [
            np.array([self._node(*source, int(row)), self._node(*place, int(channel))])
            for row, channel in zip(rows, channels, strict=True)
        ]

    def _node(self, layer: str, side: str, channel: int) -> int:
        if not layer:
            return 0
        return self._nodes.setdefault((layer, side, channel), len(self._nodes) + 1)

    def groups(self) -> tuple[ChannelGroup, ...]:
        """Whatever does not hang together with the outside, and is both made and read inside."""
        if not self._edges:
            return ()
        first, second = np.array(self._edges).T
        count = len(self._nodes) + 1
        _, labels = connected_components(
            coo_array((np.ones(len(first)), (first, second)), shape=(count, count)), directed=False
        )
        atoms: dict[int, _Atom] = {}
        for (layer, side, channel), node in self._nodes.items():
            if labels[node] != labels[0]:
                atoms.setdefault(int(labels[node]), {}).setdefault((side, layer), []).append(channel)
        kinds: dict[tuple[tuple[Place, int], ...], list[_Atom]] = {}
        for atom in atoms.values():
            signature = tuple((place, len(channels)) for place, channels in atom.items())
            if {"rows", "columns"} <= {side for side, _ in atom}:
                kinds.setdefault(tuple(sorted(signature)), []).append(atom)
        return tuple(_group(kind) for kind in kinds.values() if len(kind) > 1)


def _group(atoms: list[_Atom]) -> ChannelGroup:
    ordered = sorted(atoms, key=lambda atom: min(min(channels) for (side, _), channels in atom.items() if side == "rows"))
    sides: dict[str, dict[str, torch.Tensor]] = {"rows": {}, "columns": {}, "carried": {}}
    for side, layer in ordered[0]:
        sides[side][layer] = torch.tensor([sorted(atom[side, layer]) for atom in ordered])
    return ChannelGroup(**sides)
