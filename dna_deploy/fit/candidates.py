"""What may stand in the place of a unit: itself, nothing, narrower or smaller copies of it, a mere linear map."""

from __future__ import annotations

import copy
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial

import torch
from torch import nn

from dna_deploy.errors import UsageError
from dna_deploy.fit.channels import ChannelGroup, channel_groups
from dna_deploy.fit.ranking import by_energy, by_surgery
from dna_deploy.fit.repair import repair
from dna_deploy.fit.slicing import sliced
from dna_deploy.fit.straight import straight
from dna_deploy.fit.unit import Unit
from dna_deploy.nets.batch_norm import estimate_statistics

KEEP, SKIP, STRAIGHT, STRAIGHT3 = "keep", "skip", "straight", "straight3"

SHARES = (0.75, 0.5, 0.375, 0.25, 0.125)
"""Of hidden channels that are kept."""

_STEP = 4
"""Numbers of single channels are multiples of it: processors take them in lanes."""


@dataclass(frozen=True)
class Candidate:
    """A module that can stand in the place of a unit."""

    code: str
    module: nn.Module
    note: str = ""
    """How it was repaired, or why it could not be."""


@dataclass(frozen=True)
class Missing:
    """A candidate that there is not, and why."""

    code: str
    reason: str


@dataclass(frozen=True)
class Candidates:
    """Of one unit; the first keeps it as it is."""

    unit: Unit
    there: tuple[Candidate, ...]
    missing: tuple[Missing, ...]


@torch.no_grad()
def candidates_of(
    unit: Unit,
    original: nn.Module,
    inputs: Sequence[torch.Tensor],
    groups: Sequence[ChannelGroup] | None = None,
    *,
    repaired: bool = True,
) -> Candidates:
    """Everything that may stand for a unit.

    Args:
        unit: Which changes are allowed.
        original: The unit as a module of one tensor, in inference mode.
        inputs: What it receives for images of its own, batch by batch.
        groups: Its hidden channels, where they are known from a unit of the same structure.
        repaired: Whether their last maps are refitted.
    """
    makers: dict[str, Callable[[], nn.Module]] = {}
    if "skip" in unit.may:
        makers[SKIP] = nn.Identity
    if "width" in unit.may:
        groups = channel_groups(original, inputs[0]) if groups is None else groups
        makers |= _widths(original, inputs, groups, repaired=repaired)
    if "operation" in unit.may:
        makers |= {f"kernel{size}": partial(_cropped, original, size) for size in (5, 3, 1) if _larger(original, size)}
        makers |= {code: partial(straight, original, inputs, kernel) for code, kernel in ((STRAIGHT, 1), (STRAIGHT3, 3))}
    there, missing = [Candidate(KEEP, original)], []
    for code, make in makers.items():
        try:
            module = make()
        except UsageError as error:
            missing.append(Missing(code, error.message))
            continue
        note = ""
        if code not in (SKIP, STRAIGHT, STRAIGHT3):
            estimate_statistics(module, (x.clone() for x in inputs))
            note = repair(module, original, inputs, refits=repaired)
        there.append(Candidate(code, module, note))
    return Candidates(unit, tuple(there), tuple(missing))


def _widths(
    original: nn.Module, inputs: Sequence[torch.Tensor], groups: Sequence[ChannelGroup], *, repaired: bool
) -> dict[str, Callable[[], nn.Module]]:
    """Narrower copies: all kinds of hidden channels together, and where there are several, each alone."""
    ranked = by_surgery if repaired else by_energy
    orders = {group.name: ranked(original, group, inputs) for group in groups}
    makers: dict[str, Callable[[], nn.Module]] = {}
    seen: set[tuple[int, ...]] = set()
    for share in SHARES:
        sizes = tuple(_size(group, share) for group in groups)
        if groups and sizes not in seen and any(size < group.atoms for size, group in zip(sizes, groups, strict=True)):
            makers[f"width{100 * share:.0f}"] = partial(_narrowed, original, sizes, groups, orders, inputs[0])
        seen.add(sizes)
    for group in groups if len(groups) > 1 else ():
        if (size := _size(group, 0.5)) < group.atoms:
            makers[f"width50.{group.name}"] = partial(_narrowed, original, (size,), (group,), orders, inputs[0])
    return makers


def _size(group: ChannelGroup, share: float) -> int:
    """How many atoms a share of them is, as processors like it."""
    step = _STEP if group.atoms == group.channels and group.atoms > _STEP else 1
    return min(group.atoms, max(step, round(group.atoms * share / step) * step))


def _narrowed(
    original: nn.Module,
    sizes: Sequence[int],
    groups: Sequence[ChannelGroup],
    orders: Mapping[str, torch.Tensor],
    x: torch.Tensor,
) -> nn.Module:
    module = original
    for group, size in zip(groups, sizes, strict=True):
        if size < group.atoms:  # other groups keep their numbers: they share no channel
            module = sliced(module, group, orders[group.name][:size], x[:2])
    return module


def _cropped(original: nn.Module, size: int) -> nn.Module:
    """Kernels larger than ``size`` cut to their centre; to 1x1 the last alone, which least squares can make good for."""
    module = copy.deepcopy(original)
    for part in _larger(module, size):
        edge = (part.kernel_size[0] - size) // 2
        part.weight = nn.Parameter(part.weight[:, :, edge : edge + size, edge : edge + size].clone())
        part.padding = (size // 2 * part.dilation[0], size // 2 * part.dilation[1])
        part.kernel_size = (size, size)
    return module


def _larger(unit: nn.Module, size: int) -> list[nn.Conv2d]:
    """Convolutions of square kernels of odd size that keep their meaning when they are cut to ``size``."""
    larger = [
        part
        for part in unit.modules()
        if isinstance(part, nn.Conv2d)
        and part.kernel_size[0] == part.kernel_size[1] > size
        and part.kernel_size[0] % 2
        and part.padding == tuple(dilation * (part.kernel_size[0] // 2) for dilation in part.dilation)
    ]
    return larger if size > 1 else [part for part in larger[-1:] if part.groups == 1]
