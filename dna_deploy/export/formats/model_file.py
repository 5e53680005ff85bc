"""An architecture and its weights as one ONNX file that stands alone: batch norms folded, weights and provenance inside."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import onnx

from dna_deploy import __version__
from dna_deploy.data.decoding import canvas_of
from dna_deploy.errors import UsageError
from dna_deploy.export.cards.metadata import ModelInfo
from dna_deploy.export.formats.onnx_graph import export_onnx
from dna_deploy.export.formats.onnx_names import name_after_layers
from dna_deploy.export.kits.weights import load_network
from dna_deploy.nets.network import Network
from dna_deploy.records.files import digest_of, write_atomically
from dna_deploy.records.preprocessing import Preprocessing, Shown
from dna_deploy.spaces.architecture import Architecture
from dna_deploy.spaces.chain import HeadedSpace
from dna_deploy.spaces.shapes import FeatureMap
from dna_deploy.tasks import load_task

MODEL_NAME = "model.onnx"

MOST_BYTES = 2**31 - 2**24
"""A protobuf message, which an ONNX file is, ends at 2 GiB; the rest is for all that is not weights."""

WEIGHTS_SUFFIX = ".data"
"""Of the second file that holds larger weights, as ONNX knows it (external data)."""


@dataclass(frozen=True)
class ExportResult:
    """A written model, and the torch network that it must agree with."""

    path: Path
    digest: str
    info: ModelInfo
    network: Network


def export_architecture(
    space: HeadedSpace,
    architecture: Architecture,
    weights: Path | None,
    folder: Path,
    *,
    task: str = "classification",
    labels: Sequence[str] = (),
    mean: Sequence[float] = (),
    deviation: Sequence[float] = (),
    shown: Shown | None = None,
    batch: int | None = 1,
    seed: int = 0,
) -> ExportResult:
    """Writes ``folder/model.onnx``: ``input`` ``(batch, *space.input)`` -> ``output`` ``(batch, classes)``.

    Weights beyond 2 GiB lie beside it, in ``model.onnx.data``.

    Args:
        space: Where the architecture comes from, with the right number of classes.
        architecture: The network.
        weights: A safetensors file of `Network.state_dict`; None gives random weights (latency does not depend on them).
        folder: Where to write; a model that is there already is replaced in one step.
        task: What the network is for.
        labels: The names of the classes; numbers where none are given.
        mean: What is taken from each channel of an image whose values go from 0 to 1, for whoever runs the model.
        deviation: By what each channel is divided then.
        shown: What stands behind transparent images, and which values of deep ones are black and white.
        batch: Images at once; None leaves it open.
        seed: For random weights.

    Raises:
        UsageError: weights, labels and architecture do not belong together, or the folder cannot be written.
    """
    names = tuple(labels) or tuple(map(str, range(space.out_channels)))
    if labels and load_task(task).head(space, len(names))[-1].out_channels != space.out_channels:
        raise UsageError(f"{len(names)} labels for a network with {space.out_channels} classes", "give one label a class")
    network, digest = load_network(space, architecture, weights, seed)
    info = ModelInfo(
        tool_version=__version__,
        space=space.name,
        space_digest=space.digest,
        architecture=str(architecture),
        input=str(space.input),
        labels=names,
        task=task,
        mean=tuple(mean),
        deviation=tuple(deviation),
        weights=digest,
        preprocessing=recipe_of(space.input, mean, deviation, shown),
    )
    path = folder / MODEL_NAME
    weights_bytes = 4 * sum(layer.deployed_parameters for layer in space.place(architecture))
    _write(export_onnx(network, space.input, batch), info, path, weights_bytes)
    return ExportResult(path, digest_of(path.read_bytes()), info, network)


def _write(model: onnx.ModelProto, info: ModelInfo, path: Path, weights_bytes: int) -> None:
    """One file; or two, where the weights do not fit in one."""
    if weights_bytes <= MOST_BYTES:
        write_atomically(path, checked_bytes(model, info))
        return
    weights = path.with_name(path.name + WEIGHTS_SUFFIX)
    _describe(model, info)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        weights.unlink(missing_ok=True)  # onnx would write behind what is there
        onnx.save_model(model, path, save_as_external_data=True, location=weights.name)
    except OSError as error:
        raise UsageError(
            f"cannot write {weights}: {error.strerror or error}", "free some space, or choose another folder"
        ) from error
    _check(str(path))


def checked_bytes(model: onnx.ModelProto, info: ModelInfo) -> bytes:
    """The model's file with its provenance inside, passed by ONNX's own checker."""
    _describe(model, info)
    _check(model)
    return bytes(model.SerializeToString())


def _describe(model: onnx.ModelProto, info: ModelInfo) -> None:
    name_after_layers(model)
    onnx.helper.set_model_props(model, info.pairs())
    model.producer_name, model.producer_version = "dna-deploy", info.tool_version


def _check(model: onnx.ModelProto | str) -> None:
    try:
        onnx.checker.check_model(model, full_check=True)
    except onnx.checker.ValidationError as error:
        raise UsageError(f"the exported model is not valid ONNX: {error}") from error


def recipe_of(
    shape: FeatureMap, mean: Sequence[float], deviation: Sequence[float], shown: Shown | None = None
) -> Preprocessing | None:
    """The recipe for pictures of a shape; None where nothing says how they were normalised."""
    if not mean:
        return None
    return Preprocessing(
        colours="grey" if shape.channels == 1 else "RGB",
        shown=shown,
        canvas=canvas_of(shape),
        crop=(shape.height, shape.width),
        mean=tuple(mean),
        deviation=tuple(deviation),
    )
