"""A torch module as an ONNX model: the one way in which anything leaves torch, probes and final networks alike."""

from __future__ import annotations

import copy
import logging
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import onnx
import torch
from torch import nn
from torch.nn.utils.fusion import fuse_conv_bn_eval

from dna_deploy.export.formats.onnx_lacks import lacking
from dna_deploy.spaces.operations import FeatureMap

OPSET = 18
INPUT_NAME = "input"
OUTPUT_NAME = "output"


def export_onnx(module: nn.Module, input: FeatureMap, batch: int | None = 1) -> onnx.ModelProto:
    """The module in inference mode as ONNX: ``input`` ``(batch, *input)`` -> ``output``; batch norms folded, weights inside.

    The module itself is not changed. A ``batch`` of None is left open in the model.

    Raises:
        UsageError: the exporter lacks an operator that the module uses; message and hint name it and its layer.
    """
    folded = fold_batch_norms(copy.deepcopy(module).eval())
    return _export(folded, (_example(input, batch or 2),), (INPUT_NAME,), (OUTPUT_NAME,), open_batch=batch is None)


class _SideBySide(nn.Module):
    """Several modules that have nothing to do with each other, as one."""

    def __init__(self, modules: Sequence[nn.Module]) -> None:
        super().__init__()
        self.parts = nn.ModuleList(modules)

    def forward(self, *inputs: torch.Tensor) -> tuple[torch.Tensor, ...]:
        return tuple(module(input) for module, input in zip(self.parts, inputs, strict=True))


def export_side_by_side(modules: Sequence[nn.Module], inputs: Sequence[FeatureMap], batch: int = 1) -> onnx.ModelProto:
    """Several modules as one graph, ``input0`` -> ``output0`` and so on: far faster than one export each.

    The modules are used up: their batch norms are folded in place.
    """
    folded = _SideBySide([fold_batch_norms(module.eval()) for module in modules])
    inputs_of = tuple(f"{INPUT_NAME}{index}" for index in range(len(modules)))
    outputs_of = tuple(f"{OUTPUT_NAME}{index}" for index in range(len(modules)))
    examples = tuple(_example(input, batch).to(next(folded.parameters()).dtype) for input in inputs)
    return _export(folded, examples, inputs_of, outputs_of)


def _example(input: FeatureMap, batch: int) -> torch.Tensor:
    return torch.zeros(batch, input.channels, input.height, input.width)


def _export(
    module: nn.Module,
    examples: tuple[torch.Tensor, ...],
    inputs: Sequence[str],
    outputs: Sequence[str],
    *,
    open_batch: bool = False,
) -> onnx.ModelProto:
    shapes = tuple({0: torch.export.Dim("batch")} for _ in examples) if open_batch else None
    with _quiet_exporter():
        try:
            program = torch.onnx.export(
                module, examples, dynamo=True, opset_version=OPSET, input_names=inputs, output_names=outputs,
                verbose=False, external_data=False, dynamic_shapes=shapes,
            )  # fmt: skip
        except torch.onnx.errors.OnnxExporterError as error:
            raise lacking(error, module, examples) from error
    assert program is not None
    model: onnx.ModelProto = program.model_proto
    return model


def fold_batch_norms(module: nn.Module) -> nn.Module:
    """Folds each batch norm that follows a convolution in an `nn.Sequential` into it, in place; evaluation mode only."""
    for child in module.children():
        fold_batch_norms(child)
    if isinstance(module, nn.Sequential):
        for index in range(len(module) - 1):
            conv, norm = module[index], module[index + 1]
            if isinstance(conv, nn.Conv2d) and isinstance(norm, nn.BatchNorm2d):
                module[index], module[index + 1] = fuse_conv_bn_eval(conv, norm), nn.Identity()
    return module


def draw_shifts(module: nn.Module) -> None:
    """Draws the shifts of fresh batch norms, in place, from torch's generator.

    They start as zeros, fold into zero biases, and those the exporter drops: an untrained network would then be a little
    smaller and faster than the same network trained.
    """
    for part in module.modules():
        if isinstance(part, nn.BatchNorm2d):
            nn.init.uniform_(part.bias, -0.1, 0.1)


@contextmanager
def _quiet_exporter() -> Iterator[None]:
    """Keeps the exporter's own deprecation warnings and log lines away from the user."""
    log = logging.getLogger("torch.onnx")
    level = log.level
    log.setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        log.setLevel(level)
