"""Reads and writes settings: a flag stands above the environment, that above `dna-deploy.toml`, that above the defaults."""

from __future__ import annotations

import json
import os
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ValidationError
from pydantic.fields import FieldInfo

from dna_deploy.errors import UsageError
from dna_deploy.pipeline.settings import FORMER_DEFAULTS, MOVED, SHARED, Settings, method_of, tables_of, tables_of_method
from dna_deploy.plugins import plugin_names, suggest
from dna_deploy.rating.raters import RATERS
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
    values, given = _moved(_from_file(path) if path.exists() else {}), given or {}
    names: dict[str, str] = {}
    method = str(given.get("method") or environment.get(f"{ENVIRONMENT_PREFIX}METHOD") or method_of(values))
    variables = dict(_environment_names(method))
    _check_known(environment, variables)
    for name, key in variables.items():
        if name in environment:
            _put(values, key, environment[name])
            names[key] = name
    if method != method_of(values):  # whose settings the file and the environment are read as
        values["method"] = method
    settings = _parsed(values, str(path), names)
    return _with_given(values, given, flags or {}) if given else settings


def _check_known(environment: Mapping[str, str], variables: Mapping[str, str]) -> None:
    """Raises `UsageError` for a variable that would set nothing; those of ``[rate]`` may be another method's."""
    unknown = [name for name in environment if name.startswith(ENVIRONMENT_PREFIX) and name not in variables]
    of_others: set[str] = set()
    if any(name.startswith(f"{ENVIRONMENT_PREFIX}RATE_") for name in unknown):
        of_others = {name for method in plugin_names("rater", RATERS) for name, _ in _environment_names(method)}
    if wrong := next((name for name in unknown if name not in of_others), None):
        raise UsageError(f"the variable {wrong} is of no setting", suggest(wrong, [*variables, *of_others]))


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
    """The text of a `dna-deploy.toml` with every key and what it means: a default is a remark, so that it stays one."""
    lines = [
        "# Settings of a dna-deploy journey. `dna-deploy run` walks it; `dna-deploy run --dry-run` shows the plan.",
        "# Lines that begin with # show defaults.", "",
    ]  # fmt: skip
    return "\n".join([*lines, *_explained(settings), *_explained_tables(settings, "")]) + "\n"


def field_of(key: str, method: str = "dna") -> FieldInfo:
    """What a config says of one of its keys, such as ``train.epochs``: type, bounds, default and meaning."""
    *tables, name = key.split(".")
    return _config_at(tables, method).model_fields[name]


def _config_at(tables: Sequence[str], method: str) -> type[BaseModel]:
    model: type[BaseModel] = Settings
    inside = tables_of_method(method)
    for table in tables:
        model = inside[table]
        inside = tables_of(model)
    return model


def _from_file(path: Path) -> dict[str, Any]:
    try:
        return {key: _without_empty(value) for key, value in tomllib.loads(decode_text(path.read_bytes())).items()}
    except OSError as error:
        raise UsageError(f"cannot read {path}: {error.strerror or error}", "write one with: dna-deploy init") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise UsageError(f"{path} is not TOML: {error}", "mend it, or move it out of this folder") from error


def _without_empty(value: Any) -> Any:
    """A table without tables that hold nothing: `init` writes those of the usual method, and another has others."""
    if not isinstance(value, dict):
        return value
    return {key: _without_empty(inner) for key, inner in value.items() if inner != {}}


def _moved(values: dict[str, Any]) -> dict[str, Any]:
    """Values with the keys of earlier versions where they are now.

    What they wrote into every file without being told to, and is no default any more, is left out.
    """
    for key, former in FORMER_DEFAULTS.items():
        table, _, name = key.partition(".")
        if isinstance(values.get(table), dict) and values[table].get(name) == former:
            del values[table][name]
    for before, now in MOVED.items():
        table, _, name = before.partition(".")
        if isinstance(values.get(table), dict) and name in values[table]:
            _put(values, now, values[table].pop(name))
    return values


def _with_given(values: dict[str, Any], given: Mapping[str, object], flags: Mapping[str, str]) -> Settings:
    for key, value in given.items():
        _put(values, key, value)
    return _parsed(values, "", flags)


def _put(values: dict[str, Any], key: str, value: object) -> None:
    *tables, name = key.split(".")
    for table in tables:
        inside: object = values.setdefault(table, {})
        if not isinstance(inside, dict):  # the config refuses it, and says where it stands
            return
        values = inside
    values[name] = value


def _parsed(values: dict[str, Any], place: str, names: Mapping[str, str]) -> Settings:
    """Settings from plain values; ``place``, or the name of a key, says in errors where they came from."""
    before, method = (f"{place}: " if place else ""), method_of(values)
    try:
        return Settings.model_validate(values)
    except UsageError as error:
        raise UsageError(f"{before}{error.message}", error.hint) from error
    except ValidationError as error:
        first = error.errors()[0]
        parts = [str(part) for part in first["loc"] if isinstance(part, str)]
        key = ".".join(parts)
        if first["type"] == "extra_forbidden":
            hint = suggest(parts[-1], list(_config_at(parts[:-1], method).model_fields))
            if parts[0] == "rate":
                raise UsageError(f"{before}method {method!r} has no setting {names.get(key, key)}", hint) from error
            raise UsageError(f"{before}{names.get(key, repr(key))} is an unknown key", hint) from error
        if first["type"] == "model_type":
            raise UsageError(f"{before}{key} = {first['input']!r} is no table of settings", f"write it as [{key}]") from error
        name = f"{names[key]} " if key in names else f"{before}{key} = "
        description = field_of(key, method).description
        raise UsageError(f"{name}{first['input']!r}: {first['msg']}", f"it is {description}" if description else "") from error


def _explained_tables(values: BaseModel, above: str) -> Iterator[str]:
    for name in type(values).model_fields:
        value = getattr(values, name)
        if isinstance(value, BaseModel):
            summary = " ".join((type(value).__doc__ or "").split()).partition(". ")[0].rstrip(".")
            yield from ("", f"[{above}{name}]  # {summary}", *_explained(value, SHARED))
            yield from _explained_tables(value, f"{above}{name}.")


def _explained(values: BaseModel, left_out: Sequence[str] = ()) -> list[str]:
    """The keys of a table, but those that are said once for all tables."""
    rows = []
    for name, field in type(values).model_fields.items():
        value = getattr(values, name)
        if not isinstance(value, BaseModel) and name not in left_out:
            assignment = f"{name} =" if value is None else f"{name} = {_toml(value)}"
            rows.append((assignment if name in values.model_fields_set else f"# {assignment}", field.description or ""))
    width = max(len(row[0]) for row in rows)
    return [f"{assignment:<{width}}  # {meaning}" for assignment, meaning in rows]


def _toml(value: object) -> str:
    """A value as TOML: for booleans, numbers and strings JSON writes the same."""
    return json.dumps(str(value) if isinstance(value, Path) else value, ensure_ascii=False)


def _environment_names(method: str) -> Iterator[tuple[str, str]]:
    """Every variable, and the key that it sets; former keys have theirs, too."""
    for key in (*_keys(Settings, tables_of_method(method)), *MOVED):
        yield ENVIRONMENT_PREFIX + key.replace(".", "_").upper(), MOVED.get(key, key)


def _keys(model: type[BaseModel], tables: Mapping[str, type[BaseModel]], above: str = "") -> Iterator[str]:
    for name in model.model_fields:
        if name in tables:
            yield from _keys(tables[name], tables_of(tables[name]), f"{above}{name}.")
        else:
            yield f"{above}{name}"
