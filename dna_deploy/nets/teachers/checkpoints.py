"""Weights of one's own, as people have them: whatever training script wrote the file, its tensors under the network's names.

Nothing in a file is run: a pickle may hold tensors, and plain values such as the arguments of the training beside them.
"""

from __future__ import annotations

import argparse
import collections
import pathlib
import pickle
import re
import types
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import nn

from dna_deploy.errors import UsageError
from dna_deploy.texts import LOOKED_AT, mistaken

AVERAGES = ("state_dict_ema", "model_ema", "ema_state_dict", "model_ema_state_dict", "ema_model", "params_ema", "ema", "shadow")
"""Keys under which scripts keep the running mean of the weights, which is the more accurate network: taken first."""

PLACES = (
    "teacher", "state_dict", "model_state_dict", "model", "module", "net", "network", "weights", "params", "student",
)  # fmt: skip
PREFIXES = (
    "module.",
    "_orig_mod.",
    "model.",
    "net.",
    "network.",
    "backbone.",
    "encoder.",
    "teacher.",
    "student.",
    "ema_model.",
)
"""What wrappers put before every name: parallel training, compilation, a training script's own class."""

_SCALAR, _ARRAY = np.float64(0).__reduce__()[0], np.zeros(1).__reduce__()[0]
_SAFE: list[Any] = [
    list, dict, tuple,
    argparse.Namespace, types.SimpleNamespace, collections.defaultdict, collections.deque, set, frozenset, complex, slice,
    pathlib.Path, pathlib.PosixPath, pathlib.PurePosixPath, pathlib.PureWindowsPath, np.dtype, np.ndarray,
    _SCALAR, (_SCALAR, "numpy.core.multiarray.scalar"), _ARRAY, (_ARRAY, "numpy.core.multiarray._reconstruct"),
    *(type(np.dtype(kind)) for kind in (bool, "i1", "i2", "i4", "i8", "u1", "u2", "u4", "u8", "f2", "f4", "f8", "U1", "S1")),
]  # fmt: skip
_SAVE = "where it was made: torch.save(model.state_dict(), 'weights.pth')"
_SHOWN = 3
_COUNTER = ".num_batches_tracked"
"""Of batch norms, which older files lack, and which decide nothing."""


@dataclass(frozen=True)
class LoadedWeights:
    """The tensors of a file without wrappers; ``place`` says under which keys of the file they stood."""

    path: Path
    tensors: Mapping[str, torch.Tensor]
    place: str = ""

    @property
    def is_average(self) -> bool:
        """Whether they are the running mean that the training kept."""
        return any(key in AVERAGES for key in self.place.split("."))

    def classes_for(self, network: nn.Module) -> int | None:
        """The number of classes of the weights, where it is all in which they differ from the network."""
        own, tensors = network.state_dict(), self._named_for(network)
        if own.keys() != tensors.keys():
            return None
        pairs = [(own[name].shape, tensor.shape) for name, tensor in tensors.items() if own[name].shape != tensor.shape]
        counts = {theirs[0] for ours, theirs in pairs if ours[1:] == theirs[1:] and len(theirs)}
        return counts.pop() if len(counts) == 1 and all(ours[1:] == theirs[1:] for ours, theirs in pairs) else None

    def load_into(self, network: nn.Module) -> None:
        """Gives a network the weights.

        Raises:
            UsageError: they are another network's, or not numbers.
        """
        tensors = self._named_for(network)
        own = network.state_dict()
        shapes = [name for name in own.keys() & tensors.keys() if own[name].shape != tensors[name].shape]
        if own.keys() != tensors.keys() or shapes:
            raise UsageError(
                f"{self.path} holds weights of another network: {_difference(own, tensors, sorted(shapes))}",
                "name the model that they belong to",
            )
        if bad := [name for name, tensor in tensors.items() if tensor.is_floating_point() and not tensor.isfinite().all()]:
            raise UsageError(
                f"{len(bad)} of {len(tensors)} weights in {self.path} are NaN or infinite, first {bad[0]}",
                "the training diverged: take an earlier checkpoint",
            )
        network.load_state_dict(dict(tensors))

    def _named_for(self, network: nn.Module) -> dict[str, torch.Tensor]:
        """The tensors by the network's names: without prefixes that all have and the network has not."""
        tensors, own = dict(self.tensors), network.state_dict()
        counters = {name: tensor for name, tensor in own.items() if name.endswith(_COUNTER)}
        while tensors.keys() - counters.keys() != own.keys() - counters.keys():
            shorter = next((cut for prefix in PREFIXES if (cut := _without(tensors, prefix, own.keys())) is not None), None)
            if shorter is None:
                break
            tensors = shorter
        return counters | tensors


