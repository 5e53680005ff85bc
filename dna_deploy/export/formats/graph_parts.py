"""Cuts an exported graph into layers and chains layers into networks, all of them without weights."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import chain
from typing import Literal, Self

import onnx
from onnx import TensorProto, helper

from dna_deploy.errors import UsageError
from dna_deploy.export.formats.onnx_graph import INPUT_NAME, OPSET, OUTPUT_NAME, input_names, side_names
from dna_deploy.records.probe_kit import WEIGHTS_FILE, KitTensor

_INLINE = 2
"""Constants of so few elements are part of the computation (an exponent, a bound) unless they have a parameter's name."""

# A page: runtimes map the file into memory, and kernels like aligned weights.
_ALIGNMENT = 4096
_DTYPES: dict[int, Literal["float32", "float16", "int8", "int32"]] = {
    TensorProto.FLOAT: "float32", TensorProto.FLOAT16: "float16", TensorProto.INT8: "int8", TensorProto.INT32: "int32",
}  # fmt: skip
ROUNDING = ("QuantizeLinear", "DequantizeLinear")
"""Operators between single precision and 8 bits; their first input is what is rounded, the others say how."""


@dataclass
class WeightSpace:
    """Hands out places in the file of weights."""

    tensors: list[KitTensor] = field(default_factory=list)
    _end: int = 0

    def place(self, tensor: TensorProto) -> TensorProto:
        """A tensor of the same name and shape that points into the file; constants that are no weights stay as they are."""
        count = math.prod(tensor.dims)
        if tensor.data_type not in _DTYPES or (count <= _INLINE and not tensor.name.startswith("parts.")):
            return tensor
        # He et al. (arXiv 1502.01852): activations neither vanish nor grow. Biases keep them away from denormal numbers.
        deviation = math.sqrt(2 * tensor.dims[0] / count) if len(tensor.dims) > 1 else 0.1
        placed = KitTensor(offset=self._end, count=count, dtype=_DTYPES[tensor.data_type], deviation=deviation)
        self.tensors.append(placed)
        self._end = -(-(placed.offset + placed.bytes) // _ALIGNMENT) * _ALIGNMENT
        pointer = TensorProto(name=tensor.name, data_type=tensor.data_type, dims=tensor.dims)
        pointer.data_location = TensorProto.EXTERNAL
        for key, value in (("location", WEIGHTS_FILE), ("offset", placed.offset), ("length", placed.bytes)):
            pointer.external_data.add(key=key, value=str(value))
        return pointer


@dataclass(frozen=True)
class GraphParts:
    """A graph from `INPUT_NAME` (and others, see `input_names`) to `OUTPUT_NAME`."""

    nodes: tuple[onnx.NodeProto, ...]
    tensors: tuple[TensorProto, ...]
    inputs: tuple[onnx.ValueInfoProto, ...]
    output: onnx.ValueInfoProto

    @classmethod
    def empty(cls) -> Self:
        """Next to nothing: what a run costs whatever it computes."""
        value = (TensorProto.FLOAT, [1, 1, 1, 1])
        return cls(
            (helper.make_node("Neg", [INPUT_NAME], [OUTPUT_NAME]),),
            (),
            (helper.make_tensor_value_info(INPUT_NAME, *value),),
            helper.make_tensor_value_info(OUTPUT_NAME, *value),
        )

    @classmethod
    def of_output(cls, model: onnx.ModelProto, index: int, weights: WeightSpace, received: int = 1) -> Self:
        """What leads to ``output<index>`` of a graph of independent layers from its own inputs, so many as are ``received``."""
        graph = model.graph
        needed = {graph.output[index].name}
        nodes = []
        for node in reversed(graph.node):
            if needed & set(node.output):
                nodes.append(node)
                needed.update(node.input)
        scales = {name for node in nodes if node.op_type in ROUNDING for name in node.input[1:]}
        read = [tensor for tensor in graph.initializer if tensor.name in needed]
        tensors = [tensor if tensor.name in scales else weights.place(tensor) for tensor in read]
        inputs = [value for value in graph.input if value.name in needed]
        if [value.name for value in inputs] != list(side_names(index, received)):
            raise UsageError(f"layer {index} of the exported graph reads {[value.name for value in inputs]}")
        names = dict(zip(side_names(index, received), input_names(received), strict=True))
        names[graph.output[index].name] = OUTPUT_NAME
        names.update({tensor.name: f"w{number}" for number, tensor in enumerate(tensors)})
        made = [name for node in reversed(nodes) for name in node.output if name not in names]
        names.update({name: f"v{number}" for number, name in enumerate(made)})
        return cls(
            tuple(renamed_node(node, names) for node in reversed(nodes)),
            tuple(renamed_tensor(tensor, names) for tensor in tensors),
            tuple(renamed_value(value, names[value.name]) for value in inputs),
            renamed_value(graph.output[index], OUTPUT_NAME),
        )

    @classmethod
    def joined(cls, parts: Sequence[GraphParts], wires: Sequence[Sequence[int]]) -> Self:
        """One network out of layers, the last of which makes its output.

        Args:
            parts: the layers, none before those that it reads from.
            wires: for every layer, the numbers of the layers that it reads from; -1 is the network's first input, and so on.
        """
        nodes: list[onnx.NodeProto] = []
        tensors: list[TensorProto] = []
        inputs: dict[str, onnx.ValueInfoProto] = {}
        own = input_names(-min(chain.from_iterable(wires)))
        for place, (part, sources) in enumerate(zip(parts, wires, strict=True)):
            inside = [name for node in part.nodes for name in node.output]
            names = {name: f"{place}{name}" for name in (*inside, *(tensor.name for tensor in part.tensors))}
            read = [own[-1 - source] if source < 0 else f"{source}{OUTPUT_NAME}" for source in sources]
            names.update(zip((value.name for value in part.inputs), read, strict=True))
            names[OUTPUT_NAME] = OUTPUT_NAME if place == len(parts) - 1 else f"{place}{OUTPUT_NAME}"
            inputs.update(
                {name: renamed_value(value, name) for name, value in zip(read, part.inputs, strict=True) if name in own}
            )
            nodes.extend(renamed_node(node, names) for node in part.nodes)
            tensors.extend(renamed_tensor(tensor, names) for tensor in part.tensors)
        return cls(tuple(nodes), tuple(tensors), tuple(inputs[name] for name in own), parts[-1].output)

    def as_model(self) -> bytes:
        """The graph as an ONNX file."""
        return model_of(self.nodes, self.tensors, self.inputs, (self.output,))

    @property
    def structure(self) -> str:
        """Digest of the graph without weights."""
        return structure_of(self.nodes, self.tensors, (*self.inputs, self.output))

    @property
    def parameters(self) -> int:
        """Parameters in the exported file."""
        return parameters_of(self.tensors)


def model_of(
    nodes: Sequence[onnx.NodeProto],
    tensors: Sequence[TensorProto],
    inputs: Sequence[onnx.ValueInfoProto],
    outputs: Sequence[onnx.ValueInfoProto],
) -> bytes:
    """A graph as an ONNX file."""
    graph = helper.make_graph(nodes, "probe", list(inputs), list(outputs), tensors)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", OPSET)], ir_version=10)
    content: bytes = model.SerializeToString(deterministic=True)
    return content


def structure_of(nodes: Sequence[onnx.NodeProto], tensors: Sequence[TensorProto], ends: Sequence[onnx.ValueInfoProto]) -> str:
    """Digest of what a graph computes on what shapes, whatever its weights are: equal ones run equally fast."""
    digest = hashlib.sha256()
    for tensor in tensors:
        is_weight = tensor.data_location == TensorProto.EXTERNAL
        same = TensorProto(name=tensor.name, data_type=tensor.data_type, dims=tensor.dims) if is_weight else tensor
        digest.update(same.SerializeToString(deterministic=True))
    for node in nodes:
        digest.update(node.SerializeToString(deterministic=True))
    for end in ends:
        digest.update(end.SerializeToString(deterministic=True))
    return digest.hexdigest()[:16]


def parameters_of(tensors: Sequence[TensorProto]) -> int:
    """How many numbers of weights a graph points to."""
    return sum(math.prod(tensor.dims) for tensor in tensors if tensor.data_location == TensorProto.EXTERNAL)


def renamed_node(node: onnx.NodeProto, names: dict[str, str]) -> onnx.NodeProto:
    """A node that reads and makes tensors of other names."""
    inputs = [names[name] if name else "" for name in node.input]
    outputs = [names[name] if name else "" for name in node.output]
    renamed = onnx.NodeProto(op_type=node.op_type, domain=node.domain, input=inputs, output=outputs)
    renamed.attribute.extend(node.attribute)
    return renamed


def renamed_tensor(tensor: TensorProto, names: dict[str, str]) -> TensorProto:
    """A tensor of another name."""
    renamed = TensorProto()
    renamed.CopyFrom(tensor)
    renamed.name = names[tensor.name]
    return renamed


def renamed_value(value: onnx.ValueInfoProto, name: str) -> onnx.ValueInfoProto:
    """An input or output of another name."""
    renamed = onnx.ValueInfoProto(name=name)
    renamed.type.CopyFrom(value.type)
    return renamed
