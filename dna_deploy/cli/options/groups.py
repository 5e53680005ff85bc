"""Spreads option groups out: one parameter of a command stands for many flags.

A group is a frozen dataclass, each of whose fields is a flag; or it is the `Settings`, marked with `Knobs`: some of their keys
are flags then. Name, type, bounds, default and help of such a flag are those of the field in the config that has the key.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, fields, is_dataclass
from pathlib import Path
from types import UnionType
from typing import Annotated, Any, Protocol, Union, get_args, get_origin, get_type_hints

import typer
from pydantic import BeforeValidator
from pydantic.fields import FieldInfo

from dna_deploy.errors import UsageError
from dna_deploy.pipeline.settings import Settings
from dna_deploy.pipeline.settings_file import field_of, read_settings, settings_of

_GENERAL = "Options"
_CONTEXT = inspect.Parameter("context", inspect.Parameter.KEYWORD_ONLY, annotation=typer.Context)


@dataclass(frozen=True)
class Knob:
    """A key of the settings that is a flag: ``--`` and the last part of the key, unless it is called otherwise."""

    key: str
    flags: tuple[str, ...] = ()
    help: str = ""
    """Instead of what the config says of the key."""

    @property
    def parameter(self) -> str:
        return self.key.replace(".", "_")

    @property
    def names(self) -> tuple[str, ...]:
        name = self.key.rpartition(".")[2].replace("_", "-")
        if self.flags:
            return self.flags
        return (f"--{name}/--no-{name}",) if _kind(field_of(self.key)) is bool else (f"--{name}",)

    def as_parameter(self, panel: str) -> inspect.Parameter:
        """The flag, which is None where it is not given: what stands in the environment or in the file holds then."""
        field = field_of(self.key)
        kind, (least, most) = _kind(field), _bounds(field)
        words = self.help or field.description or ""
        option = typer.Option(
            None, *self.names, help=f"{words[:1].upper()}{words[1:]}.", rich_help_panel=panel, min=least, max=most,
            show_default=_shown(field.get_default(call_default_factory=True)),
        )  # fmt: skip
        return inspect.Parameter(self.parameter, inspect.Parameter.KEYWORD_ONLY, default=option, annotation=kind | None)


class Knobs:
    """Keys of the settings that are flags of a command, under one headline of its help."""

    def __init__(self, panel: str, *knobs: Knob | str) -> None:
        self.panel = panel
        self.knobs = tuple(knob if isinstance(knob, Knob) else Knob(knob) for knob in knobs)


class Alone:
    """Marks settings that flags and these values make, whatever the environment and the file say."""

    def __init__(self, values: Mapping[str, object] | None = None) -> None:
        self.values = values or {}


FURTHER = {"allow_extra_args": True, "ignore_unknown_options": True}
"""How typer is told that a command has `Further` flags."""


class Further:
    """Every other flag is a key of this table, which one config has and another has not: ``--draws 2``."""

    def __init__(self, table: str) -> None:
        self.table = table

    def read(self, arguments: Sequence[str]) -> dict[str, str]:
        """The values by their keys.

        Raises:
            UsageError: an argument that is no flag, or a flag without a value.
        """
        values, rest = dict[str, str](), list(arguments)
        while rest:
            flag, joined, value = rest.pop(0).partition("=")
            if not flag.startswith("--"):
                raise UsageError(f"what is {flag!r}?", "further settings are written like --draws 2")
            if not joined and (not rest or rest[0].startswith("--")):
                raise UsageError(f"{flag} has no value", f"write it like {flag} 2, or {flag} true")
            values[f"{self.table}.{flag.removeprefix('--').replace('-', '_')}"] = value if joined else rest.pop(0)
        return values


class _Group(Protocol):
    @property
    def parameters(self) -> list[inspect.Parameter]: ...

    def build(self, values: Mapping[str, Any]) -> object: ...


@dataclass(frozen=True)
class _SettingsGroup:
    """The settings, with some of their keys as flags."""

    groups: tuple[Knobs, ...]
    alone: Alone | None
    further: Further | None

    @property
    def parameters(self) -> list[inspect.Parameter]:
        flags = [knob.as_parameter(group.panel) for group in self.groups for knob in group.knobs]
        return [_CONTEXT, *flags] if self.further else flags

    def build(self, values: Mapping[str, Any]) -> Settings:
        knobs = [knob for group in self.groups for knob in group.knobs]
        given = {knob.key: values[knob.parameter] for knob in knobs if values[knob.parameter] is not None}
        flags = {knob.key: knob.names[0].partition("/")[0] for knob in knobs}
        if self.further:
            further = self.further.read(values[_CONTEXT.name].args)
            given |= further
            flags |= {key: "--" + key.partition(".")[2].replace("_", "-") for key in further}
        if self.alone:
            return settings_of({**self.alone.values, **given}, flags)
        return read_settings(given=given, flags=flags)


@dataclass(frozen=True)
class _DataclassGroup:
    """A dataclass whose fields are flags."""

    kind: type[Any]

    @property
    def parameters(self) -> list[inspect.Parameter]:
        hints, made = get_type_hints(self.kind, include_extras=True), []
        for field in fields(self.kind):
            kind, option = get_args(hints[field.name])
            option.rich_help_panel = getattr(self.kind, "PANEL", _GENERAL)
            made.append(
                inspect.Parameter(
                    field.name, inspect.Parameter.KEYWORD_ONLY, default=field.default, annotation=Annotated[kind, option]
                )
            )
        return made

    def build(self, values: Mapping[str, Any]) -> object:
        return self.kind(**{field.name: values[field.name] for field in fields(self.kind)})


def spread(command: Callable[..., None]) -> Callable[..., None]:
    """The command as typer takes it: each of its groups is spread out into flags. A flag of two groups is one flag."""
    groups: dict[str, _Group] = {}
    flat: dict[str, inspect.Parameter] = {}
    for parameter in inspect.signature(command, eval_str=True).parameters.values():
        group = _group(parameter.annotation)
        if group is None:
            flat[parameter.name] = parameter.replace(kind=inspect.Parameter.KEYWORD_ONLY)
            continue
        groups[parameter.name] = group
        for each in group.parameters:
            flat.setdefault(each.name, each)
    own = [name for name in inspect.signature(command).parameters if name not in groups]

    def spread_out(**values: Any) -> None:
        made = {name: group.build(values) for name, group in groups.items()}
        command(**{name: values[name] for name in own}, **made)

    spread_out.__name__, spread_out.__doc__ = command.__name__, command.__doc__
    spread_out.__signature__ = inspect.Signature(list(flat.values()))  # type: ignore[attr-defined]
    spread_out.__annotations__ = {name: parameter.annotation for name, parameter in flat.items()}
    return spread_out


def _group(annotation: Any) -> _Group | None:
    if get_origin(annotation) is Annotated:
        kind, *marks = get_args(annotation)
        if kind is Settings:
            alone = next((mark for mark in marks if isinstance(mark, Alone)), None)
            further = next((mark for mark in marks if isinstance(mark, Further)), None)
            return _SettingsGroup(tuple(mark for mark in marks if isinstance(mark, Knobs)), alone, further)
        return None
    return _DataclassGroup(annotation) if isinstance(annotation, type) and is_dataclass(annotation) else None


def _kind(field: FieldInfo) -> Any:
    """The type of a flag: a number, a switch, a path; everything else is text, which the config reads."""
    if any(isinstance(mark, BeforeValidator) for mark in field.metadata):
        return str
    options = [kind for kind in _alternatives(field.annotation) if kind is not type(None)]
    return options[0] if len(options) == 1 and options[0] in (bool, int, float, Path) else str


def _alternatives(annotation: Any) -> tuple[Any, ...]:
    return get_args(annotation) if get_origin(annotation) in (Union, UnionType) else (annotation,)


def _bounds(field: FieldInfo) -> tuple[float | None, float | None]:
    """The least and the largest whole number that a flag takes; the config itself checks everything else."""
    if _kind(field) is not int:
        return None, None
    limits = {name: getattr(mark, name) for mark in field.metadata for name in ("ge", "le") if hasattr(mark, name)}
    return limits.get("ge"), limits.get("le")


def _shown(default: object) -> bool | str:
    match default:
        case None | False | "" | ():
            return False
        case tuple():
            return ",".join(map(str, default))
    return str(default).lower() if default is True else str(default)
