"""A torch module as an ONNX model: the one way in which anything leaves torch, probes and final networks alike."""

from __future__ import annotations

import copy
import logging
import warnings
from collections.abc import Iterator
from contextlib import contextmanager

import onnx
import torch
from torch import nn
from torch.nn.utils.fusion import fuse_conv_bn_eval

from dna_deploy.errors import UsageError
from dna_deploy.spaces.operations import FeatureMap

OPSET = 18
INPUT_NAME = "input"
OUTPUT_NAME = "output"


def export_onnx(module: nn.Module, input: FeatureMap, batch: int = 1) -> onnx.ModelProto:
    """The module in inference mode as ONNX: ``input`` ``(batch, *input)`` -> ``output``; batch norms folded, weights inside.

    The module itself is not changed.

    Raises:
        UsageError: the exporter lacks an operator that the module uses; the message names it.
    """
    folded = fold_batch_norms(copy.deepcopy(module).eval())
    example = torch.zeros(batch, input.channels, input.height, input.width)
    with _quiet_exporter():
        try:
            program = torch.onnx.export(
                folded, (example,), dynamo=True, opset_version=OPSET, input_names=[INPUT_NAME], output_names=[OUTPUT_NAME],
                verbose=False, external_data=False,
            )  # fmt: skip
        except torch.onnx.errors.OnnxExporterError as error:
            raise UsageError(f"cannot export {type(module).__name__} to ONNX: {error}") from error
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
