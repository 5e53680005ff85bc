"""Reads and writes settings: a flag stands above the environment, that above `dna-deploy.toml`, that above the defaults."""

from __future__ import annotations

import json
import os
import tomllib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, get_args, get_origin

from pydantic import BaseModel, ValidationError
from pydantic.fields import FieldInfo

from dna_deploy.errors import UsageError
from dna_deploy.pipeline.settings import Settings
from dna_deploy.plugins import suggest
from dna_deploy.texts import decode_text

FILE_NAME = "dna-deploy.toml"
ENVIRONMENT_PREFIX = "DNA_DEPLOY_"


def read_settings(
    path: Path = Path(FILE_NAME),
    *,
    given: Mapping[str, object] | None = None,
    flags: Mapping[str, str] | None = None,
    environment: Mapping[str, str] = os.environ,
) -> Settings:
    """The settings of a project: what is given, else ``DNA_DEPLOY_<KEY>`` or ``DNA_DEPLOY_<TABLE>_<KEY>``, else the file's.

    Args:
        path: the settings file; one that is not there says nothing.
        given: values by their keys, such as ``train.epochs``.
        flags: what the user calls these keys.
        environment: the variables.

    Raises:
        UsageError: not TOML, an unknown key (the nearest is named), or a wrong value.
    """
    values = _from_file(path) if path.exists() else {}
    names: dict[str, str] = {}
    for name, key in _environment_names(Settings):
        if name in environment:
            _put(values, key, environment[name])
            names[".".join(key)] = name
    settings = _parsed(values, str(path), names)
    return _with_given(values, given, flags or {}) if given else settings


def load_settings(path: Path, environment: Mapping[str, str] = os.environ) -> Settings:
    """The settings in a file that must be there, with the environment above it.

    Raises:
        UsageError: no such file, or as `read_settings`.
    """
    if not path.is_file():
        raise UsageError(f"cannot read {path}: no such file", "write one with: dna-deploy init")
    return read_settings(path, environment=environment)


def settings_of(given: Mapping[str, object], flags: Mapping[str, str] | None = None) -> Settings:
    """Settings from values by their keys, such as ``train.epochs``, and nothing else."""
    return _with_given({}, given, flags or {})


def settings_text(settings: Settings) -> str:
    """The text of a `dna-deploy.toml` with every key, its value and what it means."""
    lines = ["# Settings of a dna-deploy journey. `dna-deploy run` walks it; `dna-deploy run --dry-run` shows the plan.", ""]
    lines += _explained(settings)
    for name, field in type(settings).model_fields.items():
        value = getattr(settings, name)
        if isinstance(value, BaseModel):
            lines += ["", f"[{name}]  # {(type(value).__doc__ or field.description or '').strip().rstrip('.')}"]
            lines += _explained(value)
    return "\n".join(lines) + "\n"


def field_of(key: str) -> FieldInfo:
    """What a config says of one of its keys, such as ``train.epochs``: type, bounds, default and meaning."""
    *tables, name = key.split(".")
    model: type[BaseModel] = Settings
    for table in tables:
        model = dict(_tables(model))[table]
    return model.model_fields[name]


def _from_file(path: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(decode_text(path.read_bytes()))
    except OSError as error:
        raise UsageError(f"cannot read {path}: {error.strerror or error}", "write one with: dna-deploy init") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise UsageError(f"{path} is not TOML: {error}", "mend it, or move it out of this folder") from error


def _with_given(values: dict[str, Any], given: Mapping[str, object], flags: Mapping[str, str]) -> Settings:
    for key, value in given.items():
        _put(values, tuple(key.split(".")), value)
    return _parsed(values, "", flags)


def _put(values: dict[str, Any], key: tuple[str, ...], value: object) -> None:
    *tables, name = key
    for table in tables:
        values = values.setdefault(table, {})
    values[name] = value


def _parsed(values: dict[str, Any], place: str, names: Mapping[str, str]) -> Settings:
    """Settings from plain values; ``place``, or the name of a key, says in errors where they came from."""
    before = f"{place}: " if place else ""
    try:
        return Settings.model_validate(values)
    except UsageError as error:
        raise UsageError(f"{before}{error.message}", error.hint) from error
    except ValidationError as error:
        first = error.errors()[0]
        key = ".".join(map(str, first["loc"]))
        if first["type"] == "extra_forbidden":
            hint = suggest(str(first["loc"][-1]), _keys_beside(first["loc"]))
            raise UsageError(f"{place} has an unknown key {key!r}", hint) from error
        name = f"{names[key]} " if key in names else f"{before}{key} = "
        description = field_of(key).description
        hint = f"it is {description}" if description else ""
        raise UsageError(f"{name}{first['input']!r}: {first['msg']}", hint) from error


def _explained(values: BaseModel) -> list[str]:
    rows = []
    for name, field in type(values).model_fields.items():
        value = getattr(values, name)
        if not isinstance(value, BaseModel):
            assignment = f"# {name} =" if value is None else f"{name} = {_toml(value)}"
            rows.append((assignment, field.description or ""))
    width = max(len(row[0]) for row in rows)
    return [f"{assignment:<{width}}  # {meaning}" for assignment, meaning in rows]


def _toml(value: object) -> str:
    """A value as TOML: for booleans, numbers and strings JSON writes the same."""
    return json.dumps(value, ensure_ascii=False)


def _tables(model: type[BaseModel]) -> Iterator[tuple[str, type[BaseModel]]]:
    for name, field in model.model_fields.items():
        kind = field.annotation
        if get_origin(kind) is None and not get_args(kind) and isinstance(kind, type) and issubclass(kind, BaseModel):
            yield name, kind


def _environment_names(model: type[BaseModel], above: tuple[str, ...] = ()) -> Iterator[tuple[str, tuple[str, ...]]]:
    tables = dict(_tables(model))
    for name in model.model_fields:
        if name in tables:
            yield from _environment_names(tables[name], (*above, name))
        else:
            key = (*above, name)
            yield ENVIRONMENT_PREFIX + "_".join(key).upper(), key


def _keys_beside(place: tuple[int | str, ...]) -> list[str]:
    model: type[BaseModel] = Settings
    for part in place[:-1]:
        model = dict(_tables(model))[str(part)]
    return list(model.model_fields)
