"""OpenVINO: its own format (IR), and the scores that an ONNX file or an IR gives there."""

from __future__ import annotations

import dataclasses
import tempfile
from pathlib import Path
from typing import Any

import numpy as np

from dna_deploy.errors import DependencyError, UsageError
from dna_deploy.export.checks.judge import Array, Judge, in_batches
from dna_deploy.export.formats.catalog import Conversion, Format


def judge(path: Path) -> Judge:
    """Runs an ONNX file or an IR (``.xml``) on one thread of the CPU, in the precision of the file.

    Raises:
        DependencyError: OpenVINO is not installed.
        UsageError: OpenVINO cannot run the model.
    """
    openvino = _openvino()
    # Without the hint OpenVINO computes in bfloat16 where the processor can, which is not what the file says.
    options = {"INFERENCE_NUM_THREADS": 1, "INFERENCE_PRECISION_HINT": "f32"}
    try:
        compiled = openvino.Core().compile_model(str(path), "CPU", options)
    except RuntimeError as error:
        raise UsageError(f"OpenVINO cannot load {path}: {' '.join(str(error).split())}") from error
    batch = compiled.inputs[0].partial_shape[0]

    def scores(images: Array) -> Array:
        return np.asarray(compiled(images)[0])

    return in_batches(scores, batch.get_length() if batch.is_static else None)


def convert(conversion: Conversion, path: Path) -> None:
    """Writes ``path`` (``.xml``) and the weights beside it (``.bin``), in single precision."""
    _convert(conversion, path, compress_to_fp16=False)


def convert_to_fp16(conversion: Conversion, path: Path) -> None:
    """Writes ``path`` (``.xml``) and the weights beside it (``.bin``), stored in half precision."""
    _convert(conversion, path, compress_to_fp16=True)


def convert_pictures(conversion: Conversion, path: Path) -> None:
    """Writes ``path`` (``.xml``) with pre-processing and softmax inside; pictures are resized as Pillow does it."""
    import onnx

    from dna_deploy.export.formats.preprocessing import with_preprocessing

    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder, "pictures.onnx")
        onnx.save(with_preprocessing(conversion), file)
        _convert(dataclasses.replace(conversion, onnx_file=file), path, compress_to_fp16=False)


IR = Format(".openvino.xml", "fp32", ("openvino",), convert)
IR_FP16 = Format(".openvino-fp16.xml", "fp16", ("openvino",), convert_to_fp16)
IR_PICTURES = Format(".pictures.openvino.xml", "fp32", ("openvino",), convert_pictures, takes_pictures=True)


def _convert(conversion: Conversion, path: Path, *, compress_to_fp16: bool) -> None:
    openvino = _openvino()
    try:
        model = openvino.convert_model(str(conversion.onnx_file))
    except RuntimeError as error:
        raise UsageError(f"OpenVINO cannot convert {conversion.onnx_file}: {' '.join(str(error).split())}") from error
    if conversion.pictures is not None:
        _resize_as_pillow(model)
    for key, value in conversion.info.pairs().items():
        model.set_rt_info(value, key.split("."))
    try:
        openvino.save_model(model, str(path), compress_to_fp16=compress_to_fp16)
    except RuntimeError as error:
        raise UsageError(f"cannot write {path}: {' '.join(str(error).split())}", "free some space") from error


def _resize_as_pillow(model: Any) -> None:
    """OpenVINO reads ONNX's antialiased resize but does not antialias; it has an operation of its own for that."""
    from openvino import opset13

    for node in model.get_ops():
        if node.get_type_name() == "Interpolate":
            height, width = (node.get_output_partial_shape(0)[axis].get_length() for axis in (2, 3))
            size, none = opset13.constant(np.array([height, width])), [0, 0, 0, 0]
            resized = opset13.interpolate(
                node.input_value(0), size, "bilinear_pillow", "sizes", none, none, axes=opset13.constant(np.array([2, 3]))
            )
            node.output(0).replace(resized.output(0))


def _openvino() -> Any:
    try:
        import openvino
    except ModuleNotFoundError as error:
        raise DependencyError("openvino is not installed", "pip install 'dna-deploy[openvino]'") from error
    return openvino
