"""What whole networks take on a target beside the original: in turns with it, so that the machine's pace cancels."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from torch import nn

from dna_deploy.export.formats.onnx_graph import export_onnx
from dna_deploy.fit.structure import structure_of
from dna_deploy.latency.in_turns import time_in_turns
from dna_deploy.progress import OnProgress, silent
from dna_deploy.records.files import digest_of, write_atomically
from dna_deploy.spaces.shapes import FeatureMap
from dna_deploy.targets.plan import SamplingPlan
from dna_deploy.targets.target import Target

PLAN = SamplingPlan(rounds=64, runs=2, warmup_runs=2)
"""Its statistic is p25, as that of rows: on a busy machine, others interrupt more than half of the runs of a long network, and
medians would make it twice as slow beside a short one (seen: p25 2.16 ms, p50 4.19 ms)."""


@dataclass(frozen=True)
class Stopwatch:
    """Times networks in a folder that keeps what was exported, and what was timed.

    Attributes:
        folder: Of the files.
        target: How to run them.
        original: What they are compared with.
        input: Its images.
        original_s: What it took when the latency table was made; all times are at that pace.
    """

    folder: Path
    target: Target
    original: nn.Module
    input: FeatureMap
    original_s: float
    on_progress: OnProgress = silent

    def time(self, network: nn.Module, input: FeatureMap | None = None) -> float:
        """What a network takes in seconds; one of equal structure is timed once.

        Raises:
            TableError: it cannot be run.
        """
        shapes = {"original": (self.original, self.input), "network": (network, input or self.input)}
        return self.time_file({name: self.exported(*pair) for name, pair in shapes.items()})

    def exported(self, network: nn.Module, input: FeatureMap) -> Path:
        """The file of a network, which is written if there is none of its structure."""
        path = self.folder / f"{structure_of(network, input)}.onnx"
        if not path.exists():
            write_atomically(path, export_onnx(network, (input,), self.target.batch).SerializeToString())
        return path

    def time_file(self, files: Mapping[str, Path]) -> float:
        """The same of the file ``network``, beside the file ``original``."""
        names = [path.name for path in files.values()]
        if files["network"] == files["original"]:
            return self.original_s
        identity = f"{self.target.model_dump_json()} {PLAN.model_dump_json()} {names}"
        kept = self.folder / f"times-{digest_of(identity.encode())[7:19]}.json"
        if not kept.exists():
            samples = time_in_turns(files, self.target, PLAN, self.on_progress)
            taken = {name: each.statistic(PLAN.statistic) for name, each in samples.items()}
            write_atomically(kept, json.dumps(taken).encode())
        taken = json.loads(kept.read_text())
        return float(taken["network"] / taken["original"] * self.original_s)
