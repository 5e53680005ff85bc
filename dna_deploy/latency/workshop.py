"""Where runs and tables lie, and the whole way from a kit to a table on this machine."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from dna_deploy.errors import TableError, UnstableMeasurementError
from dna_deploy.latency.profile import profile_kit
from dna_deploy.latency.remote import Remote
from dna_deploy.latency.table import table_from_runs
from dna_deploy.progress import OnProgress, silent
from dna_deploy.records.doubt import UNSTABLE
from dna_deploy.records.latency_table import LatencyTable
from dna_deploy.records.probe_kit import ProbeKit
from dna_deploy.records.profile_run import ProfileRun
from dna_deploy.spaces.space import SearchSpace
from dna_deploy.targets.target_file import TargetFile

PROFILES = Path("profiles")
LATENCY_TABLES = Path("latency_tables")


@dataclass(frozen=True)
class Folders:
    """The two folders of a project: what was seen, and what is derived from it."""

    profiles: Path = PROFILES
    tables: Path = LATENCY_TABLES

    def runs_of(self, target: str) -> Path:
        """Where the raw runs of a target are."""
        return self.profiles / target / "runs"

    def table_of(self, space: str, target: str) -> Path:
        """Where the table of a space on a target is."""
        return self.tables / f"{space}.{target}.json"


@dataclass(frozen=True)
class Profiled:
    """A finished profile: the records, and where they were written."""

    run: ProfileRun
    run_path: Path
    table: LatencyTable
    table_path: Path


def profile_space(
    kit: ProbeKit,
    space: SearchSpace,
    file: TargetFile,
    folders: Folders,
    validation_networks: int = 0,
    *,
    accept_noise: bool = False,
    on_progress: OnProgress = silent,
) -> Profiled:
    """Profiles a kit on this machine, and writes the raw run and the table made of it.

    Raises:
        TableError: the kit is for another space, batch or precision than the target, or no layer of it runs here.
        UnstableMeasurementError: the machine was too noisy; the raw run is kept, the table is not written.
    """
    target = file.target
    _check_kit(kit, space, file)
    runs = folders.runs_of(target.name)
    journal = runs / f".{space.name}.journal"
    run = profile_kit(kit, target, file.plan, journal, validation_networks=validation_networks, on_progress=on_progress)
    try:
        profiled = keep_table([run], keep_run(run, folders), space, folders, accept_noise=accept_noise)
    except (TableError, UnstableMeasurementError):
        journal.unlink(missing_ok=True)  # what was too noisy is to be measured again
        raise
    journal.unlink(missing_ok=True)  # not before: a kill before the table is there costs no measurement
    return profiled


def profile_space_remotely(
    remote: Remote,
    kit: ProbeKit,
    space: SearchSpace,
    file: TargetFile,
    folders: Folders,
    validation_networks: int = 0,
    *,
    accept_noise: bool = False,
) -> Profiled:
    """Profiles a kit on another machine, and writes its raw run and the table made of it here."""
    _check_kit(kit, space, file)
    run = remote.profile(kit, file.target, file.plan, validation_networks)
    if run.kit_digest != kit.digest:
        raise TableError(f"{remote.login} sent back the run of another kit", "remove its folder .cache/dna-deploy/remote")
    return keep_table([run], keep_run(run, folders), space, folders, accept_noise=accept_noise)


def keep_run(run: ProfileRun, folders: Folders, ending: str = "") -> Path:
    """Writes a raw run to where runs of its target are, under the moment of its end; ``ending`` tells equal moments apart."""
    stamp = run.provenance.created_at[:19].replace("-", "").replace(":", "")
    path = folders.runs_of(run.target.name) / f"{run.space}.{stamp}{ending}.json"
    run.write(path)
    return path


def keep_table(
    runs: Sequence[ProfileRun],
    run_path: Path,
    space: SearchSpace,
    folders: Folders,
    *,
    accept_noise: bool = False,
    are_twins: bool = False,
) -> Profiled:
    """Writes the table that some runs make. Raises as `stable_table` does."""
    table = stable_table(runs, space, str(run_path), accept_noise=accept_noise, are_twins=are_twins)
    path = folders.table_of(space.name, table.target.name)
    table.write(path)
    return Profiled(runs[-1], run_path, table, path)


def stable_table(
    runs: Sequence[ProfileRun], space: SearchSpace, names: str, *, accept_noise: bool, are_twins: bool = False
) -> LatencyTable:
    """The table that some runs make; ``names`` says in the hint where they are.

    Raises:
        UnstableMeasurementError: the runs are too noisy, and that was not accepted.
    """
    table = table_from_runs(runs, space, are_twins=are_twins)
    reasons = [doubt for doubt in table.doubts if doubt.grade in UNSTABLE]
    if reasons and not accept_noise:
        raise UnstableMeasurementError(
            f"the measurement has grade {table.grade}: {'; '.join(doubt.message for doubt in reasons)}",
            f"{reasons[0].advice}; or use the samples as they are: dna-deploy tables make {names} --accept-noise",
        )
    return table


def _check_kit(kit: ProbeKit, space: SearchSpace, file: TargetFile) -> None:
    manifest, target = kit.manifest, file.target
    manifest.check_networks(space, f"make one with: dna-deploy kit --space {space.name} -o {space.name}.kit")
    for what, kits, targets in (
        ("batch", manifest.batch, target.batch),
        ("precision", manifest.precision, target.precision),
    ):
        if kits != targets:
            raise TableError(
                f"the kit has {what} {kits}, the target {target.name!r} wants {targets}", "make a kit for the target"
            )
