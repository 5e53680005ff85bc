"""The space of somebody's own model as data, and its latency table: read where they are there, else made and measured."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from dna_deploy.errors import TableError, UsageError
from dna_deploy.export.kits.kit import KitPlan
from dna_deploy.export.kits.kit_cache import keep_own_kit
from dna_deploy.export.kits.own_kit import OwnKit, make_own_kit
from dna_deploy.fit.candidates import KEEP, Candidates
from dna_deploy.fit.replacing import UnitNetwork
from dna_deploy.fit.structure import structure_of
from dna_deploy.latency.isolation import IsolatedBench
from dna_deploy.latency.workshop import Folders, profile_space
from dna_deploy.progress import OnProgress, silent
from dna_deploy.records.files import digest_of
from dna_deploy.records.latency_table import LatencyTable
from dna_deploy.records.own_space import OwnSpace, write_own_space
from dna_deploy.records.probe_kit import ProbeKit
from dna_deploy.records.profile_run import ProfileRun
from dna_deploy.search.units import Option, UnitStage, best_replacements
from dna_deploy.spaces.shapes import FeatureMap
from dna_deploy.targets.target_file import TargetFile
from dna_deploy.units import Duration


@dataclass(frozen=True)
class Device:
    """Where the model shall run, how long it is measured, and where runs and tables of it are kept."""

    target: TargetFile
    folders: Folders


@dataclass(frozen=True)
class MeasuredSpace:
    """A space, the latency table of it, and what the whole original took when it was made.

    Attributes:
        record: The space.
        table: Of its rows.
        original_s: What the original takes.
        pace: By which everything takes longer than the table says; less than 1 on smaller images.
    """

    record: OwnSpace
    table: LatencyTable
    original_s: float
    pace: float = 1.0

    @cached_property
    def seconds(self) -> dict[str, dict[str, float]]:
        """What candidates that run take, by path and code, as parts of a network."""
        rows = {
            (unit.path, each.code): self.record.row(unit.path, each.code)
            for unit in self.record.units
            for each in unit.candidates
        }
        seconds: dict[str, dict[str, float]] = {unit.path: {} for unit in self.record.units}
        for (path, code), row in rows.items():
            if row not in self.table.reasons:
                seconds[path][code] = self._scale * self.table.row(row)
        return seconds

    @property
    def _scale(self) -> float:
        return self.pace * self.table.calibration("p50").scale

    @cached_property
    def rest_s(self) -> float:
        """What is spent around units that may change."""
        return self.pace * self.table.calibration("p50").offset_s + self._scale * self.table.row(self.record.rest_row)

    def predicted_s(self, choice: Mapping[str, str]) -> float:
        """What a network takes, as far as the table tells."""
        return self.rest_s + sum(self.seconds[path][code] for path, code in choice.items())

    def check_budget(self, budget_s: float) -> None:
        """Raises `InfeasibleError` where nothing keeps the budget, and `UsageError` where the original does."""
        if self.original_s <= budget_s:
            raise UsageError(
                f"the model takes {Duration(self.original_s)} and keeps {Duration(budget_s)} already",
                "keep it as it is, or ask for less",
            )
        units = (tuple(Option(code, 0.0, each) for code, each in codes.items()) for codes in self.seconds.values())
        best_replacements([UnitStage(tuple(units))], budget_s, self.rest_s)


def own_kit(
    name: str,
    input: FeatureMap,
    network: UnitNetwork,
    candidates: Mapping[str, Candidates],
    batch: int,
    folder: Path,
    on_progress: OnProgress = silent,
) -> OwnKit:
    """The kit of a model; one of equal structures is read from the folder.

    Raises:
        UsageError: the model, or a unit of it as it is, cannot be exported.
    """
    modules = {path: {each.code: each.module for each in listed.there} for path, listed in candidates.items()}
    structures = [
        (path, code, structure_of(module, candidates[path].unit.input))
        for path, codes in modules.items()
        for code, module in codes.items()
    ]
    whole = structure_of(network.network, input)
    stem = folder / f"kit-{digest_of(f'{name} {whole} {structures} {batch}'.encode())[7:19]}"
    space_file, kit_file = stem.with_suffix(".space.json"), stem.with_suffix(".kit")
    if space_file.exists() and kit_file.exists():
        return OwnKit(OwnSpace.read(space_file), ProbeKit.read(kit_file))
    made = make_own_kit(name, input, network, modules, KitPlan(batch=batch, validation_networks=0), on_progress)
    keep_own_kit(made.kit)
    made.space.write(space_file)
    made.kit.write(kit_file)
    return made


def measured_table(own: OwnKit, device: Device, on_progress: OnProgress = silent) -> MeasuredSpace:
    """The latency table of the kit's space on this machine: that of the folder of tables, or a new one, however noisy.

    Raises:
        TableError: the table there was made on another machine, where whole networks cannot be timed from here.
    """
    target, folders, space = device.target.target, device.folders, own.space.space
    path = folders.table_of(space.name, target.name)
    write_own_space(own.space, folders.profiles)
    table = LatencyTable.read(path) if path.exists() else None
    if table is None or not table.is_of(space) or table.target != target:
        table = profile_space(own.kit, space, device.target, folders, accept_noise=True, on_progress=on_progress).table
    else:
        _check_made_here(table, path, device)
    return MeasuredSpace(own.space, table, _original_s(own.space, table, folders))


def _check_made_here(table: LatencyTable, path: Path, device: Device) -> None:
    with IsolatedBench(table.target, device.target.plan, {}) as bench:
        if differences := table.fingerprint.differences(bench.fingerprint):
            raise TableError(
                f"{path} was made on another machine: {differences[0]}",
                "fit the model where it shall run, or keep tables of this machine in another folder: --tables",
            )


def _original_s(record: OwnSpace, table: LatencyTable, folders: Folders) -> float:
    """As it was timed beside the units, by the statistic of rows; what the table predicts, where its runs are elsewhere."""
    architecture = record.architecture(dict.fromkeys((unit.path for unit in record.units), KEEP))
    for path in sorted(folders.runs_of(table.target.name).glob(f"{record.name}.*.json"), reverse=True):
        run = ProfileRun.read(path)
        timed = [probe for probe in run.of("calibration") if probe.key == str(architecture)]
        if run.digest in table.runs and timed:
            return timed[0].samples.statistic(table.statistic)
    return table.predict(record.space, architecture).seconds
