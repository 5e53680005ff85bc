"""Finds named parts (spaces, runners, teachers, ...): a literal ``name -> "module:Object"`` table, then entry points.

Tables are strings, loaded on use, so that knowing what exists imports nothing.
"""

from __future__ import annotations

from collections.abc import Mapping
from difflib import get_close_matches
from functools import cache
from importlib import import_module
from importlib.metadata import entry_points
from typing import Any

from dna_deploy.errors import DependencyError, UsageError

_TRAIN = ("torch", "torchvision", "timm", "onnx", "onnxscript", "safetensors", "fvcore", "efficientnet_lite_pytorch")
EXTRAS = {
    **dict.fromkeys(_TRAIN, "train"),
    **dict.fromkeys(("matplotlib", "jinja2"), "report"),
    "openvino": "openvino",
    "tensorrt": "tensorrt",
    "tensorrt_rtx": "tensorrt-rtx",
    "pymoo": "blackbox",
    **dict.fromkeys(("ray", "grpc"), "ray"),
}
"""Package -> the extra of dna-deploy that installs it."""


def group(what: str) -> str:
    """The entry-point group in which third parties offer a part of this kind."""
    return f"dna_deploy.{what[:-1]}ies" if what.endswith("y") else f"dna_deploy.{what}s"


@cache
def _offered(what: str) -> Mapping[str, tuple[str, ...]]:
    """What third parties offer: name -> every ``module:Object`` of that name. Read once, since scanning packages is slow."""
    places: dict[str, tuple[str, ...]] = {}
    for point in entry_points(group=group(what)):
        places[point.name] = tuple(dict.fromkeys((*places.get(point.name, ()), point.value)))
    return places


def plugin_names(what: str, table: Mapping[str, str]) -> tuple[str, ...]:
    """Every known name of this kind, our own first."""
    return (*table, *sorted(_offered(what).keys() - table.keys()))


def plugin_path(what: str, name: str, table: Mapping[str, str]) -> str | None:
    """Where the object called ``name`` lives, as ``module:Object``; nothing is imported.

    Raises:
        UsageError: several objects have that name.
    """
    places = tuple(dict.fromkeys((*([table[name]] if name in table else []), *_offered(what).get(name, ()))))
    if len(places) > 1:
        raise UsageError(f"{len(places)} {what}s are called {name!r}: {', '.join(places)}", "uninstall all packages but one")
    return next(iter(places), None)


def load_plugin(what: str, name: str, table: Mapping[str, str], protocol: type | None = None) -> Any:
    """The object called ``name``.

    Args:
        what: the kind of part.
        name: of the part.
        table: our own parts of that kind.
        protocol: what a class of that kind must have.

    Raises:
        UsageError: nothing has that name, and the hint gives the nearest; or several have it; or it breaks its protocol.
        DependencyError: it exists, but a package it needs is missing.
    """
    path = plugin_path(what, name, table)
    if path is None:
        raise UsageError(f"unknown {what} {name!r}", suggest(name, plugin_names(what, table)))
    module, _, attribute = path.partition(":")
    try:
        part = getattr(import_module(module), attribute)
    except ModuleNotFoundError as error:
        package = (error.name or "").partition(".")[0]
        message = f"{what} {name!r} needs the package {package!r}, which is not installed"
        raise DependencyError(message, install_hint(package)) from error
    except AttributeError as error:
        raise UsageError(f"{what} {name!r} is to be {attribute!r} in {module}, which has none", "mend its package") from error
    if protocol and (lacking := missing_members(part, protocol)):
        raise UsageError(f"{what} {name!r} ({path}) is no {what}: it lacks {', '.join(lacking)}", "mend its package")
    return part


def missing_members(part: object, protocol: type) -> tuple[str, ...]:
    """The methods and class variables of a protocol that a class does not have."""
    members = dict[str, bool]()
    for base in protocol.__mro__[:-1]:
        members |= {name: True for name, kind in vars(base).get("__annotations__", {}).items() if "ClassVar" in str(kind)}
        members |= {name: True for name, member in vars(base).items() if callable(member)}
    return tuple(sorted(name for name in members if not name.startswith("_") and not hasattr(part, name)))


def suggest(name: str, choices: tuple[str, ...] | list[str]) -> str:
    """A hint for a name that does not exist: the nearest known one, or all of them."""
    near = get_close_matches(name, choices, n=1)
    return f"did you mean {near[0]!r}?" if near else f"known: {', '.join(choices) or 'none'}"


def install_hint(package: str) -> str:
    """How to install a package that one of our extras holds; empty for any other."""
    extra = EXTRAS.get(package)
    return f"pip install 'dna-deploy[{extra}]', or, in a clone, pip install '.[{extra}]'" if extra else ""
