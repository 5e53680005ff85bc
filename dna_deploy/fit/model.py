"""Somebody's own model, as people name theirs: of timm, of torchvision, or a Python file of their own, with their weights."""

from __future__ import annotations

import inspect
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from torch import nn

from dna_deploy.data.image_set import IMAGENET_NORMALISATION
from dna_deploy.errors import UsageError
from dna_deploy.fit.shipped import run_file
from dna_deploy.nets.teachers.checkpoints import read_checkpoint
from dna_deploy.nets.teachers.pretrained import Known, OfClasses, Weights, load_pretrained
from dna_deploy.nets.teachers.sources import source_names
from dna_deploy.plugins import suggest
from dna_deploy.spaces.shapes import FeatureMap

USUAL_INPUT = FeatureMap(3, 224, 224)


@dataclass(frozen=True, eq=False)
class OwnModel:
    """A model in inference mode; it expects ``(byte / 255 - mean) / deviation``, a number a channel.

    ``remarks`` say where its weights are from, a line each.
    """

    name: str
    network: nn.Module
    input: FeatureMap
    mean: tuple[float, ...]
    deviation: tuple[float, ...]
    remarks: tuple[str, ...] = field(default=())


def load_model(
    name: str, weights: Path | None = None, input: FeatureMap | None = None, classes: int | None = None, *, trained: bool = True
) -> OwnModel:
    """The model that ``timm:NAME``, ``torchvision:NAME`` or ``my_net.py:build`` names.

    Args:
        name: The model. ``build`` is a module, its class, or what makes one; it is given ``num_classes`` where it takes that.
        weights: A checkpoint, as training scripts write them.
        input: What images are; of a model of timm, what it was made for, else `USUAL_INPUT`.
        classes: How many; those of the weights, or its own.
        trained: Whether published weights are wanted where no file is given; otherwise random ones do.

    Raises:
        UsageError: no such model, weights of another one, or other classes than the weights have.
        DependencyError: a package or the published weights are not here.
    """
    path, _, attribute = name.rpartition(":")
    if path.endswith(".py"):
        network, remarks = _from_file(Path(path), attribute, weights, classes)
        facts: dict[str, Any] = getattr(network, "pretrained_cfg", {})  # as timm leaves it
        input = input or (FeatureMap(*facts["input_size"]) if facts.get("input_size") else USUAL_INPUT)
        usual = {"mean": IMAGENET_NORMALISATION.mean, "std": IMAGENET_NORMALISATION.deviation}
        mean, deviation = (tuple((facts.get(key) or usual[key])[: input.channels]) for key in usual)
        words = (
            "as it says" if facts.get("mean") else "as ImageNet's; another says it: pretrained_cfg = dict(mean=..., std=...)"
        )
        remark = f"images: less a mean of {_listed(mean)}, divided by {_listed(deviation)}, {words}"
        return OwnModel(name, network.eval(), input, mean, deviation, (*remarks, remark))
    if not path or (path.partition(":")[0] not in source_names()):
        example = "timm:resnet50, torchvision:resnet50 or my_net.py:build"
        if not path:
            example = f"{name}:NAME, a function or a class in it" if name.endswith(".py") else f"timm:{name}"
        raise UsageError(f"cannot tell which model {name!r} is", f"write it like {example}")
    input = input or _made_for(name)
    chosen = weights or (OfClasses(classes) if classes else Known.NONE)
    if trained and not weights:
        chosen = Known.PUBLISHED
    pretrained = load_pretrained(name, chosen, input)
    has = _classes(pretrained.network)
    if classes and has and has != classes:
        raise UsageError(
            f"{name} has {has} classes with these weights, not {classes}", "give weights of your own: --weights FILE"
        )
    remarks = _remarks(chosen)
    return OwnModel(name, pretrained.network.eval(), input, pretrained.mean, pretrained.deviation, remarks)


def _listed(moments: tuple[float, ...]) -> str:
    return ", ".join(f"{moment:.3g}" for moment in moments)


def _made_for(name: str) -> FeatureMap:
    """What images a model of timm was made for."""
    source, _, model = name.partition(":")
    if source != "timm":
        return USUAL_INPUT
    import timm

    settings = timm.get_pretrained_cfg(model) if timm.is_model(model.partition(".")[0]) else None
    return FeatureMap(*settings.input_size) if settings else USUAL_INPUT


def _remarks(weights: Weights) -> tuple[str, ...]:
    match weights:
        case Path():
            return (_remark(weights, is_average=read_checkpoint(weights).is_average),)
        case Known.PUBLISHED:
            return ("weights: as published",)
    return ("weights: random, which is enough for times",)


def _remark(path: Path, *, is_average: bool) -> str:
    return f"weights: {path}{', the running mean that the training kept' if is_average else ''}"


def _classes(network: nn.Module) -> int | None:
    """How many classes a network has, where its last layer says so."""
    last = [module for module in network.modules() if isinstance(module, nn.Linear)]
    return last[-1].out_features if last else None


def _from_file(path: Path, attribute: str, weights: Path | None, classes: int | None) -> tuple[nn.Module, tuple[str, ...]]:
    """The network that a name in a Python file makes, and words about its weights."""
    own = _attribute(path, attribute)
    try:
        network = own(**_classes_for(own, classes)) if not isinstance(own, nn.Module) and callable(own) else own
    except Exception as error:  # whatever their code raises
        raise UsageError(
            f"{attribute} in {path} failed: {type(error).__name__}: {error}", "it is called without arguments"
        ) from error
    if not isinstance(network, nn.Module):
        raise UsageError(
            f"{attribute} in {path} makes a {type(network).__name__}, not an nn.Module", "let it return the network"
        )
    if weights is None:
        return network, (f"weights: as {attribute} in {path} makes them",)
    checkpoint = read_checkpoint(weights)
    checkpoint.load_into(network)
    return network, (_remark(weights, is_average=checkpoint.is_average),)


def _attribute(path: Path, attribute: str) -> Any:
    """A name of somebody's Python file, which is run for it."""
    module = run_file(path)
    if not hasattr(module, attribute):
        names = [name for name in vars(module) if not name.startswith("_")]
        raise UsageError(f"{path} has no {attribute!r}", suggest(attribute, names))
    return getattr(module, attribute)


def _classes_for(build: Any, classes: int | None) -> dict[str, int]:
    """The argument that says how many classes."""
    if classes is None:
        return {}
    if "num_classes" not in inspect.signature(build).parameters:
        raise UsageError(f"{build.__name__} takes no num_classes, so that it cannot be given {classes}", "leave out --classes")
    return {"num_classes": classes}
