"""A layer at its place: the key of every latency row, with exact static costs and a text form for files."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, fields
from functools import cached_property
from typing import Any, Self

from dna_deploy.errors import UsageError
from dna_deploy.plugins import group, load_plugin, plugin_names, plugin_path
from dna_deploy.spaces.operations import Convolution, FeatureMap, Operation

OPERATIONS = {
    "conv": "dna_deploy.spaces.operations:Conv",
    "pointwise": "dna_deploy.spaces.operations:Pointwise",
    "mbconv": "dna_deploy.spaces.operations:MBConv",
    "head": "dna_deploy.spaces.operations:ClassifierHead",
}
"""Kind in files -> class. Further kinds come from the entry points ``dna_deploy.operations``."""

_KEY = re.compile(r"(?P<kind>[a-z][a-z0-9_]*)\((?P<fields>[^()]*)\) (?P<shape>\d+x\d+x\d+)->(?P<out>\d+)/(?P<stride>\d+)")


def describe_operation(operation: Operation) -> str:
    """The full text form of an operation, such as ``mbconv(kernel_size=3,expansion=6,se_ratio=0.25,activation=silu)``."""
    values = ",".join(f"{field.name}={getattr(operation, field.name)}" for field in fields(operation))  # type: ignore[arg-type]
    return f"{kind_of(operation)}({values})"


def kind_of(operation: Operation) -> str:
    """The name under which an operation's class is known: ours from the table, others from their entry point."""
    path = f"{type(operation).__module__}:{type(operation).__qualname__}"
    for kind in plugin_names("operation", OPERATIONS):
        if plugin_path("operation", kind, OPERATIONS) == path:
            return kind
    raise UsageError(f"the operation {path} has no name", f"offer it as an entry point of the group {group('operation')!r}")


def _operation(kind: str, text: str, key: str) -> Operation:
    cls: Any = load_plugin("operation", kind, OPERATIONS)
    types = {field.name: getattr(field.type, "__name__", str(field.type)) for field in fields(cls)}
    values: dict[str, Any] = {}
    for pair in filter(None, text.split(",")):
        name, _, value = pair.partition("=")
        if name not in types:
            raise UsageError(f"operation {kind!r} has no field {name!r}, in {key!r}", f"known: {', '.join(types)}")
        try:
            values[name] = {"int": int, "float": float, "str": str}[types[name]](value)
        except (KeyError, ValueError) as error:
            raise UsageError(f"cannot read {pair!r} in layer {key!r}") from error
    try:
        operation = cls(**values)
    except TypeError as error:
        raise UsageError(f"layer {key!r} lacks a field of {kind!r}", f"it needs {', '.join(types)}") from error
    assert isinstance(operation, Operation)
    return operation


@dataclass(frozen=True)
class PlacedLayer:
    """An operation with what it receives and what it must emit."""

    operation: Operation
    input: FeatureMap
    out_channels: int
    stride: int

    @cached_property
    def key(self) -> str:
        """The layer as one line of text; `parse` reads it back."""
        return f"{describe_operation(self.operation)} {self.input}->{self.out_channels}/{self.stride}"

    @classmethod
    def parse(cls, key: str) -> Self:
        """The layer that a `key` names."""
        match = _KEY.fullmatch(key)
        if match is None:
            raise UsageError(f"cannot read layer {key!r}", "a layer looks like pointwise(activation=silu) 16x28x28->24/2")
        channels, height, width = map(int, match["shape"].split("x"))
        operation = _operation(match["kind"], match["fields"], key)
        return cls(operation, FeatureMap(channels, height, width), int(match["out"]), int(match["stride"]))

    @cached_property
    def output(self) -> FeatureMap:
        return self.operation.output(self.input, self.out_channels, self.stride)

    @cached_property
    def convolutions(self) -> tuple[Convolution, ...]:
        return self.operation.convolutions(self.input, self.out_channels, self.stride)

    @property
    def parameters(self) -> int:
        """Trainable parameters, as training frameworks count them."""
        return sum(conv.parameters for conv in self.convolutions)

    @property
    def deployed_parameters(self) -> int:
        """Parameters in the exported file, batch norm folded."""
        return sum(conv.deployed_parameters for conv in self.convolutions)

    @property
    def macs(self) -> int:
        """Multiply-accumulate operations of convolutions and linear maps, for one image."""
        return sum(conv.macs for conv in self.convolutions)

    @property
    def peak_activation_elements(self) -> int:
        """The most activation elements alive at once, in-place activations assumed: input and output of the largest
        step, plus the layer's input where a residual keeps it.
        """
        residual = self.input.elements if self.operation.has_residual(self.input, self.out_channels, self.stride) else 0
        steps = [(conv.input.elements + conv.output.elements, conv.input is self.input) for conv in self.convolutions]
        if not self.convolutions:  # a skip or a pool
            return self.input.elements + self.output.elements
        if self.convolutions[0].input is not self.input:  # it was pooled first
            steps.append((self.input.elements + self.convolutions[0].input.elements, True))
        return max(elements if is_first else elements + residual for elements, is_first in steps)

    def __str__(self) -> str:
        return f"{self.operation.code} {self.input}->{self.out_channels}/{self.stride}"


def place_chain(layers: Iterable[tuple[Operation, int, int]], input: FeatureMap) -> tuple[PlacedLayer, ...]:
    """Layers in a row behind ``input``, each from its operation, its output channels and its stride."""
    placed = []
    for operation, channels, stride in layers:
        placed.append(PlacedLayer(operation, input, channels, stride))
        input = placed[-1].output
    return tuple(placed)
