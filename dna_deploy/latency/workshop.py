"""Where runs and tables lie, and the whole way from a kit to a table on this machine."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from dna_deploy.errors import TableError
from dna_deploy.latency.profile import profile_kit
from dna_deploy.latency.table import table_from_runs
from dna_deploy.progress import OnProgress, silent
from dna_deploy.records.latency_table import LatencyTable
from dna_deploy.records.probe_kit import ProbeKit
from dna_deploy.records.profile_run import ProfileRun
from dna_deploy.spaces.space import SearchSpace
from dna_deploy.targets.target_file import TargetFile, check_target

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
    *,
    validation_networks: int = 0,
    on_progress: OnProgress = silent,
) -> Profiled:
    """Profiles a kit on this machine, and writes the raw run and the table made of it.

    Raises:
        TableError: the kit is for another space, batch or precision than the target.
    """
    target = file.target
    check_target(target)
    _check_kit(kit, space, file)
    runs = folders.runs_of(target.name)
    journal = runs / f".{space.name}.journal"
    run = profile_kit(kit, target, file.plan, journal, validation_networks=validation_networks, on_progress=on_progress)
    stamp = run.provenance.created_at[:19].replace("-", "").replace(":", "")
    run_path = runs / f"{space.name}.{stamp}.json"
    run.write(run_path)
    journal.unlink(missing_ok=True)
    table = table_from_runs([run], space)
    table_path = folders.table_of(space.name, target.name)
    table.write(table_path)
    return Profiled(run, run_path, table, table_path)


def _check_kit(kit: ProbeKit, space: SearchSpace, file: TargetFile) -> None:
    manifest, target = kit.manifest, file.target
    if manifest.space_digest != space.digest:
        raise TableError(
            f"the kit is for space {manifest.space!r} ({manifest.space_digest[:19]}), not {space.name!r} ({space.digest[:19]})",
            f"make one with: dna-deploy kit --space {space.name} -o {space.name}.kit",
        )
    for what, kits, targets in (
        ("batch", manifest.batch, target.batch),
        ("precision", manifest.precision, target.precision),
    ):
        if kits != targets:
            raise TableError(
                f"the kit has {what} {kits}, the target {target.name!r} wants {targets}", "make a kit for the target"
            )
