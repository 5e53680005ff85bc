"""Collects one sample of every kind of record from a finished run: ``python -m tests.records.collect_samples FOLDER``.

Before the first release, samples may be made anew with it. What is released stays as it is.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from pkgutil import walk_packages
from typing import Any

import dna_deploy.pipeline
import dna_deploy.records
from dna_deploy.records.changed_space import ChangedSpace
from dna_deploy.records.files import Provenance, Record
from dna_deploy.records.model_card import ModelCard
from dna_deploy.records.probe_kit import ProbeKit
from dna_deploy.records.rating_run import RatingRun
from dna_deploy.records.space_record import HeadedRecord, SpaceRecord

SAMPLES = Path(__file__).parent / "samples"
PROVENANCE = Provenance(
    created_at="2026-01-01T00:00:00+00:00",
    tool_version="0.1.0",
    python_version="3.11.0",
    host="laptop",
    command="dna-deploy run",
)

REPRODUCE = "dna-deploy run"
TEACHER_FILE = "teacher.safetensors"


def kinds() -> dict[str, type[Record]]:
    """Every record class of the package by its kind, and by the kinds that it was before."""
    for package in (dna_deploy.records, dna_deploy.pipeline):
        for module in walk_packages(package.__path__, f"{package.__name__}."):
            import_module(module.name)
    every = [
        *Record.__subclasses__(),
        *SpaceRecord.__subclasses__(),
        *HeadedRecord.__subclasses__(),
        *ChangedSpace.__subclasses__(),
    ]
    ours = [cls for cls in every if cls.__module__.startswith("dna_deploy.") and hasattr(cls, "KIND")]
    return {kind: cls for cls in ours for kind in (cls.KIND, *cls.FORMER_KINDS)}


def found(folder: Path) -> Iterator[Record]:
    """The records under a folder, from large to small, so that the smallest of a kind is the last."""
    known = kinds()
    for path in sorted(folder.rglob("*.json"), key=lambda path: -path.stat().st_size):
        body: Any = json.loads(path.read_text())
        if isinstance(body, dict) and body.get("kind") in known:
            yield known[body["kind"]].read(path)
    for path in folder.rglob("*.kit"):
        yield ProbeKit.read(path).manifest


def collect(folder: Path) -> None:
    """Writes the smallest record of each kind, with nothing of this machine in it that can be left out."""
    for record in found(folder):
        changes: dict[str, object] = {"provenance": PROVENANCE}
        if isinstance(record, ModelCard):  # values that name places on the machine of the run
            changes["reproduce"] = REPRODUCE
        if isinstance(record, RatingRun) and record.teacher:
            changes["teacher"] = record.teacher.model_copy(update={"file": TEACHER_FILE})
        record.model_copy(update=changes).write(SAMPLES / f"v{record.SCHEMA_VERSION}" / f"{record.KIND}.json")


if __name__ == "__main__":
    collect(Path(sys.argv[1]))
