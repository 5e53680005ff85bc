"""File formats beside plain ONNX: each is made from the exported ONNX file, by the runtime that it is for."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from dna_deploy.export.cards.metadata import ModelInfo
from dna_deploy.export.checks.judge import Images
from dna_deploy.plugins import load_plugin
from dna_deploy.targets.target import Precision

if TYPE_CHECKING:
    from dna_deploy.export.formats.picture_size import PictureSize

FORMATS = {
    "onnx-fp16": "dna_deploy.export.runtimes.onnx_runtime:FP16",
    "onnx-int8": "dna_deploy.export.runtimes.onnx_runtime:INT8",
    "onnx-pictures": "dna_deploy.export.formats.preprocessing:PICTURES",
    "openvino": "dna_deploy.export.runtimes.openvino:IR",
    "openvino-fp16": "dna_deploy.export.runtimes.openvino:IR_FP16",
    "openvino-pictures": "dna_deploy.export.runtimes.openvino:IR_PICTURES",
    "tensorrt": "dna_deploy.export.runtimes.tensorrt:ENGINE",
    "tensorrt-rtx": "dna_deploy.export.runtimes.tensorrt:RTX_ENGINE",
}
"""Name -> `Format`. Others: entry points ``dna_deploy.formats``."""


FORMAT_OF: dict[Precision, str] = {"fp16": "onnx-fp16", "int8": "onnx-int8"}
"""The format that a target of a precision runs; plain ONNX where none is named."""


def model_name(precision: Precision) -> str:
    """The file that a target of a precision runs."""
    return "model" + (find_format(FORMAT_OF[precision]).suffix if precision in FORMAT_OF else ".onnx")


@dataclass(frozen=True)
class Conversion:
    """What a format is made from."""

    onnx_file: Path
    info: ModelInfo
    calibration: Images | None
    """Training images, normalised, for precisions that need to see the range of every activation."""
    pictures: PictureSize | None = None
    """Which pictures a file with pre-processing inside takes; any size where nothing is said."""


@dataclass(frozen=True)
class Format:
    """A kind of model file."""

    suffix: str
    precision: Precision
    judges: tuple[str, ...]
    """Who can run it here, for parity."""
    convert: Callable[[Conversion, Path], None]
    """Writes the file that it is given the path of."""
    takes_pictures: bool = False
    """Whether crop, resize, normalisation and softmax are inside."""
    needs_images: bool = False
    """Whether it is made by looking at training images."""


def find_format(name: str) -> Format:
    """The format called ``name``."""
    format = load_plugin("format", name, FORMATS)
    assert isinstance(format, Format)
    return format
