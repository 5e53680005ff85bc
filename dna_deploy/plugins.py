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


def group(what: str) -> str:
    """The entry-point group in which third parties offer a part of this kind."""
    return f"dna_deploy.{what[:-1]}ies" if what.endswith("y") else f"dna_deploy.{what}s"


@cache
def _offered(what: str) -> Mapping[str, str]:
    """What third parties offer: name -> ``module:Object``. Read once, since scanning installed packages is slow."""
    return {point.name: point.value for point in entry_points(group=group(what))}


def plugin_names(what: str, table: Mapping[str, str]) -> tuple[str, ...]:
    """Every known name of this kind, our own first."""
    return (*table, *sorted(_offered(what).keys() - table.keys()))


def plugin_path(what: str, name: str, table: Mapping[str, str]) -> str | None:
    """Where the object called ``name`` lives, as ``module:Object``; nothing is imported."""
    return table.get(name) or _offered(what).get(name)


def load_plugin(what: str, name: str, table: Mapping[str, str]) -> Any:
    """The object called ``name``.

    Raises:
        UsageError: nothing has that name; the hint gives the nearest.
        DependencyError: it exists, but a package it needs is missing.
    """
    path = plugin_path(what, name, table)
    if path is None:
        raise UsageError(f"unknown {what} {name!r}", suggest(name, plugin_names(what, table)))
    module, _, attribute = path.partition(":")
    try:
        return getattr(import_module(module), attribute)
    except ModuleNotFoundError as error:
        raise DependencyError(f"{what} {name!r} needs the package {error.name!r}, which is not installed") from error


def suggest(name: str, known: tuple[str, ...] | list[str]) -> str:
    """A hint for a name that does not exist: the nearest known one, or all of them."""
    near = get_close_matches(name, known, n=1)
    return f"did you mean {near[0]!r}?" if near else f"known: {', '.join(known) or 'none'}"
