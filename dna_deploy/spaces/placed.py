"""A layer at its place: the key of every latency row, with exact static costs and a text form for files."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, fields
from functools import cached_property
from typing import Any, Self

from dna_deploy.errors import UsageError
from dna_deploy.plugins import group, load_plugin, plugin_names, plugin_path
from dna_deploy.spaces.operations import Operation, Place
from dna_deploy.spaces.shapes import Shape, parse_shape
from dna_deploy.spaces.step import Step

OPERATIONS = {
    "conv": "dna_deploy.spaces.operations:Conv",
    "pointwise": "dna_deploy.spaces.operations:Pointwise",
    "mbconv": "dna_deploy.spaces.operations:MBConv",
    "head": "dna_deploy.spaces.operations:ClassifierHead",
    "patches": "dna_deploy.spaces.operations.tokens:Patches",
    "attention": "dna_deploy.spaces.operations.tokens:SelfAttention",
    "feed_forward": "dna_deploy.spaces.operations.tokens:FeedForward",
    "add": "dna_deploy.spaces.operations.tokens:Add",
    "concatenate": "dna_deploy.spaces.operations.tokens:Concatenate",
    "token_head": "dna_deploy.spaces.operations.heads:TokenHead",
    "window_attention": "dna_deploy.spaces.operations.window_attention:WindowAttention",
    "uib": "dna_deploy.spaces.operations.uib:UIB",
    "fused_mbconv": "dna_deploy.spaces.operations.fused_mbconv:FusedMBConv",
    "mobile_attention": "dna_deploy.spaces.operations.mobile_attention:MobileAttention",
    "grouped_conv": "dna_deploy.spaces.operations.simple:GroupedConv",
    "pool": "dna_deploy.spaces.operations.simple:Pool",
    "convnext": "dna_deploy.spaces.operations.convnext:ConvNeXt",
    "levit_attention": "dna_deploy.spaces.operations.map_attention:LevitAttention",
    "linear_attention": "dna_deploy.spaces.operations.map_attention:LinearAttention",
    "rep_conv": "dna_deploy.spaces.operations.reparameterised:RepConv",
    "rep_mixer": "dna_deploy.spaces.operations.reparameterised:RepMixer",
    "pooled_head": "dna_deploy.spaces.operations.heads:PooledHead",
    "dense_cell": "dna_deploy.spaces.operations.preactivated:DenseCell",
    "preactivated": "dna_deploy.spaces.operations.preactivated:PreactivatedBlock",
    "norm_head": "dna_deploy.spaces.operations.preactivated:NormHead",
    "conv_bottleneck": "dna_deploy.spaces.operations.hybrid:ConvBottleneck",
    "attention_bottleneck": "dna_deploy.spaces.operations.hybrid:AttentionBottleneck",
    "linear_head": "dna_deploy.spaces.operations.heads:LinearHead",
    "branches": "dna_deploy.spaces.operations.branches:Branches",
    "tails": "dna_deploy.spaces.operations.branches:Tails",
    "own": "dna_deploy.spaces.operations.own:OwnUnit",
}
"""Kind in files -> class. Further kinds come from the entry points ``dna_deploy.operations``."""

_KEY = re.compile(
    r"(?P<kind>[a-z][a-z0-9_]*)\((?P<fields>[^()]*)\) (?P<shapes>\d+(x\d+)+c?(\+\d+(x\d+)+c?)*)->(?P<out>\d+)/(?P<stride>\d+)"
)


def describe_operation(operation: Operation) -> str:
    """The full text form of an operation, such as ``mbconv(kernel_size=3,expansion=6,se_ratio=0.25,activation=silu)``."""
    values = ",".join(f"{field.name}={getattr(operation, field.name)}" for field in fields(operation))  # type: ignore[arg-type]
    return f"{kind_of(operation)}({values})"


def parse_operation(text: str) -> Operation:
    """The operation that `describe_operation` describes.

    Raises:
        UsageError: the text describes none.
    """
    kind, _, values = text.partition("(")
    return _operation(kind, values.removesuffix(")"), text)


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
    input: Shape
    out_channels: int
    stride: int = 1
    others: tuple[Shape, ...] = ()
    """What it receives besides its first input."""

    @property
    def inputs(self) -> tuple[Shape, ...]:
        """Everything that it receives."""
        return (self.input, *self.others)

    @property
    def place(self) -> Place:
        """Where the operation stands."""
        return Place(self.inputs, self.out_channels, self.stride)

    @cached_property
    def key(self) -> str:
        """The layer as one line of text, inputs with ``+`` between them; `parse` reads it back."""
        return f"{describe_operation(self.operation)} {self._places}"

    @property
    def _places(self) -> str:
        return f"{'+'.join(map(str, self.inputs))}->{self.out_channels}/{self.stride}"

    @classmethod
    def parse(cls, key: str) -> Self:
        """The layer that a `key` names."""
        parts = _KEY.fullmatch(key)
        if parts is None:
            raise UsageError(f"cannot read layer {key!r}", "a layer looks like pointwise(activation=silu) 16x28x28->24/2")
        first, *others = map(parse_shape, parts["shapes"].split("+"))
        operation = _operation(parts["kind"], parts["fields"], key)
        return cls(operation, first, int(parts["out"]), int(parts["stride"]), tuple(others))

    @cached_property
    def output(self) -> Shape:
        return self.operation.output(self.place)

    @cached_property
    def steps(self) -> tuple[Step, ...]:
        return self.operation.steps(self.place)

    @property
    def has_residual(self) -> bool:
        """Whether the input is kept and added to the result."""
        return self.operation.has_residual(self.place)

    @property
    def parameters(self) -> int:
        """Trainable parameters, as training frameworks count them."""
        return sum(step.weights + step.folded for step in self.steps)

    @property
    def deployed_parameters(self) -> int:
        """Parameters in the exported file, batch norm folded."""
        return sum(step.weights for step in self.steps)

    @property
    def macs(self) -> int:
        """Multiply-accumulate operations for one image."""
        return sum(step.macs for step in self.steps)

    @property
    def peak_activation_elements(self) -> int:
        """The most activation elements alive at once, in-place activations assumed: inputs and output of the largest
        step, plus the layer's input where a residual keeps it. What other layers keep for later is not counted.
        """
        received = sum(shape.elements for shape in self.inputs)
        if not self.steps:  # a skip or a pool
            return received + self.output.elements
        kept = self.input.elements if self.has_residual else 0
        alive = [sum(shape.elements for shape in (*step.inputs, step.output)) for step in self.steps]
        is_first = [step.inputs[0] is self.input for step in self.steps]
        if not is_first[0]:  # it was pooled first
            alive, is_first = [*alive, received + self.steps[0].inputs[0].elements], [*is_first, True]
        return max(elements if first else elements + kept for elements, first in zip(alive, is_first, strict=True))

    def __str__(self) -> str:
        return f"{self.operation.code} {self._places}"


def place_chain(layers: Iterable[tuple[Operation, int, int]], input: Shape) -> tuple[PlacedLayer, ...]:
    """Layers in a row behind ``input``, each from its operation, its output channels and its stride."""
    placed = []
    for operation, channels, stride in layers:
        placed.append(PlacedLayer(operation, operation.received(input), channels, stride))
        input = placed[-1].output
    return tuple(placed)


def in_a_row(layers: Sequence[PlacedLayer]) -> tuple[tuple[int, ...], ...]:
    """The wires of layers of which each receives what the one before it emits; see `SearchSpace.wires`."""
    return tuple((number - 1,) for number in range(len(layers)))
