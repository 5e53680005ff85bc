"""ONNX Runtime: ONNX in half precision and in 8 bits, the scores that a file gives there, and what it says about itself.

Judging and reading need no ``onnx``, so that they work on a device; converting does.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import numpy as np

from dna_deploy.errors import DependencyError, UsageError
from dna_deploy.export.checks.judge import Array, Judge, in_batches
from dna_deploy.export.formats.catalog import Conversion, Format
from dna_deploy.records.files import check_name, write_atomically
from dna_deploy.texts import LOOKED_AT, mistaken

CALIBRATION_IMAGES = 256


def judge(path: Path) -> Judge:
    """Runs an ONNX file on one thread of the CPU.

    Raises:
        DependencyError: ONNX Runtime is not installed.
        UsageError: ONNX Runtime cannot run the model; its own words name the operator.
    """
    session = _open(path)
    (input,) = session.get_inputs()

    def scores(images: Array) -> Array:
        return np.asarray(session.run(None, {input.name: images})[0])

    return in_batches(scores, input.shape[0] if isinstance(input.shape[0], int) else None)


def run_once(path: Path, *values: Array) -> list[Array]:
    """The outputs of an ONNX file, in their order, for a value an input."""
    session = _open(path)
    names = (input.name for input in session.get_inputs())
    return list(map(np.asarray, session.run(None, dict(zip(names, values, strict=True)))))


def read_notes(path: Path) -> dict[str, str]:
    """The text pairs that an ONNX file carries.

    Raises:
        DependencyError: ONNX Runtime is not installed.
        UsageError: ONNX Runtime cannot load the model.
    """
    return dict(_open(path).get_modelmeta().custom_metadata_map)


def convert_to_fp16(conversion: Conversion, path: Path) -> None:
    """Weights and arithmetic in half precision; input and output stay in single precision, as callers expect."""
    import onnx
    from onnxruntime.transformers.float16 import convert_float_to_float16
    from onnxruntime.transformers.onnx_model import OnnxModel

    model = OnnxModel(convert_float_to_float16(onnx.load(conversion.onnx_file), keep_io_types=True))
    model.topological_sort()  # the conversion appends its casts at the end
    _write(model.model, conversion, path)


def convert_to_int8(conversion: Conversion, path: Path) -> None:
    """Static quantisation: 8-bit weights a channel and 8-bit activations, their ranges seen on training images."""
    images = conversion.calibration
    assert images is not None, "a format that needs images is not made without them"
    _write(quantised(conversion.onnx_file, _feeds(conversion.onnx_file, images)), conversion, path)


def quantised(onnx_file: Path, feeds: Iterable[dict[str, Array]]) -> Any:
    """The model with weights and activations rounded to 8 bits, as ``onnx.ModelProto``: final networks and probes alike.

    Args:
        onnx_file: The model in single precision.
        feeds: Inputs by name, to see the ranges of activations on.
    """
    import onnx
    from onnxruntime.quantization import QuantFormat, QuantType, quantize_static
    from onnxruntime.quantization.shape_inference import quant_pre_process

    with tempfile.TemporaryDirectory() as folder:
        prepared, rounded = Path(folder, "prepared.onnx"), Path(folder, "int8.onnx")
        quant_pre_process(onnx_file, prepared, skip_symbolic_shape=True, skip_optimization=True)
        # Unsigned activations: ONNX Runtime turns signed ones into them on x86, but not where a tensor has two readers, as
        # before a SiLU or a residual. Those convolutions then stay in single precision between conversions: seven times
        # slower was seen. Where products overflow 16 bits (x86 without VNNI) both choices do.
        quantize_static(
            prepared, rounded, _Reader(iter(feeds)), QuantFormat.QDQ, per_channel=True, activation_type=QuantType.QUInt8,
            # Pooling is done on bytes wherever it stands: first in a layer, too.
            extra_options={"ForceQuantizeNoInputCheck": True},
        )  # fmt: skip
        return onnx.load(rounded)


FP16 = Format(".fp16.onnx", "fp16", ("onnxruntime", "onnx-reference"), convert_to_fp16)
INT8 = Format(".int8.onnx", "int8", ("onnxruntime", "openvino"), convert_to_int8, needs_images=True)


class _Reader:
    """Inputs one after the other, as the quantiser asks for them."""

    def __init__(self, feeds: Iterator[dict[str, Array]]) -> None:
        self._feeds = feeds

    def get_next(self) -> dict[str, Array] | None:
        return next(self._feeds, None)


def _feeds(onnx_file: Path, images: Any) -> Iterator[dict[str, Array]]:
    """Calibration images, as many at once as the model takes."""
    (input,) = _open(onnx_file).get_inputs()
    batch = input.shape[0] if isinstance(input.shape[0], int) else 1
    for start in range(0, min(len(images), CALIBRATION_IMAGES), batch):
        own = np.asarray(images[start : start + batch], np.float32)
        yield {input.name: own[np.arange(batch) % len(own)]}


def _write(model: Any, conversion: Conversion, path: Path) -> None:
    from dna_deploy.export.formats.model_file import checked_bytes

    write_atomically(path, checked_bytes(model, conversion.info))


def _open(path: Path) -> Any:
    try:
        import onnxruntime
    except ModuleNotFoundError as error:
        raise DependencyError("onnxruntime is not installed", "pip install onnxruntime") from error
    if not path.is_file():
        raise UsageError(f"there is no model {path}", "make one with: dna-deploy export")
    check_name(path)
    with path.open("rb") as file:
        kind = mistaken(file.read(LOOKED_AT))
    if kind is not None:
        raise UsageError(f"{path} {kind[0]}", kind[1])
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    options.log_severity_level = 4
    try:
        return onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
    except Exception as error:  # its exceptions share no public base class
        hint = f"it is damaged, no ONNX, or made for another ONNX Runtime than {onnxruntime.__version__}"
        raise UsageError(f"ONNX Runtime cannot load {path}: {_one_line(error)}", hint) from error


def _one_line(error: Exception) -> str:
    return " ".join(str(error).split())
