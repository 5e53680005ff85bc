"""Puts graphs of units into the graph of what is around them, without weights: a whole network out of its parts."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Self

import onnx
from onnx import TensorProto

from dna_deploy.export.formats.graph_parts import (
    GraphParts,
    WeightSpace,
    model_of,
    parameters_of,
    renamed_node,
    renamed_tensor,
    structure_of,
)
from dna_deploy.export.formats.onnx_graph import INPUT_NAME, OUTPUT_NAME


@dataclass(frozen=True)
class Skeleton:
    """A network whose units are gaps: unit ``i`` reads ``to<i>`` or another unit's ``from<j>``, and makes ``from<i>``."""

    nodes: tuple[onnx.NodeProto, ...]
    tensors: tuple[TensorProto, ...]
    inputs: tuple[onnx.ValueInfoProto, ...]
    outputs: tuple[onnx.ValueInfoProto, ...]
    sources: tuple[int | None, ...]

    @classmethod
    def of(cls, model: onnx.ModelProto, weights: WeightSpace, sources: Sequence[int | None]) -> Self:
        """The skeleton that an export left; see `Rest.exported`."""
        graph = model.graph
        read = {name for node in graph.node for name in node.input} | {value.name for value in graph.output}
        ends = {value.name for value in (*graph.input, *graph.output)}
        made = [name for node in graph.node for name in node.output if name and name not in ends]
        tensors = [tensor for tensor in graph.initializer if tensor.name in read]
        names = {name: name for name in ends} | {name: f"v{number}" for number, name in enumerate(made)}
        names |= {tensor.name: f"w{number}" for number, tensor in enumerate(tensors)}
        return cls(
            tuple(renamed_node(node, names) for node in graph.node),
            tuple(renamed_tensor(weights.place(tensor), names) for tensor in tensors),
            tuple(value for value in graph.input if value.name in read),
            tuple(graph.output),
            tuple(sources),
        )

    @cached_property
    def structure(self) -> str:
        """Digest of the graph without weights."""
        return structure_of(self.nodes, self.tensors, (*self.inputs, *self.outputs))

    @property
    def parameters(self) -> int:
        """Parameters in the exported file."""
        return parameters_of(self.tensors)

    def alone(self) -> bytes:
        """The rest as an ONNX file of its own: gaps are inputs and outputs."""
        return model_of(self.nodes, self.tensors, self.inputs, self.outputs)

    def with_units(self, units: Sequence[GraphParts]) -> bytes:
        """The whole network as an ONNX file, a unit for every gap."""
        nodes, tensors = list(self.nodes), list(self.tensors)
        for number, (unit, source) in enumerate(zip(units, self.sources, strict=True)):
            names = {name: f"u{number}{name}" for node in unit.nodes for name in node.output}
            names |= {tensor.name: f"u{number}{tensor.name}" for tensor in unit.tensors}
            names |= {INPUT_NAME: f"to{number}" if source is None else f"from{source}", OUTPUT_NAME: f"from{number}"}
            nodes += [renamed_node(node, names) for node in unit.nodes]
            tensors += [renamed_tensor(tensor, names) for tensor in unit.tensors]
        inputs = [value for value in self.inputs if not value.name.startswith("from")]
        ready = {*(value.name for value in inputs), *(tensor.name for tensor in tensors), ""}
        return model_of(_in_order(nodes, ready), tensors, inputs, self.outputs[:1])


def _in_order(nodes: Iterable[onnx.NodeProto], ready: set[str]) -> list[onnx.NodeProto]:
    """The nodes, none before what it reads."""
    ordered, waiting = list[onnx.NodeProto](), list(nodes)
    while waiting:
        later = []
        for node in waiting:
            if set(node.input) <= ready:
                ordered.append(node)
                ready.update(node.output)
            else:
                later.append(node)
        assert len(later) < len(waiting), "units feed each other in a circle"
        waiting = later
    return ordered
