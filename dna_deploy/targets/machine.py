"""What this machine is: its processor, its clock policy, how many processors this process may use."""

from __future__ import annotations

import os
import platform
from collections.abc import Iterator
from pathlib import Path

import psutil

from dna_deploy.targets.fingerprint import Fingerprint
from dna_deploy.targets.target import Target

CPUINFO = Path("/proc/cpuinfo")
GOVERNORS = Path("/sys/devices/system/cpu")
CGROUPS = Path("/sys/fs/cgroup")
OWN_CGROUP = Path("/proc/self/cgroup")


def processor_name() -> str:
    """The model of the processor, as the system tells it."""
    fields = ("model name", "Hardware", "Model", "cpu model")
    try:
        lines = CPUINFO.read_text(errors="replace").splitlines()
    except OSError:
        lines = []
    facts = {name.strip(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
    named = next((facts[field] for field in fields if facts.get(field)), "")
    return named or platform.processor() or platform.machine()


def governor(root: Path = GOVERNORS) -> str:
    """The clock policy of all processors, such as ``performance``; ``unknown`` where the system does not tell."""
    names = set()
    for path in sorted(root.glob("cpu[0-9]*/cpufreq/scaling_governor")):
        try:
            names.add(path.read_text().strip())
        except OSError:
            names.add("unknown")
    return "+".join(sorted(names)) or "unknown"


def throttle_count(root: Path = GOVERNORS) -> int:
    """How often heat has held the processors back since the system started; 0 where the system does not tell."""
    total = 0
    for path in root.glob("cpu[0-9]*/thermal_throttle/*_throttle_count"):
        try:
            total += int(path.read_text())
        except (OSError, ValueError):
            continue
    return total


def _own_cgroups(root: Path, own: Path) -> Iterator[Path]:
    """The folders of this process's control groups (version 1 and 2), each with all those above it."""
    try:
        lines = own.read_text().splitlines()
    except OSError:
        lines = []
    places = [line.split(":", 2) for line in lines if line.count(":") >= 2]
    groups = [(root, path) for _, controllers, path in places if not controllers]
    groups += [(root / "cpu", path) for _, controllers, path in places if "cpu" in controllers.split(",")]
    for base, path in groups:
        group = Path(path.lstrip("/"))
        # In a container the path may be the one outside it: what is mounted is then its own.
        yield from (base / above for above in (group, *group.parents))


def processor_quota(root: Path = CGROUPS, own: Path = OWN_CGROUP) -> float | None:
    """How many processors a quota of the system (a container's, a service's) leaves this process; None where there is none."""
    shares = []
    for group in _own_cgroups(root, own):
        for names in (("cpu.max",), ("cpu.cfs_quota_us", "cpu.cfs_period_us")):
            try:
                quota, period = " ".join((group / name).read_text() for name in names).split()
                if quota != "max" and float(quota) > 0:
                    shares.append(float(quota) / float(period))
            except (OSError, ValueError, ZeroDivisionError):
                continue
    return min(shares, default=None)


def quota_stops(root: Path = CGROUPS, own: Path = OWN_CGROUP) -> int:
    """How often a quota has stopped this process or others of its control groups so far."""
    stops = 0
    for group in dict.fromkeys(_own_cgroups(root, own)):
        try:
            lines = (group / "cpu.stat").read_text().split("\n")
            stops += sum(int(line.split()[1]) for line in lines if line.startswith("nr_throttled "))
        except (OSError, ValueError, IndexError):
            continue
    return stops


def usable_processors() -> tuple[int, ...]:
    """The logical processors that this process may run on, ascending."""
    if hasattr(os, "sched_getaffinity"):
        return tuple(sorted(os.sched_getaffinity(0)))
    return tuple(range(psutil.cpu_count() or 1))


def processors_of(target: Target) -> tuple[int, ...] | None:
    """The logical processors that a target is pinned to on this machine; None if to none."""
    return usable_processors()[-target.threads :] if target.pin == "last" else target.pin


def all_processors() -> tuple[int, ...]:
    """Every logical processor of the machine."""
    return tuple(range(psutil.cpu_count() or 1))


def fingerprint(runtime_version: str, libraries: dict[str, str]) -> Fingerprint:
    """This machine with a runtime on it."""
    return Fingerprint(
        processor=processor_name(),
        logical_processors=len(all_processors()),
        system=f"{platform.system()} {platform.machine()}",
        governor=governor(),
        runtime_version=runtime_version,
        libraries=libraries,
    )
