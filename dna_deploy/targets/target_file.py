"""Reads ``profiles/<name>/target.toml``: a target and how to sample on it. Says what is wrong with it, by name."""

from __future__ import annotations

import json
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from dna_deploy.errors import UsageError
from dna_deploy.plugins import suggest
from dna_deploy.targets.machine import all_processors, processors_of, usable_processors
from dna_deploy.targets.plan import SamplingPlan
from dna_deploy.targets.target import Target
from dna_deploy.texts import decode_text
from dna_deploy.values import read_values

TARGET_FILE = "target.toml"
DEFAULT_TARGET = "cpu-1thread"
DEFAULT_PLAN = SamplingPlan(least_s=30.0)


@dataclass(frozen=True)
class TargetFile:
    """What a target file says."""

    target: Target
    plan: SamplingPlan
    is_built_in: bool = False
    """Whether it stands for this machine's processor, without a file."""


def find_target(name: str, profiles: Path) -> TargetFile:
    """The target called ``name``: its file in ``profiles``, or, for the default one, this machine's processor.

    Raises:
        UsageError: there is no such target, or its file cannot be used.
    """
    path = profiles / name / TARGET_FILE
    if path.exists():
        return read_target(path)
    if name == DEFAULT_TARGET:
        return TargetFile(default_target(), DEFAULT_PLAN, is_built_in=True)
    raise UsageError(f"there is no target {name!r}: {path} does not exist", suggest(name, target_names(profiles)))


def target_names(profiles: Path) -> tuple[str, ...]:
    """Every target that can be named."""
    names = sorted(path.parent.name for path in profiles.glob(f"*/{TARGET_FILE}"))
    return tuple(dict.fromkeys((DEFAULT_TARGET, *names)))


def default_target() -> Target:
    """ONNX Runtime on one processor."""
    return Target(name=DEFAULT_TARGET, pin="last")


def read_target(path: Path) -> TargetFile:
    """The target in a file.

    Raises:
        UsageError: it is no TOML, or has an unknown key or an impossible value.
    """
    try:
        body = tomllib.loads(decode_text(path.read_bytes()))
    except (OSError, ValueError, RecursionError) as error:
        raise UsageError(f"cannot read {path}: {error}") from error
    sampling = body.pop("sampling", {})
    target = read_values(Target, {"name": path.parent.resolve().name, **body}, str(path))
    return TargetFile(target, read_values(SamplingPlan, sampling, str(path), "sampling."))


def target_toml(target: Target, plan: SamplingPlan) -> str:
    """The text of a target file, with every setting that is not the default."""
    values = target.model_dump(mode="json", exclude={"name", "provider_options"}, exclude_defaults=True)
    parts = [_toml_lines({"runtime": target.runtime, "provider": target.provider, "threads": target.threads, **values})]
    for name, table in (("provider_options", target.provider_options), ("sampling", plan.model_dump(exclude_defaults=True))):
        if table:
            parts.append(f"\n[{name}]\n{_toml_lines(table)}")
    return "".join(parts)


def _toml_lines(values: Mapping[str, object]) -> str:
    # JSON's strings, numbers and lists are TOML's, too.
    return "".join(
        f"{name if name.isidentifier() else json.dumps(name)} = {json.dumps(value)}\n" for name, value in values.items()
    )


def check_target(target: Target) -> None:
    """Raises `UsageError` if this machine cannot run as the target says."""
    processors, usable = all_processors(), usable_processors()
    if target.threads > len(processors):
        raise UsageError(
            f"target {target.name!r} wants {target.threads} threads; this machine has {len(processors)} logical processors",
            "write fewer threads into its target.toml",
        )
    pin = processors_of(target)
    if pin is None:
        return
    if not pin or not set(pin) <= set(usable):
        raise UsageError(
            f"target {target.name!r} is pinned to processors {list(pin)}; this process may use {list(usable)}",
            "choose others with 'pin' in its target.toml",
        )
    if len(set(pin)) < target.threads:
        raise UsageError(f"target {target.name!r} pins {target.threads} threads to {len(set(pin))} processors {list(pin)}")
