"""Makes a model card from what is known about an exported model."""

from __future__ import annotations

from importlib.metadata import PackageNotFoundError, version

from dna_deploy.export.formats.model_file import WEIGHTS_SUFFIX, ExportResult
from dna_deploy.export.source import Source
from dna_deploy.records.files import Provenance, digest_of
from dna_deploy.records.model_card import (
    NO_RECIPE,
    Absent,
    AskedLatency,
    LayerFacts,
    MeasuredLatency,
    ModelCard,
    Parity,
    PredictedLatency,
)
from dna_deploy.records.pace import PaceReference
from dna_deploy.records.score import Metrics
from dna_deploy.spaces.architecture import Architecture
from dna_deploy.spaces.chain import HeadedSpace
from dna_deploy.spaces.heads import head_of

_PACKAGES = ("torch", "onnx", "onnxscript", "onnxruntime", "openvino", "numpy")


def make_card(
    result: ExportResult,
    source: Source,
    *,
    asked: AskedLatency | Absent,
    predicted: PredictedLatency | Absent,
    measured: MeasuredLatency | Absent,
    parity: Parity | Absent,
    metrics: Metrics | Absent,
    pace: PaceReference | None = None,
    reproduce: str = "",
) -> ModelCard:
    """The card of an exported model. Everything that can be computed from the network itself is; the rest is told.

    Args:
        result: The exported model.
        source: The network and its history.
        asked: The budget of this file.
        predicted: What the latency table says of this file.
        measured: What the file took on the target.
        parity: How far its scores are from torch's.
        metrics: Of the file on images that nothing was chosen by.
        pace: Layers of the latency table that tell the pace of the machine.
        reproduce: The command that makes it again; the current one where empty.
    """
    space, architecture = source.space, source.architecture
    provenance = Provenance.now()
    layers = space.place(architecture)
    places = (result.path.with_suffix(".bin"), result.path.with_name(result.path.name + WEIGHTS_SUFFIX))
    beside = [path for path in places if path.exists()]  # where OpenVINO, and ONNX beyond 2 GiB, keep the weights
    return ModelCard(
        provenance=provenance,
        model=result.path.name,
        model_digest=result.digest,
        model_bytes=sum(path.stat().st_size for path in (result.path, *beside)),
        precision=result.info.precision,
        space=space.name,
        space_digest=space.digest,
        head=head_of(space),
        architecture=str(architecture),
        layers=layer_facts(space, architecture),
        parameters=sum(layer.parameters for layer in layers),
        deployed_parameters=sum(layer.deployed_parameters for layer in layers),
        macs=sum(layer.macs for layer in layers),
        asked=asked,
        predicted=predicted,
        pace=pace,
        measured=measured,
        parity=parity,
        metrics=metrics,
        baselines=source.baselines,
        dataset=source.dataset,
        labels=result.info.labels,
        preprocessing=result.info.preprocessing or NO_RECIPE,
        seeds=dict(source.seeds),
        packages=_versions(),
        digests={
            **source.digests,
            "weights": result.info.weights,
            **{path.name: digest_of(path.read_bytes()) for path in beside},
        },
        reproduce=reproduce or provenance.command,
    )


def layer_facts(space: HeadedSpace, architecture: Architecture) -> tuple[LayerFacts, ...]:
    """Every layer from stem to head, and what it costs."""
    sections = space.sections(architecture)
    return tuple(
        LayerFacts(place=place, layer=str(layer), parameters=layer.parameters, macs=layer.macs)
        for place, layer in zip(sections.names, sections.layers, strict=True)
    )


def _versions() -> dict[str, str]:
    versions = {}
    for name in _PACKAGES:
        try:
            versions[name] = version(name)
        except PackageNotFoundError:
            continue
    return versions
