"""Heads as text, which is how records and the tables of latencies name the end of a network."""

from __future__ import annotations

import hashlib

from dna_deploy.errors import UsageError
from dna_deploy.spaces.block import FixedLayer
from dna_deploy.spaces.chain import ChainSpace, HeadedSpace
from dna_deploy.spaces.placed import PlacedLayer, describe_operation
from dna_deploy.spaces.space import SearchSpace

_BETWEEN = " + "
_MARK, _MOST_OUTPUTS = 987_654_321, 1 << 15
"""What no head has, and more outputs than the classes of ImageNet-21k."""


def describe_head(head: tuple[FixedLayer, ...]) -> str:
    """One line such as ``head(hidden_channels=160,activation=silu)->10/1``; `parse_head` reads it back."""
    return _BETWEEN.join(f"{describe_operation(layer.operation)}->{layer.out_channels}/{layer.stride}" for layer in head)


def head_of(space: SearchSpace) -> str:
    """The head of a space's networks, as records name it; nothing where it is no part apart."""
    return describe_head(space.head) if isinstance(space, HeadedSpace) else ""


def parse_head(text: str) -> tuple[FixedLayer, ...]:
    """The head that a line names.

    Raises:
        UsageError: it cannot be read, or names an operation that is not installed here.
    """
    layers = []
    for part in filter(None, text.split(_BETWEEN)):
        operation, arrow, output = part.rpartition("->")
        if not arrow:
            raise UsageError(f"cannot read the head {text!r}", "a layer of it looks like head(hidden_channels=160)->10/1")
        layer = PlacedLayer.parse(f"{operation} 1x1x1->{output}")
        layers.append(FixedLayer(layer.operation, layer.out_channels, layer.stride))
    return tuple(layers)


def outputs_by_identity(space: ChainSpace, identity: str) -> int | None:
    """With how many outputs of its usual head a space has this `HeadedSpace.identity`; None where it is none of them.

    Before heads belonged to tasks, files named a space by that.
    """
    if not space.usual_head:
        return None
    before, after = space.text_with(space.head_for(_MARK)).split(str(_MARK))
    begun = hashlib.sha256(before.encode())
    counts: tuple[int, ...] = (space.usual_head[-1].out_channels, *range(1, _MOST_OUTPUTS + 1))
    for outputs in counts:
        whole = begun.copy()
        whole.update(f"{outputs}{after}".encode())
        if f"sha256:{whole.hexdigest()}" == identity:
            return outputs
    return None
