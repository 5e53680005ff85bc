"""Writes the trained network as a file that stands alone."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

from dna_deploy.export.formats.catalog import FORMAT_OF, model_name
from dna_deploy.pipeline.images import ProjectImages
from dna_deploy.pipeline.published import published_digest
from dna_deploy.pipeline.runner import Inputs
from dna_deploy.progress import OnProgress
from dna_deploy.records.latency_table import LatencyTable
from dna_deploy.records.model_card import PredictedLatency
from dna_deploy.records.search_outcome import SearchOutcome
from dna_deploy.records.trained_network import TrainedNetwork
from dna_deploy.targets.target import Target


@dataclass(frozen=True)
class Export:
    """The ONNX file in ``folder``, compared with torch, and its card, which names the command ``reproduce``."""

    images: ProjectImages
    record_file: Path
    outcome_file: Path
    table_file: Path
    folder: Path
    target: Target
    reproduce: str = ""
    name: str = "export"
    summary: str = "write the ONNX file, compare it with torch"
    estimate_s: float = 40

    @property
    def outputs(self) -> tuple[Path, ...]:
        return (self.model_file, self.model_file.with_suffix(".card.json"))

    @property
    def model_file(self) -> Path:
        """The file that the target runs."""
        return self.folder / model_name(self.target.precision)

    def inputs(self) -> Inputs:
        return {
            "trained network": published_digest(self.record_file),
            "search outcome": published_digest(self.outcome_file),
        }

    def run(self, work: Path, on_progress: OnProgress) -> None:
        from dna_deploy.export.delivery import deliver
        from dna_deploy.export.source import source_of_trained

        outcome, table = SearchOutcome.read(self.outcome_file), LatencyTable.read(self.table_file)
        source = source_of_trained(TrainedNetwork.read(self.record_file), self.record_file.parent)
        source = source.with_outcome(outcome).with_table(table)
        if isinstance(source.predicted, PredictedLatency):  # what search believed, the promise loop's corrections included
            believed = source.predicted.model_copy(update={"latency_s": outcome.best.targets[0].latency_s})
            source = replace(source, predicted=believed)
        formats = [FORMAT_OF[self.target.precision]] if self.target.precision in FORMAT_OF else ()
        done = deliver(
            source, self.folder, formats=formats, data=self.images.for_training, batch=self.target.batch, replace=True,
            reproduce=self.reproduce,
        )  # fmt: skip
        for refused in done.refused:
            raise refused.error
