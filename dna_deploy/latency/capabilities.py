"""What this machine can measure with: its runtimes and their providers, and why the rest cannot be loaded."""

from __future__ import annotations

from dataclasses import dataclass

from dna_deploy.errors import DnaDeployError
from dna_deploy.latency.runners import RUNNERS, open_runner, runner_names
from dna_deploy.plugins import load_plugin
from dna_deploy.targets.target import Target


@dataclass(frozen=True)
class Capability:
    """One runtime: its version and providers, or the reason why it cannot be used."""

    runtime: str
    version: str
    providers: tuple[str, ...]
    reason: str


def capabilities() -> tuple[Capability, ...]:
    """Every runtime that a target can name."""
    return tuple(_capability(name) for name in runner_names())


def why_not(target: Target) -> str:
    """Why a target cannot be used here; empty if it can."""
    try:
        open_runner(target)
    except DnaDeployError as error:
        return error.message
    return ""


def _capability(name: str) -> Capability:
    try:
        providers = tuple(load_plugin("runner", name, RUNNERS).providers())
        runner = open_runner(Target(name=name, runtime=name, provider=providers[0] if providers else "none"))
    except DnaDeployError as error:
        return Capability(name, "", (), error.message)
    return Capability(name, runner.version, providers, "")
