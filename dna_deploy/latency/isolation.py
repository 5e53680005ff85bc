"""Runs probes in a worker process. A crash, a hang or a lack of memory costs the probe in flight, and nothing else."""

from __future__ import annotations

import json
import os
import select
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import MappingProxyType, TracebackType
from typing import IO, Any, Self

from dna_deploy import errors
from dna_deploy.errors import DependencyError, DnaDeployError, UsageError
from dna_deploy.latency.pace import PATIENCE_S, WATCH_S
from dna_deploy.latency.runners.inputs import GivenInput
from dna_deploy.latency.sampling import ProbeError
from dna_deploy.records.probe_kit import ProbeKit
from dna_deploy.targets.fingerprint import Fingerprint
from dna_deploy.targets.machine import fingerprint
from dna_deploy.targets.plan import SamplingPlan
from dna_deploy.targets.target import Target
from dna_deploy.targets.target_file import check_target

CANNOT_RUN = "give a model that it can load; what runs on this machine says: dna-deploy targets"

_START_TIMEOUT_S = 120.0


class _WorkerLostError(Exception):
    """The worker is gone or silent."""


@contextmanager
def temporary_folder() -> Iterator[Path]:
    """A folder that vanishes. Raises `UsageError` where none can be made."""
    try:
        made = tempfile.TemporaryDirectory(prefix="dna-deploy-", ignore_cleanup_errors=True)
    except OSError as error:
        problem = f"cannot make a temporary folder: {error.strerror or error}"
        raise UsageError(problem, "set TMPDIR to a folder with space") from error
    with made as name:
        yield Path(name)


@contextmanager
def bench_of(kit: ProbeKit, target: Target, plan: SamplingPlan, files: Sequence[str]) -> Iterator[IsolatedBench]:
    """Some probes of a kit, unpacked into a temporary folder that vanishes even if this process is killed."""
    with temporary_folder() as folder, IsolatedBench(target, plan, {file: folder / file for file in files}, folder) as bench:
        kit.unpack(folder, files)
        yield bench


