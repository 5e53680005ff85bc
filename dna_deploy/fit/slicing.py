"""Narrower copies of a unit that keep some of its hidden channels with their weights, proved equal to masking the others."""

from __future__ import annotations

import copy
from collections.abc import Sequence

import torch
from torch import nn

from dna_deploy.errors import UsageError
from dna_deploy.fit.channels import ChannelGroup, channels_last, hooked

TOLERANCE = 1e-4
"""Of two ways to compute the same, relative to the largest number."""


@torch.no_grad()
def sliced(unit: nn.Module, group: ChannelGroup, atoms: torch.Tensor, x: torch.Tensor) -> nn.Module:
    """A copy of a unit that has only some atoms of a group, in the order in which they stood.

    Args:
        unit: One tensor in, one out; in inference mode.
        group: Of its hidden channels.
        atoms: Numbers of those to keep.
        x: An input to prove it by: the copy computes what the unit does whose other channels nobody reads.

    Raises:
        UsageError: it does not, such as where code counts on a number of channels that is written nowhere.
    """
    atoms = atoms.sort().values
    expected, problem = masked_output(unit, group, atoms, x), "another shape"
    for rescales in (False, True):
        narrow = copy.deepcopy(unit)
        if rescales and not _rescale(narrow, group, len(atoms)):
            break
        for name in dict.fromkeys((*group.rows, *group.columns, *group.carried)):
            _narrow(narrow.get_submodule(name), name, group, atoms)
        try:
            output = narrow(x.clone())
        except (RuntimeError, AssertionError, ValueError, TypeError, IndexError) as error:
            problem = str(error).partition("\n")[0][:120]
            continue
        if is_close(output, expected):
            return narrow
        problem = "it computes something else than with those channels masked"
    raise UsageError(f"{group.name} cannot be narrowed to {len(atoms)} of {group.atoms}: {problem}")


@torch.no_grad()
def masked_output(unit: nn.Module, group: ChannelGroup, atoms: torch.Tensor, x: torch.Tensor) -> torch.Tensor:
    """What a unit gives if nobody reads its channels but those of some atoms."""
    hooks = {}
    for name, columns in group.columns.items():
        layer = unit.get_submodule(name)

        def mask(module: nn.Module, inputs: tuple[torch.Tensor, ...], columns: torch.Tensor = columns) -> torch.Tensor:
            values = inputs[0].clone()
            dropped = torch.ones(len(columns), dtype=torch.bool)
            dropped[atoms] = False
            channels_last(module, values)[..., columns[dropped].flatten()] = 0
            return values

        hooks[layer] = mask
    with hooked(hooks, before=True):
        output: torch.Tensor = unit(x.clone())
    return output


@torch.no_grad()
def permuted(unit: nn.Module, group: ChannelGroup, order: torch.Tensor) -> nn.Module:
    """A copy of a unit with the atoms of a group in another order; if the group is right, it computes the same."""
    copied = copy.deepcopy(unit)
    for side, names, dim in (
        (group.carried, ("weight", "bias", "running_mean", "running_var"), 0),
        (group.rows, ("weight", "bias"), 0),
        (group.columns, ("weight",), 1),
    ):
        for name, indices in side.items():
            layer = copied.get_submodule(name)
            sizes = [tensor.shape[dim] for tensor in (getattr(layer, kind, None) for kind in names) if tensor is not None]
            moved = torch.arange(sizes[0])
            moved[indices.flatten()] = indices[order].flatten()
            _take(layer, names, moved, dim)
    return copied


def is_close(output: torch.Tensor, expected: torch.Tensor, tolerance: float = TOLERANCE) -> bool:
    """Whether two tensors are the same but for rounding."""
    if output.shape != expected.shape:
        return False
    return bool((output - expected).abs().max() <= tolerance * expected.abs().max().clamp_min(1e-12))


def _narrow(layer: nn.Module, name: str, group: ChannelGroup, atoms: torch.Tensor) -> None:
    """Takes the channels of all other atoms out of a layer, in place."""
    kind = "features" if isinstance(layer, nn.Linear) else "channels"
    if name in group.carried:
        _narrow_carrier(layer, _channels(group.carried[name], atoms))
    if name in group.rows:
        kept = _channels(group.rows[name], atoms)
        _take(layer, ("weight", "bias"), kept)
        setattr(layer, f"out_{kind}", len(kept))
    if name in group.columns:
        kept = _channels(group.columns[name], atoms)
        _take(layer, ("weight",), kept, dim=1)
        setattr(layer, f"in_{kind}", len(kept))


def _channels(indices: torch.Tensor, atoms: torch.Tensor) -> torch.Tensor:
    return indices[atoms].flatten().sort().values


def _narrow_carrier(layer: nn.Module, kept: torch.Tensor) -> None:
    _take(layer, ("weight", "bias", "running_mean", "running_var"), kept)
    match layer:
        case nn.Conv2d():
            layer.groups = len(kept) * layer.groups // layer.out_channels
            layer.in_channels = layer.groups * layer.weight.shape[1]
            layer.out_channels = len(kept)
        case nn.PReLU():
            layer.num_parameters = len(kept)
        case _:
            layer.num_features = len(kept)  # type: ignore[assignment]


def _take(layer: nn.Module, names: Sequence[str], kept: torch.Tensor, dim: int = 0) -> None:
    for name in names:
        tensor = getattr(layer, name, None)
        if isinstance(tensor, nn.Parameter):
            setattr(layer, name, nn.Parameter(tensor.detach().index_select(dim, kept), tensor.requires_grad))
        elif tensor is not None:
            setattr(layer, name, tensor.index_select(dim, kept))


def _rescale(unit: nn.Module, group: ChannelGroup, count: int) -> bool:
    """Numbers of heads or of hidden channels that modules around the layers note down; whether there are any."""
    sizes = {group.atoms, *(side[name].numel() for side in (group.rows, group.columns) for name in side)}
    parents = {name.rpartition(".")[0] for name in (*group.rows, *group.columns)}
    around = {
        unit.get_submodule(".".join(parent.split(".")[:depth])) for parent in parents for depth in range(parent.count(".") + 2)
    }
    noted = [
        (module, name, value)
        for module in around
        for name, value in vars(module).items()
        if type(value) is int and value in sizes and not name.startswith("_")
    ]
    for module, name, value in noted:
        setattr(module, name, value * count // group.atoms)
    return bool(noted)
