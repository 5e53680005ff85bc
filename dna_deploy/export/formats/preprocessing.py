"""Pre- and post-processing inside the graph: pictures as a camera gives them in, probabilities out.

Pictures are cropped and resized as the data sets do it (`dna_deploy.data.decoding`), but the crop begins and ends at whole
pixels, and ONNX's antialiased resize rounds otherwise than Pillow's: bytes differ by a few levels.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import onnx

from dna_deploy.data.decoding import canvas_of
from dna_deploy.errors import UsageError
from dna_deploy.export.cards.metadata import ModelInfo
from dna_deploy.export.formats.catalog import Conversion, Format
from dna_deploy.export.formats.onnx_graph import INPUT_NAME, OUTPUT_NAME
from dna_deploy.export.formats.picture_size import PictureSize
from dna_deploy.records.files import write_atomically
from dna_deploy.spaces.shapes import feature_map, parse_shape
from dna_deploy.tasks import load_task
from dna_deploy.tasks.task import Activation

_ACTIVATIONS: Mapping[Activation, str] = {"softmax": "Softmax <axis = -1>", "sigmoid": "Sigmoid", "identity": "Identity"}


_EXPECTED = (
    "Bytes, channels last, of pictures that are upright and opaque: an orientation (EXIF) and transparency have to be undone "
    "before, as the data set was read (turned upright, laid before its background)."
)


def convert(conversion: Conversion, path: Path) -> None:
    """Writes the network with pictures ``(batch, height, width, channels)`` of unsigned bytes in and probabilities out."""
    from dna_deploy.export.formats.model_file import checked_bytes

    write_atomically(path, checked_bytes(with_preprocessing(conversion), conversion.info))


# OpenVINO runs such a file, but resizes without antialiasing; its own format does it as Pillow does.
PICTURES = Format(".pictures.onnx", "fp32", ("onnxruntime", "onnx-reference"), convert, takes_pictures=True)


def with_preprocessing(conversion: Conversion) -> onnx.ModelProto:
    """The ONNX model of a conversion with crop, resize, normalisation and softmax around it.

    Raises:
        UsageError: nothing says how images were normalised.
    """
    info, model = conversion.info, onnx.load(conversion.onnx_file)
    if not info.mean:
        raise UsageError("pre-processing needs to know how training images were normalised", "say of which data set: --dataset")
    batch, classes = (_dimension(value, place) for value, place in ((model.graph.input[0], 0), (model.graph.output[0], 1)))
    before = onnx.parser.parse_model(_before(model, conversion.pictures or PictureSize(), batch, info))
    after = onnx.parser.parse_model(
        f"""{_header(model)} after (float[{batch}, {classes}] scores) => (float[{batch}, {classes}] probabilities)
        {{ probabilities = {_ACTIVATIONS[load_task(info.task).activation]} (scores) }}"""
    )
    joined = onnx.compose.merge_models(before, model, io_map=[("prepared", INPUT_NAME)])
    whole = onnx.compose.merge_models(joined, after, io_map=[(OUTPUT_NAME, "scores")])
    whole.graph.input[0].doc_string = _EXPECTED
    return whole


def _before(model: onnx.ModelProto, pictures: PictureSize, batch: str, info: ModelInfo) -> str:
    shape = feature_map(parse_shape(info.input))
    canvas_height, canvas_width = canvas_of(shape)
    size = f"{pictures.height or 'height'}, {pictures.width or 'width'}"
    scales = ", ".join(repr(1 / (255 * deviation)) for deviation in info.deviation)
    shifts = ", ".join(repr(mean / deviation) for mean, deviation in zip(info.mean, info.deviation, strict=True))
    channels = shape.channels
    return f"""{_header(model)}
    before (uint8[{batch}, {size}, {channels}] pictures)
        => (float[{batch}, {channels}, {shape.height}, {shape.width}] prepared)
    <int64[2] turned = {{1, 0}}, int64[2] rows_and_columns = {{1, 2}}, float[1] half = {{0.5}},
     float[2] aspects = {{{canvas_height / canvas_width!r}, {canvas_width / canvas_height!r}}},
     float[2] shown = {{{shape.height / canvas_height!r}, {shape.width / canvas_width!r}}},
     int64[2] wanted = {{{shape.height}, {shape.width}}},
     float[1, {channels}, 1, 1] scale = {{{scales}}}, float[1, {channels}, 1, 1] shift = {{{shifts}}}>
    {{
        shape = Shape <start = 1, end = 3> (pictures)
        whole = Cast <to = 1> (shape)
        other = Gather (whole, turned)
        bound = Mul (other, aspects)
        fitting = Min (whole, bound)
        box = Mul (fitting, shown)
        rest = Sub (whole, box)
        half_rest = Mul (rest, half)
        first = Round (half_rest)
        sum = Add (whole, box)
        half_sum = Mul (sum, half)
        last = Round (half_sum)
        begin = Cast <to = 7> (first)
        end = Cast <to = 7> (last)
        cropped = Slice (pictures, begin, end, rows_and_columns)
        planes = Transpose <perm = [0, 3, 1, 2]> (cropped)
        kept = Shape <start = 0, end = 2> (planes)
        size = Concat <axis = 0> (kept, wanted)
        resized = Resize <mode = "linear", antialias = 1> (planes, , , size)
        values = Cast <to = 1> (resized)
        scaled = Mul (values, scale)
        prepared = Sub (scaled, shift)
    }}"""


def _header(model: onnx.ModelProto) -> str:
    return f'<ir_version: {model.ir_version}, opset_import: ["" : {model.opset_import[0].version}]>'


def _dimension(value: onnx.ValueInfoProto, place: int) -> str:
    """A size of a tensor, as a number or by its name."""
    dimension = value.type.tensor_type.shape.dim[place]
    return dimension.dim_param or str(dimension.dim_value)
