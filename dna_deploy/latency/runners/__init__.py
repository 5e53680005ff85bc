"""Runtimes: one file each. A runner loads a model file for a target; a session runs it and times its runs."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Protocol, runtime_checkable

from dna_deploy.errors import UsageError
from dna_deploy.plugins import load_plugin, plugin_names
from dna_deploy.targets.target import Target

RUNNERS = {
    "onnxruntime": "dna_deploy.latency.runners.onnxruntime_runner:OnnxRuntimeRunner",
    "openvino": "dna_deploy.latency.runners.openvino_runner:OpenVinoRunner",
    "tensorrt": "dna_deploy.latency.runners.tensorrt_runner:TensorRtRunner",
    "tensorrt_rtx": "dna_deploy.latency.runners.tensorrt_runner:TensorRtRunner",
}
"""Runtime -> runner. Further runtimes come from the entry points ``dna_deploy.runners``."""


class Session(Protocol):
    """A loaded model with fixed inputs and outputs.

    It may tell the scratch memory it needs as ``memory_bytes``, and the shape of each input by its name as ``shapes``.
    """

    def run(self) -> None:
        """One inference; its result is there when this returns."""

    def time_runs(self, runs: int) -> list[int]:
        """How many nanoseconds each of so many inferences takes."""


@runtime_checkable
class Runner(Protocol):
    """A runtime, set up for a target."""

    def __init__(self, target: Target) -> None:
        """Raises `UsageError` or `DependencyError` if the target cannot be had here."""

    @property
    def version(self) -> str:
        """The runtime's version, and the provider's where it has one."""

    @property
    def libraries(self) -> dict[str, str]:
        """Versions and settings of what else decides about speed."""

    @staticmethod
    def providers() -> tuple[str, ...]:
        """What a target can name as its provider on this machine. Raises `DependencyError` if the runtime is not here."""

    def load(self, path: Path) -> Session:
        """The model in a file, ready to run. A `DnaDeployError` ends the run; any other loses this model only.

        A runner whose models may leave sizes open has a second parameter, `GivenInputs`, which it is given only if the user
        says something of inputs.
        """

    def throttle_reasons(self) -> tuple[str, ...]:
        """What the hardware reports of heat or power limits right now."""


def runner_names() -> tuple[str, ...]:
    """Every runtime that a target can name."""
    return plugin_names("runner", RUNNERS)


def open_runner(target: Target) -> Runner:
    """The runner of a target's runtime.

    Raises:
        UsageError: there is no such runtime, or the target asks for what it cannot do.
        DependencyError: the runtime, the provider or the device is not here.
    """
    runner = load_plugin("runner", target.runtime, RUNNERS)(target)
    if not isinstance(runner, Runner):
        raise UsageError(f"the plugin {target.runtime!r} is a {type(runner).__name__}, not a runner")
    return runner


def time_on_host(run: Callable[[], None], runs: int, clock: Callable[[], int]) -> list[int]:
    """Times calls that return when their work is done."""
    times = []
    for _ in range(runs):
        start = clock()
        run()
        times.append(clock() - start)
    return times