class IsolatedBench:
    """Probes by name, run in a process that is started again when it is lost.

    That process removes the folder ``scratch``, if one is given, should it find this one gone.
    """

    def __init__(
        self,
        target: Target,
        plan: SamplingPlan,
        models: Mapping[str, Path],
        scratch: Path | None = None,
        inputs: Mapping[str, Sequence[GivenInput]] = MappingProxyType({}),
    ) -> None:
        check_target(target)
        self._target, self._plan, self._models = target, plan, dict(models)
        self._scratch = (str(scratch),) if scratch else ()
        self._loaded: set[str] = set()
        self._inputs = {
            model: {shape.name: shape.model_dump(mode="json") for shape in given} for model, given in inputs.items() if given
        }
        self.shapes: dict[str, dict[str, tuple[int, ...]]] = {}
        """Of every input of the models loaded so far, where the runtime tells it."""
        self.memory_bytes: dict[str, int] = {}
        """Scratch memory of the models loaded so far, where the runtime tells it."""
        self.waited_s = 0.0
        """For moments in which nobody else slowed the processor down, where the plan says so."""
        self._worker: subprocess.Popen[bytes] | None = None
        self._log: IO[bytes] = tempfile.TemporaryFile()  # noqa: SIM115  closed in __exit__
        try:
            self._hello = self._start()
        except BaseException:
            self._close()
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._close()

    @property
    def fingerprint(self) -> Fingerprint:
        """This machine with the worker's runtime."""
        return fingerprint(self._hello["version"], self._hello["libraries"])

    def visit(self, name: str) -> tuple[int, ...]:
        """Loads the probe if need be, warms up, times. One lost worker is forgiven; it may have been someone's mistake.

        Raises:
            ProbeError: the probe cannot be loaded or run; the text says why.
        """
        try:
            return self._visit(name)
        except _WorkerLostError:
            self._hello = self._start()
        try:
            return self._visit(name)
        except _WorkerLostError as error:
            self._hello = self._start()
            raise ProbeError(f"{error}, twice") from error

    def throttle_reasons(self) -> tuple[str, ...]:
        """What the hardware reports of heat or power limits right now."""
        try:
            return tuple(self._ask({"do": "throttle"}).get("reasons", ()))
        except _WorkerLostError:
            self._hello = self._start()
            return ()

    def _visit(self, name: str) -> tuple[int, ...]:
        plan = self._plan
        if name not in self._loaded:
            request = {"do": "load", "name": name, "path": str(self._models[name])}
            answer = self._ask(request | ({"inputs": self._inputs[name]} if name in self._inputs else {}))
            if memory := answer.get("memory_bytes"):
                self.memory_bytes[name] = memory
            self.shapes[name] = {input: tuple(shape) for input, shape in answer.get("shapes", {}).items()}
            self._loaded.add(name)
        settings = plan.model_dump(include={"warmup_runs", "warmup_s", "runs", "idle_s"})
        answer = self._ask({"do": "visit", "name": name, "steady": plan.steady, **settings})
        self.waited_s += answer["waited_s"]
        return tuple(answer["samples_ns"])

    def _ask(self, request: dict[str, Any]) -> dict[str, Any]:
        patience_s = WATCH_S + PATIENCE_S if self._plan.steady else 0.0
        rest_s = self._plan.idle_s * self._plan.runs
        answer = self._exchange(json.dumps(request), self._plan.timeout_s + patience_s + rest_s)
        if "error" in answer:
            raise ProbeError(self._without_scratch(answer["error"]))
        return answer

    def _without_scratch(self, reason: str) -> str:
        """Where models lay for a moment says nothing to whoever reads the record."""
        for folder in self._scratch:
            reason = reason.replace(f"{folder}{os.sep}", "")
        return reason

    def _start(self) -> dict[str, Any]:
        self._stop()
        self._loaded.clear()
        # One thread for every library that has its own idea of it; the runtime gets the target's number.
        environment = os.environ | {"OMP_NUM_THREADS": str(self._target.threads)}
        self._worker = subprocess.Popen(
            [sys.executable, "-m", "dna_deploy.latency.worker", *self._scratch],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=self._log, env=environment,
            # What ends this process, such as a closed terminal, shall not end the one that tidies up after it.
            start_new_session=True,
        )  # fmt: skip
        try:
            hello = self._exchange(self._target.model_dump_json(), _START_TIMEOUT_S)
        except _WorkerLostError as error:
            raise DependencyError(f"{self._target.runtime} cannot be started: {error}", self._last_words()) from error
        return hello

    def _exchange(self, line: str, timeout_s: float) -> dict[str, Any]:
        worker = self._worker
        assert worker is not None and worker.stdin is not None and worker.stdout is not None
        try:
            worker.stdin.write(line.encode() + b"\n")
            worker.stdin.flush()
        except OSError as error:
            raise _WorkerLostError(self._obituary()) from error
        content = b""
        while not content.endswith(b"\n"):
            ready, _, _ = select.select([worker.stdout], [], [], timeout_s)
            if not ready:
                raise _WorkerLostError(f"no answer within {timeout_s:g} s")
            part = os.read(worker.stdout.fileno(), 1 << 16)
            if not part:
                raise _WorkerLostError(self._obituary())
            content += part
        answer: dict[str, Any] = json.loads(content)
        if "refused" in answer:
            kind: type[DnaDeployError] = getattr(errors, answer["refused"])
            raise kind(answer["message"], answer["hint"])
        return answer

    def _obituary(self) -> str:
        assert self._worker is not None
        code = self._worker.wait(timeout=10)
        if code >= 0:
            return f"the runtime ended with code {code}"
        if -code == signal.SIGKILL:
            return "the runtime was killed, as the system does when memory runs out"
        return f"the runtime crashed with {signal.Signals(-code).name}"

    def _last_words(self) -> str:
        self._log.seek(0)
        lines = self._log.read().decode(errors="replace").strip().splitlines()
        return lines[-1] if lines else ""

    def _close(self) -> None:
        self._stop()
        self._log.close()

    def _stop(self) -> None:
        if self._worker is not None:
            self._worker.kill()
            for pipe in (self._worker.stdin, self._worker.stdout):
                if pipe is not None:
                    try:
                        pipe.close()
                    except OSError:
                        continue
            self._worker.wait()
            self._worker = None
