"""The process that runs probes: it may crash or hang without taking anything else with it.

Reads one JSON object a line from standard input and answers with one line on the descriptor that was standard output;
whatever a runtime prints goes to standard error.
"""

from __future__ import annotations

import gc
import json
import os
import shutil
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, TextIO

from dna_deploy.errors import DnaDeployError
from dna_deploy.latency.pace import Pace
from dna_deploy.latency.runners import Runner, Session, open_runner
from dna_deploy.latency.runners.inputs import GivenInput
from dna_deploy.targets.machine import processors_of
from dna_deploy.targets.target import Target


def warm_up(session: Session, runs: int, seconds: float, clock: Callable[[], float] = time.perf_counter) -> None:
    """Runs that are not counted: at least so many, for at least so long."""
    begin, count = clock(), 0
    while count < runs or clock() - begin < seconds:
        session.run()
        count += 1


class Worker:
    """Answers requests about probes."""

    def __init__(self, target: Target, sleep: Callable[[float], object] = time.sleep) -> None:
        self._runner: Runner = open_runner(target)
        self._sessions: dict[str, Session] = {}
        self._pace: Pace | None = None
        self._sleep = sleep

    def hello(self) -> dict[str, Any]:
        """What it runs probes with."""
        return {"version": self._runner.version, "libraries": self._runner.libraries}

    def answer(self, request: dict[str, Any]) -> dict[str, Any]:
        """Does what is asked: ``load``, ``visit`` or ``throttle``."""
        match request["do"]:
            case "load":
                session = self._sessions[request["name"]] = self._load(Path(request["path"]), request.get("inputs") or {})
                return {"memory_bytes": getattr(session, "memory_bytes", None), "shapes": getattr(session, "shapes", {})}
            case "visit":
                samples, waited_s = self._undisturbed(request) if request["steady"] else (self._visit(request), 0.0)
                return {"samples_ns": samples, "waited_s": waited_s}
            case _:
                return {"reasons": self._runner.throttle_reasons()}

    def _visit(self, request: dict[str, Any]) -> list[int]:
        session = self._sessions[request["name"]]
        warm_up(session, request["warmup_runs"], request["warmup_s"])
        if not (idle_s := request.get("idle_s", 0.0)):
            return session.time_runs(request["runs"])
        samples = []
        for _ in range(request["runs"]):
            self._sleep(idle_s)
            samples += session.time_runs(1)
        return samples

    def _load(self, path: Path, inputs: dict[str, Any]) -> Session:
        if not inputs:
            return self._runner.load(path)
        load: Any = self._runner.load
        session: Session = load(path, {name: GivenInput.model_validate(values) for name, values in inputs.items()})
        return session

    def _undisturbed(self, request: dict[str, Any]) -> tuple[list[int], float]:
        self._pace = self._pace or Pace()
        return self._pace.undisturbed(lambda: self._visit(request))


def pin_process(processors: tuple[int, ...] | None) -> None:
    """Keeps this process on some logical processors, where the system can."""
    if processors is not None and hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, processors)


def _serve(requests: TextIO, answers: TextIO) -> None:
    def reply(body: dict[str, Any]) -> None:
        answers.write(json.dumps(body) + "\n")
        answers.flush()

    target = Target.model_validate_json(requests.readline())
    try:
        pin_process(processors_of(target))
        worker = Worker(target)
        reply(worker.hello())
    except DnaDeployError as error:
        reply({"refused": type(error).__name__, "message": error.message, "hint": error.hint})
        return
    gc.disable()
    for line in requests:
        try:
            reply(worker.answer(json.loads(line)))
        except DnaDeployError as error:
            reply({"refused": type(error).__name__, "message": error.message, "hint": error.hint})
        except Exception as error:  # runtimes raise what they like; the supervisor records it as the reason
            reply({"error": f"{type(error).__name__}: {error}"})


def main() -> None:
    """Serves until standard input ends: then the supervisor is dead, or it would have killed this process."""
    answers = os.fdopen(os.dup(sys.stdout.fileno()), "w")
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())
    try:
        _serve(sys.stdin, answers)
    finally:
        for scratch in sys.argv[1:]:
            shutil.rmtree(scratch, ignore_errors=True)
    # Runtimes with threads sometimes crash on the way out; everything is said already.
    answers.close()
    os._exit(0)


if __name__ == "__main__":
    main()
