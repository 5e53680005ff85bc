"""Measures pretrained networks of timm on a device, beside what is published of their accuracy; no weights are needed."""

from __future__ import annotations

import csv
import tempfile
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

from dna_deploy.errors import DnaDeployError, UsageError
from dna_deploy.export.formats.onnx_graph import export_onnx
from dna_deploy.latency.isolation import IsolatedBench
from dna_deploy.latency.measure import measure_model
from dna_deploy.plugins import suggest
from dna_deploy.progress import OnProgress, Progress, silent
from dna_deploy.records.files import Provenance, digest_of, read_bytes, write_atomically
from dna_deploy.records.model_card import Absent
from dna_deploy.records.shelf import Shelf, ShelfModel, ShelfTime
from dna_deploy.spaces.shapes import FeatureMap
from dna_deploy.targets.fingerprint import Fingerprint
from dna_deploy.targets.plan import SamplingPlan
from dna_deploy.targets.target import Target
from dna_deploy.texts import decode_text

PLAN = SamplingPlan(rounds=48, runs=2, budget_s=6.0)
_COLUMNS = ("model", "img_size", "top1", "param_count")


@dataclass(frozen=True)
class Published:
    """A row of timm's results."""

    name: str
    image_size: int
    top1: float
    parameters: float

    @property
    def architecture(self) -> str:
        """Without the name of its weights."""
        return self.name.partition(".")[0]

    @property
    def size(self) -> float:
        """A rough guess at its cost, to choose what to measure by."""
        return self.parameters * self.image_size**2


def read_published(path: Path) -> tuple[Published, ...]:
    """The rows of timm's file of results, such as `results-imagenet.csv`.

    Raises:
        UsageError: it is no such file.
    """
    rows = csv.DictReader(decode_text(read_bytes(path, "file of accuracies")).splitlines())
    if missing := [column for column in _COLUMNS if column not in (rows.fieldnames or ())]:
        raise UsageError(f"{path} has no column {missing[0]!r}", f"it is timm's file of results, with {', '.join(_COLUMNS)}")
    published = []
    for number, row in enumerate(rows, 2):
        try:
            values = (int(row["img_size"]), float(row["top1"]) / 100, float(row["param_count"]))
        except (TypeError, ValueError) as error:
            raise UsageError(f"{path}, line {number}: {error}", "leave that line out") from error
        published.append(Published(row["model"], *values))
    return tuple(published)


def choose_models(published: Sequence[Published], patterns: Sequence[str], most: int) -> tuple[Published, ...]:
    """What is worth a measurement: the best weights of every architecture and image size, the most promising first.

    Args:
        published: All.
        patterns: Of names of architectures, such as ``mobilenetv3*``; none: all.
        most: How many.

    Raises:
        UsageError: nothing has such a name.
    """
    for pattern in patterns:
        if not any(fnmatchcase(row.architecture, pattern) for row in published):
            raise UsageError(f"no model is called {pattern!r}", suggest(pattern, list({row.architecture for row in published})))
    best: dict[tuple[str, int], Published] = {}
    for row in sorted(published, key=lambda row: -row.top1):
        if not patterns or any(fnmatchcase(row.architecture, pattern) for pattern in patterns):
            best.setdefault((row.architecture, row.image_size), row)
    return tuple(_by_fronts(list(best.values())))[:most]


def _by_fronts(rows: list[Published]) -> Iterator[Published]:
    """Those that no other is smaller and better than, then those of the rest, and so on."""
    while rows:
        front, best = [], 0.0
        for row in sorted(rows, key=lambda row: (row.size, -row.top1)):
            if row.top1 > best:
                front.append(row)
                best = row.top1
        yield from front
        rows = [row for row in rows if row not in front]


def measure_shelf(
    accuracies: Path, patterns: Sequence[str], most: int, target: Target, out: Path, on_progress: OnProgress = silent
) -> Shelf:
    """Times models one by one; the file ``out`` is written after each, and what it holds of this device is not timed again.

    Raises:
        UsageError: the file of accuracies or a pattern cannot be used.
    """
    chosen = choose_models(read_published(accuracies), patterns, most)
    with IsolatedBench(target, PLAN, {}) as bench:
        fingerprint = bench.fingerprint
    digest, models = digest_of(accuracies.read_bytes()), dict[tuple[str, int], ShelfModel]()
    if out.exists():
        before = Shelf.read(out)
        if (before.target, before.fingerprint, before.accuracies) == (target, fingerprint, digest):
            models = {(model.name, model.image_size): model for model in before.models}
    for number, row in enumerate(chosen, 1):
        if (row.name, row.image_size) not in models:
            models[row.name, row.image_size] = _measured(row, target)
            _shelf(models.values(), digest, target, fingerprint).write(out)
        on_progress(Progress("measuring networks of the shelf", number, len(chosen), row.name))
    return _shelf(models.values(), digest, target, fingerprint)


def _shelf(models: Iterable[ShelfModel], digest: str, target: Target, fingerprint: Fingerprint) -> Shelf:
    return Shelf(
        provenance=Provenance.now(), source="timm", accuracies=digest, target=target, fingerprint=fingerprint, plan=PLAN,
        models=tuple(models),
    )  # fmt: skip


def _measured(row: Published, target: Target) -> ShelfModel:
    time: ShelfTime | Absent
    try:
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "model.onnx"
            write_atomically(path, _exported(row, target.batch))
            measurement = measure_model(path, target, PLAN)
        time = ShelfTime(
            latency_s=measurement.samples.statistic("p50"), standard_error_s=measurement.samples.standard_error("p50")
        )
    except (DnaDeployError, RuntimeError, TypeError, ValueError, AssertionError) as error:  # what timm makes of a size
        time = Absent(reason=str(error).partition("\n")[0][:160] or type(error).__name__)
    return ShelfModel(name=row.name, image_size=row.image_size, top1=row.top1, parameters=row.parameters, time=time)


def _exported(row: Published, batch: int) -> bytes:
    """The network with random weights: shapes decide."""
    import timm

    if not timm.is_model(row.architecture):
        raise UsageError(f"this version of timm has no {row.architecture}")
    input, size = FeatureMap(3, row.image_size, row.image_size), dict[str, Any]()
    settings = timm.get_pretrained_cfg(row.architecture)
    if settings and settings.fixed_input_size and settings.input_size[-1] != row.image_size:
        size = {"img_size": row.image_size}
    network = timm.create_model(row.architecture, pretrained=False, exportable=True, **size).eval()
    content: bytes = export_onnx(network, (input,), batch).SerializeToString()
    return content
