"""Layers in 8 bits for kits: rounded by the very quantiser of final networks, at plausible scales in place of learnt ones.

Time does not depend on scales, and equal ones compress to nothing. Between two layers of a final network there are only
bytes: a layer of a kit takes bytes and gives bytes, and only a whole network begins and ends in single precision.
"""

from __future__ import annotations

import dataclasses
import tempfile
from collections.abc import Mapping, Sequence
from itertools import chain
from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, numpy_helper

from dna_deploy.export.formats.graph_parts import ROUNDING, GraphParts
from dna_deploy.export.formats.onnx_graph import INPUT_NAME, OUTPUT_NAME
from dna_deploy.export.runtimes.onnx_runtime import quantised

_ACTIVATION_SCALE, _WEIGHT_SCALE = 2.0**-5, 2.0**-7
_SCALES = {
    TensorProto.UINT8: _ACTIVATION_SCALE,
    TensorProto.INT8: _WEIGHT_SCALE,
    TensorProto.INT32: _ACTIVATION_SCALE * _WEIGHT_SCALE,
}
"""By what is rounded: activations, weights, biases."""
_ZERO_POINTS = {TensorProto.UINT8: 128, TensorProto.INT8: 0, TensorProto.INT32: 0}


def quantise_side_by_side(model: onnx.ModelProto) -> onnx.ModelProto:
    """The layers of `export_side_by_side` with 8-bit weights and activations; scales are constants."""
    rng = np.random.default_rng(0)
    feed = {
        value.name: rng.standard_normal([size.dim_value for size in value.type.tensor_type.shape.dim], dtype=np.float32)
        for value in model.graph.input
    }
    with tempfile.TemporaryDirectory(prefix="dna-deploy-") as folder:
        path = Path(folder, "layers.onnx")
        onnx.save(model, path)
        rounded: onnx.ModelProto = quantised(path, [feed])
    _set_scales(rounded.graph)
    return rounded


def joined(parts: Sequence[GraphParts], wires: Sequence[Sequence[int]]) -> GraphParts:
    """One network out of layers that begin and end in single precision; see `GraphParts.joined`.

    Between two 8-bit layers only bytes pass, where the one reads nothing else and nothing else reads the other.
    """
    ends, sources = list(parts), list(chain.from_iterable(wires))
    for place, read in enumerate(wires):
        if len(read) != 1 or read[0] < 0 or sources.count(read[0]) != 1:
            continue
        before, after = _giving_bytes(ends[read[0]]), _taking_bytes(ends[place])
        if before.output.type.tensor_type.elem_type == after.inputs[0].type.tensor_type.elem_type:
            ends[read[0]], ends[place] = before, after
    return _sharing_scales(GraphParts.joined(ends, wires))


def alone(part: GraphParts) -> GraphParts:
    """A layer as it stands within a network: an 8-bit one takes bytes and gives bytes."""
    return _sharing_scales(_giving_bytes(_taking_bytes(part)))


def _taking_bytes(part: GraphParts) -> GraphParts:
    """The part without the rounding of its input, if rounding is all that happens to its input."""
    readers = [node for node in part.nodes if INPUT_NAME in node.input]
    if [node.op_type for node in readers] != ["QuantizeLinear"] or len(part.inputs) > 1:
        return part
    names = {readers[0].output[0]: INPUT_NAME}
    nodes = tuple(_with_names(node, names) for node in part.nodes if node is not readers[0])
    return dataclasses.replace(part, nodes=nodes, inputs=(_of_bytes(part.inputs[0]),))


def _giving_bytes(part: GraphParts) -> GraphParts:
    """The part without the conversion of its output back to single precision, if there is one."""
    (last,) = (node for node in part.nodes if OUTPUT_NAME in node.output)
    if last.op_type != "DequantizeLinear" or last.input[0] == INPUT_NAME:
        return part
    names = {last.input[0]: OUTPUT_NAME}
    nodes = tuple(_with_names(node, names) for node in part.nodes if node is not last)
    return dataclasses.replace(part, nodes=nodes, output=_of_bytes(part.output))


def _sharing_scales(part: GraphParts) -> GraphParts:
    """The part with each scale and zero point held once: a kit is to be small."""
    scales = {name for node in part.nodes if node.op_type in ROUNDING for name in node.input[1:]}
    first: dict[tuple[object, ...], str] = {}
    content = {tensor.name: (tensor.data_type, *tensor.dims, tensor.raw_data) for tensor in part.tensors}
    names = {name: first.setdefault(content[name], name) for name in content if name in scales}
    shared = set(names.values())
    return dataclasses.replace(
        part,
        nodes=tuple(_with_names(node, names) for node in part.nodes),
        tensors=tuple(tensor for tensor in part.tensors if tensor.name not in names or tensor.name in shared),
    )


def _with_names(node: onnx.NodeProto, names: Mapping[str, str]) -> onnx.NodeProto:
    """The node with some of its values called otherwise."""
    renamed = onnx.NodeProto()
    renamed.CopyFrom(node)
    renamed.input[:] = [names.get(name, name) for name in node.input]
    renamed.output[:] = [names.get(name, name) for name in node.output]
    return renamed


def _of_bytes(value: onnx.ValueInfoProto) -> onnx.ValueInfoProto:
    changed = onnx.ValueInfoProto()
    changed.CopyFrom(value)
    changed.type.tensor_type.elem_type = TensorProto.UINT8
    return changed


def _set_scales(graph: onnx.GraphProto) -> None:
    """Gives every rounding the scale and zero point of its kind, in place."""
    tensors = {tensor.name: tensor for tensor in graph.initializer}
    for node in graph.node:
        if node.op_type in ROUNDING:
            scale, zero_point = (tensors[name] for name in node.input[1:])
            kind = zero_point.data_type
            for tensor, value in ((scale, _SCALES[kind]), (zero_point, _ZERO_POINTS[kind])):
                dtype = onnx.helper.tensor_dtype_to_np_dtype(tensor.data_type)
                tensor.CopyFrom(numpy_helper.from_array(np.full(tuple(tensor.dims), value, dtype), tensor.name))
