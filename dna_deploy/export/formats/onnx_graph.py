"""A torch module as an ONNX model: the one way in which anything leaves torch, probes and final networks alike."""

from __future__ import annotations

import copy
import logging
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from itertools import islice

import onnx
import torch
from torch import nn
from torch.nn.utils.fusion import fuse_conv_bn_eval

from dna_deploy.export.formats.onnx_lacks import lacking
from dna_deploy.nets.layers.reparameterised import Reparameterised
from dna_deploy.spaces.shapes import Shape

OPSET = 18
INPUT_NAME = "input"
OUTPUT_NAME = "output"


def export_onnx(module: nn.Module, inputs: Shape | Sequence[Shape], batch: int | None = 1) -> onnx.ModelProto:
    """The module in inference mode as ONNX: ``input`` ``(batch, *input)`` -> ``output``; batch norms folded, weights inside.

    The module itself is not changed. A ``batch`` of None is left open in the model. Further inputs are called ``input1`` and
    so on.

    Raises:
        UsageError: the exporter lacks an operator that the module uses; message and hint name it and its layer.
    """
    folded = fold_batch_norms(copy.deepcopy(module).eval())
    shapes = (inputs,) if isinstance(inputs, Shape) else tuple(inputs)
    examples = tuple(_example(shape, batch or 2) for shape in shapes)
    return export_module(folded, examples, input_names(len(shapes)), (OUTPUT_NAME,), open_batch=batch is None)


def input_names(count: int) -> tuple[str, ...]:
    """What the inputs of a graph are called."""
    return (INPUT_NAME, *(f"{INPUT_NAME}{number}" for number in range(1, count)))


def side_names(index: int, count: int) -> tuple[str, ...]:
    """What the inputs of the module ``index`` among several side by side are called."""
    return (f"{INPUT_NAME}{index}", *(f"{INPUT_NAME}{index}_{number}" for number in range(1, count)))


class _SideBySide(nn.Module):
    """Several modules that have nothing to do with each other, as one."""

    def __init__(self, modules: Sequence[nn.Module], counts: Sequence[int]) -> None:
        super().__init__()
        self.parts, self.counts = nn.ModuleList(modules), tuple(counts)

    def forward(self, *inputs: torch.Tensor) -> tuple[torch.Tensor, ...]:
        left = iter(inputs)
        return tuple(module(*islice(left, count)) for module, count in zip(self.parts, self.counts, strict=True))


def export_side_by_side(
    modules: Sequence[nn.Module], inputs: Sequence[Sequence[Shape]], batch: int = 1, *, half: bool = False
) -> onnx.ModelProto:
    """Several modules as one graph, ``input0`` -> ``output0`` and so on: far faster than one export each.

    Inputs are called as `side_names` says; ``half`` makes them half precision, as the modules must then be.

    The modules are used up: their batch norms are folded in place.
    """
    folded = _SideBySide([fold_batch_norms(module.eval()) for module in modules], [len(shapes) for shapes in inputs])
    inputs_of = tuple(name for index, shapes in enumerate(inputs) for name in side_names(index, len(shapes)))
    outputs_of = tuple(f"{OUTPUT_NAME}{index}" for index in range(len(modules)))
    dtype = torch.float16 if half else torch.float32
    examples = tuple(_example(shape, batch).to(dtype) for shapes in inputs for shape in shapes)
    return export_module(folded, examples, inputs_of, outputs_of)


def _example(shape: Shape, batch: int) -> torch.Tensor:
    return torch.zeros(batch, *shape.sizes)


def export_module(
    module: nn.Module,
    examples: tuple[torch.Tensor, ...],
    inputs: Sequence[str],
    outputs: Sequence[str],
    *,
    open_batch: bool = False,
) -> onnx.ModelProto:
    """A module as it is, with tensors that it may be called with and the names of what goes in and comes out.

    Raises:
        UsageError: the exporter lacks an operator that the module uses; message and hint name it and its layer.
    """
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
    """Folds each batch norm that follows a convolution in an `nn.Sequential` into it, in place; evaluation mode only.

    What is left becomes a scale and a shift, and branches that are one convolution become it.
    """
    if isinstance(module, Reparameterised):
        return module.folded()
    for name, child in module.named_children():
        setattr(module, name, fold_batch_norms(child))
    if isinstance(module, nn.Sequential):
        for index in range(len(module) - 1):
            conv, norm = module[index], module[index + 1]
            if isinstance(conv, nn.Conv2d) and isinstance(norm, nn.BatchNorm2d):
                module[index], module[index + 1] = fuse_conv_bn_eval(conv, norm), nn.Identity()
    for name, child in module.named_children():
        if isinstance(child, nn.BatchNorm2d):
            setattr(module, name, _Affine(child))
    return module


class _Affine(nn.Module):
    """A batch norm at work, channel by channel."""

    scale: torch.Tensor
    shift: torch.Tensor

    def __init__(self, norm: nn.BatchNorm2d) -> None:
        super().__init__()
        assert norm.running_mean is not None
        assert norm.running_var is not None
        scale = norm.weight.detach() / (norm.running_var + norm.eps).sqrt()
        self.register_buffer("scale", scale[:, None, None])
        self.register_buffer("shift", (norm.bias.detach() - norm.running_mean * scale)[:, None, None])

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x * self.scale + self.shift


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
