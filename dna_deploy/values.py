"""Reads settings from plain values, and says of a key or value that cannot be which one it is."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError

from dna_deploy.errors import UsageError
from dna_deploy.plugins import suggest


def read_names(names: object) -> object:
    """Names as a list, or as one text with commas between them."""
    return tuple(filter(None, names.split(","))) if isinstance(names, str) else names


ModelT = TypeVar("ModelT", bound=BaseModel)


def read_values(kind: type[ModelT], values: Mapping[str, Any], name: str, above: str = "") -> ModelT:
    """Settings from plain values; ``name`` says in errors where they came from, and ``above`` in which table.

    Raises:
        UsageError: an unknown key, where the hint gives the nearest, a wrong value, or what should be a table is none.
    """
    if not isinstance(values, Mapping):
        raise UsageError(f"{name}: {above.rstrip('.')} is not a table of settings")
    try:
        return kind.model_validate(values)
    except UsageError as error:
        raise UsageError(f"{name}: {error.message}", error.hint) from error
    except ValidationError as error:
        first = error.errors()[0]
        place = tuple(map(str, first["loc"]))
        key = above + ".".join(place)
        if first["type"] == "extra_forbidden":
            raise UsageError(f"{name} has an unknown key {key!r}", suggest(place[-1], _keys(kind, place))) from error
        raise UsageError(f"{name}: {key} = {first['input']!r}: {first['msg']}") from error


def _keys(model: type[BaseModel], place: tuple[str, ...]) -> tuple[str, ...]:
    """The keys beside the one at a place."""
    for part in place[:-1]:
        inside = model.model_fields[part].annotation
        if not (isinstance(inside, type) and issubclass(inside, BaseModel)):
            return ()
        model = inside
    return tuple(model.model_fields)
