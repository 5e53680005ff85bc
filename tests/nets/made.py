"""Costs of layers, as others count them."""

from __future__ import annotations

import copy
import warnings

import onnx
import torch
from onnx import TensorProto

from dna_deploy.export.formats.onnx_graph import export_onnx, fold_batch_norms
from dna_deploy.nets.layers import build_layer
from dna_deploy.spaces.placed import PlacedLayer


def counted_by_fvcore(layer: PlacedLayer) -> tuple[int, int]:
    """Parameters and multiply-accumulates."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # fvcore scripts a loss of its own on import
        from fvcore.nn import FlopCountAnalysis, parameter_count

        module = build_layer(layer).eval()
        flops = FlopCountAnalysis(
            fold_batch_norms(copy.deepcopy(module)), tuple(torch.zeros(1, *shape.sizes) for shape in layer.inputs)
        )
        flops.unsupported_ops_warnings(enabled=False)
        by_operator = flops.by_operator()
    return parameter_count(module)[""], round(sum(by_operator[name] for name in ("conv", "linear", "matmul", "bmm")))


def told_by_onnx(layer: PlacedLayer) -> tuple[tuple[int, ...], int]:
    """The shape of the output as ONNX infers it, and the numbers that the file holds as weights."""
    module = build_layer(layer)
    with torch.no_grad():
        for values in module.parameters():
            values.uniform_(0.5, 1.5)  # the exporter drops zeros and merges equal tensors
    model = onnx.shape_inference.infer_shapes(export_onnx(module, layer.inputs), strict_mode=True)
    (output,) = model.graph.output
    weights = [tensor for tensor in model.graph.initializer if tensor.data_type == TensorProto.FLOAT and sum(tensor.dims)]
    sizes = (torch.Size(tensor.dims).numel() for tensor in weights)
    return tuple(size.dim_value for size in output.type.tensor_type.shape.dim), sum(sizes)
