"""What candidates of units, and whole networks made of them, take on a target: each structure is exported and timed once."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import nn

from dna_deploy.errors import TableError, UsageError
from dna_deploy.export.formats.onnx_graph import export_onnx
from dna_deploy.fit.structure import structure_of
from dna_deploy.latency.isolation import IsolatedBench
from dna_deploy.latency.sampling import sample
from dna_deploy.progress import OnProgress, Progress, silent
from dna_deploy.records.files import digest_of, write_atomically
from dna_deploy.records.samples import Samples
from dna_deploy.spaces.shapes import FeatureMap, Shape
from dna_deploy.targets.plan import SamplingPlan
from dna_deploy.targets.target import Target

EMPTY = "empty"
"""A session that does next to nothing: what any run costs."""

PLAN = SamplingPlan(rounds=64, runs=2, warmup_runs=2)


@dataclass(frozen=True)
class Timed:
    """A statistic of the samples of one module, in seconds, and its standard error."""

    seconds: float
    standard_error_s: float


class Stopwatch:
    """Times modules in a folder that keeps what was exported, and what was timed."""

    def __init__(self, folder: Path, target: Target, plan: SamplingPlan = PLAN, on_progress: OnProgress = silent) -> None:
        self.folder, self.target, self.plan, self._tell = folder, target, plan, on_progress

    def time(self, modules: Mapping[str, tuple[nn.Module, Shape]]) -> dict[str, Timed]:
        """By name, everything in turns, so that what disturbs the machine disturbs all alike; `EMPTY` is added.

        Raises:
            TableError: a module cannot be exported or run; the message names it.
        """
        wanted = {**modules, EMPTY: (nn.ReLU(), FeatureMap(1, 1, 1))}
        names = {name: structure_of(module, shape) for name, (module, shape) in wanted.items()}
        files = {structure: self.folder / f"{structure}.onnx" for structure in names.values()}
        for number, (name, (module, shape)) in enumerate(wanted.items()):
            self._tell(Progress("exporting units", number + 1, len(wanted)))
            self.export(name, module, shape)
        timed = self.time_files(files)
        return {name: timed[structure] for name, structure in names.items()}

    def export(self, name: str, module: nn.Module, shape: Shape) -> None:
        """Writes a module's file, if there is none of its structure.

        Raises:
            TableError: it cannot be exported; the message calls it ``name``.
        """
        path = self.folder / f"{structure_of(module, shape)}.onnx"
        if not path.exists():
            _export(module, shape, path, self.target.batch, name)

    def time_files(self, files: Mapping[str, Path]) -> dict[str, Timed]:
        """The same of model files; they are read again only where others are asked for.

        Raises:
            TableError: a file cannot be run; the message names it.
        """
        identity = f"{self.target.model_dump_json()} {self.plan.model_dump_json()} {sorted(files)}"
        path = self.folder / f"times-{digest_of(identity.encode())[7:19]}.json"
        if path.exists():
            return {name: Timed(*values) for name, values in json.loads(path.read_text()).items()}
        visits: dict[str, list[tuple[int, ...]]] = {name: [] for name in files}
        with IsolatedBench(self.target, self.plan, files) as bench:
            for visit in sample(bench, tuple(files), self.plan, time.monotonic):
                if visit.failure:
                    raise TableError(f"{files[visit.name]} cannot be run by {self.target.runtime}: {visit.failure}")
                if visit.samples_ns and visit.is_possible:
                    visits[visit.name].append(visit.samples_ns)
                self._tell(Progress("timing units", visit.round + 1, self.plan.rounds))
        timed = {name: _statistic(seen, self.plan) for name, seen in visits.items()}
        write_atomically(
            path, json.dumps({name: (each.seconds, each.standard_error_s) for name, each in timed.items()}).encode()
        )
        return timed


def _statistic(visits: Sequence[tuple[int, ...]], plan: SamplingPlan) -> Timed:
    samples = Samples(visits_ns=tuple(visits))
    return Timed(samples.statistic(plan.statistic), samples.standard_error(plan.statistic))


def _export(module: nn.Module, shape: Shape, path: Path, batch: int, name: str) -> None:
    try:
        with torch.no_grad():
            model = export_onnx(module, (shape,), batch)
    except (UsageError, RuntimeError, TypeError, ValueError) as error:
        raise TableError(f"{name} cannot be exported: {str(error).partition(chr(10))[0][:160]}") from error
    write_atomically(path, model.SerializeToString())
