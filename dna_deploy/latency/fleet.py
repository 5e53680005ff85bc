"""Profiles several devices side by side; equal ones share the rows of one table.

Devices whose fingerprints are equal are twins: each times its part of the rows, and some that all of them time. A device that
drops out loses its own rows, which its twins time then; without a twin it loses its table, and the others go on.
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from dna_deploy.errors import DnaDeployError, TableError, UsageError
from dna_deploy.latency.remote import Remote
from dna_deploy.latency.workshop import Folders, Profiled, keep_run, keep_table
from dna_deploy.progress import OnProgress, Progress, silent
from dna_deploy.records.probe_kit import KitProbe, ProbeKit
from dna_deploy.records.profile_run import ProfileRun
from dna_deploy.spaces.placed import PlacedLayer
from dna_deploy.spaces.space import SearchSpace
from dna_deploy.targets.fingerprint import Fingerprint
from dna_deploy.targets.plan import SamplingPlan
from dna_deploy.targets.target_file import TargetFile
from dna_deploy.texts import decode_text

COMMON_LAYERS = 8
"""Layers that every twin times, spread over what they cost, to be compared by."""

_STEP = "fleet"
_LOOK = SamplingPlan(rounds=2, runs=1, warmup_runs=1)
_CLOCK_S = 60.0


def read_fleet(path: Path, command: str) -> tuple[Remote, ...]:
    """The devices of a ``fleet.toml``: ``devices = ["ssh://pi-1", "ssh://pi-2"]``.

    Raises:
        UsageError: it is no such file.
    """
    try:
        body = tomllib.loads(decode_text(path.read_bytes()))
    except (OSError, ValueError) as error:
        raise UsageError(f"cannot read {path}: {error}", 'write it like: devices = ["ssh://pi-1", "ssh://pi-2"]') from error
    devices = body.pop("devices", None)
    if body or not isinstance(devices, list) or not all(isinstance(device, str) for device in devices):
        raise UsageError(f"{path} is no list of devices", 'write it like: devices = ["ssh://pi-1", "ssh://pi-2"]')
    return devices_of(devices, command)


def devices_of(addresses: Sequence[str], command: str) -> tuple[Remote, ...]:
    """The devices at some addresses.

    Raises:
        UsageError: an address is none, or stands there twice.
    """
    devices = tuple(Remote.parse(address, command) for address in addresses)
    twice = next((device for number, device in enumerate(devices) if device in devices[:number]), None)
    if twice is not None:
        raise UsageError(f"{twice.name} is named twice", "one device cannot be its own twin")
    return devices


def answers_of(
    devices: Sequence[Remote], files: Mapping[str, bytes], arguments: Sequence[str]
) -> dict[str, dict[str, Any] | str]:
    """What a command prints about some files on each device, side by side; where it fails, why."""

    def ask(device: Remote) -> dict[str, Any] | str:
        try:
            return device.answer(files, arguments)
        except DnaDeployError as error:
            return error.message

    with ThreadPoolExecutor(len(devices)) as threads:
        return dict(zip([device.name for device in devices], threads.map(ask, devices), strict=True))


def check_answers(answers: Mapping[str, dict[str, Any] | str]) -> None:
    """Raises `TableError` where no device has answered."""
    if all(isinstance(answer, str) for answer in answers.values()):
        device, why = next(iter(answers.items()))
        raise TableError(f"no device answers; {device}: {why}", "try one by hand: ssh DEVICE dna-deploy targets")


@dataclass(frozen=True)
class FleetProfile:
    """The tables that were made, each with the devices behind it, and what became of devices that dropped out."""

    profiled: tuple[tuple[tuple[str, ...], Profiled], ...]
    lost: dict[str, str]

    def check_complete(self) -> None:
        """Raises `TableError` unless every device did its part."""
        if self.lost:
            device, why = next(iter(self.lost.items()))
            raise TableError(f"{len(self.lost)} devices dropped out, first {device}: {why}", "the same command goes on")


@dataclass
class Fleet:
    """Some devices that are to time one kit for one target."""

    devices: Sequence[Remote]
    kit: ProbeKit
    space: SearchSpace
    file: TargetFile
    folders: Folders
    validation_networks: int = 0
    accepts_noise: bool = False
    on_progress: OnProgress = silent

    def __post_init__(self) -> None:
        self._lost: dict[str, str] = {}

    def profile(self) -> FleetProfile:
        """Looks at all devices, then profiles them side by side.

        Raises:
            TableError: none of them could be profiled.
        """
        looks = self._side_by_side([(device, _part(self.kit, ())) for device in self.devices], _LOOK)
        groups = _twins([(device, run.fingerprint) for device, run in looks])
        for device, run in looks:
            self._say_clock(device, run)
        self._say_groups(groups)
        profiled = []
        for group, run_list in zip(groups, self._runs(groups), strict=True):
            if run_list:
                names = tuple(dict.fromkeys(run.provenance.host for run in run_list))
                profiled.append((names, self._table(group, run_list, is_alone=len(groups) == 1)))
        if not profiled:
            name, why = next(iter(self._lost.items()))
            raise TableError(f"no device could be profiled; {name}: {why}", "try one by hand: ssh DEVICE dna-deploy targets")
        return FleetProfile(tuple(profiled), self._lost)

    def _runs(self, groups: Sequence[Sequence[Remote]]) -> list[list[ProfileRun]]:
        """The runs of every group; what a device has lost goes to its twins, until nothing is left or nobody."""
        chosen = (*self.kit.probes("layer", "calibration"), *self.kit.probes("validation")[: self.validation_networks])
        left = [list(chosen) for _ in groups]
        runs: list[list[ProfileRun]] = [[] for _ in groups]
        while True:
            tasks = list[tuple[int, Remote, list[KitProbe]]]()
            for number, group in enumerate(groups):
                alive = [device for device in group if device.name not in self._lost]
                shares = [left[number][at :: len(alive)] for at in range(len(alive))]
                tasks += [(number, device, share) for device, share in zip(alive, shares, strict=True) if share]
            if not tasks:
                return [of_group if not rest else [] for of_group, rest in zip(runs, left, strict=True)]
            parts = {device.name: (number, share) for number, device, share in tasks}
            kits = [(device, _part(self.kit, share)) for _, device, share in tasks]
            for device, run in self._side_by_side(kits, self.file.plan):
                number, share = parts[device.name]
                runs[number].append(run)
                left[number] = [probe for probe in left[number] if probe not in share]

    def _side_by_side(self, parts: Sequence[tuple[Remote, ProbeKit]], plan: SamplingPlan) -> list[tuple[Remote, ProfileRun]]:
        """The runs of those devices that did not drop out."""

        def profile(part: tuple[Remote, ProbeKit]) -> ProfileRun | DnaDeployError:
            device, kit = part
            try:
                run = device.profile(kit, self.file.target, plan, len(kit.probes("validation")))
            except DnaDeployError as error:
                return error
            provenance = run.provenance.model_copy(update={"host": device.name})  # equal devices often have one name
            return run.model_copy(update={"provenance": provenance})

        finished = list[tuple[Remote, ProfileRun]]()
        with ThreadPoolExecutor(max(1, len(parts))) as threads:
            for number, ((device, _), run) in enumerate(zip(parts, threads.map(profile, parts), strict=True), 1):
                notice = ""
                if isinstance(run, DnaDeployError):
                    self._lost[device.name] = run.message
                    notice = f"{device.name} dropped out: {run.message}"
                else:
                    finished.append((device, run))
                self.on_progress(Progress(_STEP, number, len(parts), device.name, notice))
        return finished

    def _table(self, group: Sequence[Remote], runs: list[ProfileRun], *, is_alone: bool) -> Profiled:
        """The table of a group; several groups have targets of their own, named after their first devices."""
        if not is_alone:
            name = f"{self.file.target.name}-{group[0].host}"
            runs = [run.model_copy(update={"target": run.target.model_copy(update={"name": name})}) for run in runs]
        paths = [keep_run(run, self.folders, f".{run.provenance.host}.{number}") for number, run in enumerate(runs, 1)]
        return keep_table(runs, paths[-1], self.space, self.folders, accept_noise=self.accepts_noise, are_twins=len(group) > 1)

    def _say_groups(self, groups: Sequence[Sequence[Remote]]) -> None:
        for group in groups:
            names = ", ".join(device.name for device in group)
            what = f"{names} are twins and share the rows" if len(group) > 1 else f"{names} has no twin"
            self.on_progress(Progress(_STEP, 0, len(self.devices), notice=what))

    def _say_clock(self, device: Remote, run: ProfileRun) -> None:
        off_s = (datetime.fromisoformat(run.provenance.created_at) - datetime.now(UTC)).total_seconds()
        if abs(off_s) > _CLOCK_S:
            what = f"the clock of {device.name} is {off_s:+.0f} s off: its runs bear its own time"
            self.on_progress(Progress(_STEP, 0, len(self.devices), notice=what))


def _twins(devices: Sequence[tuple[Remote, Fingerprint]]) -> list[list[Remote]]:
    """Devices of equal fingerprints together."""
    groups: list[tuple[Fingerprint, list[Remote]]] = []
    for device, fingerprint in devices:
        group = next((group for other, group in groups if not other.differences(fingerprint)), None)
        if group is None:
            groups.append((fingerprint, [device]))
        else:
            group.append(device)
    return [group for _, group in groups]


def _part(kit: ProbeKit, share: Sequence[KitProbe]) -> ProbeKit:
    """The kit with a share of its models alone, and with what every twin times."""
    layers = sorted(kit.probes("layer"), key=lambda probe: PlacedLayer.parse(probe.key).macs)
    common = layers[:: max(1, len(layers) // COMMON_LAYERS)] if share else layers[-1:]
    taken = {probe.file for probe in (*share, *common, *kit.probes("empty", "sentinel"))}
    probes = tuple(probe for probe in kit.manifest.probes if probe.file in taken)
    manifest = kit.manifest.model_copy(update={"probes": probes})
    return replace(kit, manifest=manifest, graphs={name: graph for name, graph in kit.graphs.items() if name in taken})
