"""Measures the exported file on this machine."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from dna_deploy.pipeline.published import publish, published_digest
from dna_deploy.pipeline.runner import Inputs
from dna_deploy.progress import OnProgress
from dna_deploy.targets.target_file import TargetFile


@dataclass(frozen=True)
class Verify:
    """The delivered file: what was exported, with a card that says how long it takes here."""

    target: TargetFile
    exported: Path
    model_file: Path
    name: str = "verify"
    summary: str = "measure the file on this machine"
    estimate_s: float = 20

    @property
    def outputs(self) -> tuple[Path, ...]:
        return (self.model_file, self.model_file.with_suffix(".card.json"), self.model_file.with_suffix(".card.md"))

    def inputs(self) -> Inputs:
        exported = self.exported / self.model_file.name
        return {"model": published_digest(exported), "card": published_digest(exported.with_suffix(".card.json"))}

    def run(self, work: Path, on_progress: OnProgress) -> None:
        from dna_deploy.export.checks.verification import complete_card, find_promise, verify_model

        for file in self.exported.iterdir():
            publish(file, self.model_file.parent / file.name)
        promise = find_promise(self.model_file, None, None)
        complete_card(verify_model(self.model_file, self.target.target, self.target.plan, promise, on_progress))