def read_checkpoint(path: Path) -> LoadedWeights:
    """The weights in a file: safetensors, or what ``torch.save`` wrote.

    Raises:
        UsageError: it cannot be read, is something else (which is named), or holds what would run.
    """
    found, place = _unpacked(path), []
    while isinstance(found, Mapping):
        key = next((key for key in (*AVERAGES, *PLACES) if _holds_tensors(found.get(key))), None)
        if key is None:
            break
        place.append(key)
        found = found[key]
    tensors = {
        str(name).replace("_orig_mod.", ""): value
        for name, value in (found.items() if isinstance(found, Mapping) else ())
        if isinstance(value, torch.Tensor) and name != "n_averaged"
    }
    if not tensors:
        keys = f": its keys are {', '.join(map(str, list(found)[:8]))}" if isinstance(found, Mapping) and found else ""
        raise UsageError(f"{path} holds no state dict{keys}", _SAVE)
    return LoadedWeights(path, tensors, ".".join(place))


def _holds_tensors(value: object) -> bool:
    """Whether there are names with tensors in it, at any depth: some write a running mean as a list without names."""
    inside = value.values() if isinstance(value, Mapping) else ()
    return any(isinstance(each, torch.Tensor) or _holds_tensors(each) for each in inside)


def _unpacked(path: Path) -> Any:
    try:
        with path.open("rb") as file:
            begin = file.read(LOOKED_AT)
        _check_kind(path, begin)
        if begin[8:9] == b"{" or path.suffix == ".safetensors":
            return load_file(path)
        with torch.serialization.safe_globals(_SAFE):
            return torch.load(path, map_location="cpu", weights_only=True)
    except pickle.UnpicklingError as error:
        culprit = re.search(r"GLOBAL ([\w.]+)", str(error))
        is_pickle = begin.startswith((b"\x80", b"PK"))
        if not is_pickle or (culprit is None and "nsupported" not in str(error)):
            raise UsageError(f"cannot read the weights {path}: it is no file of torch", "give the file of weights") from error
        words = f": {culprit[1]}" if culprit else ""
        raise UsageError(f"{path} holds code besides tensors, which is not run{words}", _SAVE) from error
    except (OSError, RuntimeError, EOFError, ValueError, LookupError, TypeError, AttributeError, SafetensorError) as error:
        words = getattr(error, "strerror", None) or str(error).partition("\n")[0][:200]
        raise UsageError(f"cannot read the weights {path}: {words}", "it is damaged, or no file of weights") from error


def _check_kind(path: Path, begin: bytes) -> None:
    """Raises `UsageError` with one true line for files that are often taken for weights."""
    kinds = [
        (begin[:1] == b"{" and b"\0" not in begin, "is JSON, such as an index of several files", "give the file of weights"),
        (begin.startswith(b"\x89HDF"), "is an HDF5 file, as Keras writes it", "only torch's files and safetensors are read"),
        (begin.startswith(b"\x93NUMPY"), "is an array of NumPy", "save the weights by name: safetensors.torch.save_file"),
    ]
    if begin.startswith(b"PK"):
        try:
            names = zipfile.ZipFile(path).namelist()
        except zipfile.BadZipFile:
            raise UsageError(f"cannot read the weights {path}: it is truncated", "copy or download it again") from None
        is_scripted = any("/code/" in name or name.endswith("constants.pkl") for name in names)
        kinds += [
            (any(name.endswith(".npy") for name in names), "is an archive of NumPy arrays", "save it as safetensors"),
            (is_scripted, "is a scripted module, which holds code", "where it was made: save the state_dict() of the module"),
            (not any(name.endswith("data.pkl") for name in names), "is a zip archive without weights", "unpack it first"),
        ]
    if kind := mistaken(begin) or next(((words, hint) for is_kind, words, hint in kinds if is_kind), None):
        raise UsageError(f"{path} {kind[0]}", kind[1])


def _without(tensors: Mapping[str, torch.Tensor], prefix: str, own: Any) -> dict[str, torch.Tensor] | None:
    """The tensors without a prefix that the network's names have not: all, or those of them that are its own."""
    inside = {name.removeprefix(prefix): tensor for name, tensor in tensors.items() if name.startswith(prefix)}
    if not inside or any(name.startswith(prefix) for name in own):
        return None
    return inside if len(inside) == len(tensors) or inside.keys() == own else None


def _difference(own: Mapping[str, Any], tensors: Mapping[str, Any], shapes: list[str]) -> str:
    """Which names only one side has, or which shapes differ."""
    missing, further = sorted(own.keys() - tensors.keys()), sorted(tensors.keys() - own.keys())
    parts = []
    if further:
        parts.append(f"it has {_first(further)}")
    if missing:
        parts.append(f"the network has {_first(missing)}")
    if shapes:
        name = shapes[0]
        parts.append(f"{name} is {tuple(tensors[name].shape)} there and {tuple(own[name].shape)} in the network")
    return "; ".join(parts)


def _first(names: list[str]) -> str:
    return f"{', '.join(names[:_SHOWN])}{f' and {len(names) - _SHOWN} more' if len(names) > _SHOWN else ''}"
