"""What this machine is: its processor, its clock policy, how many processors this process may use."""

from __future__ import annotations

import os
import platform
from pathlib import Path

import psutil

from dna_deploy.targets.fingerprint import Fingerprint
from dna_deploy.targets.target import Target

CPUINFO = Path("/proc/cpuinfo")
GOVERNORS = Path("/sys/devices/system/cpu")


def processor_name() -> str:
    """The model of the processor, as the system tells it."""
    fields = ("model name", "Hardware", "Model", "cpu model")
    try:
        lines = CPUINFO.read_text(errors="replace").splitlines()
    except OSError:
        lines = []
    found = {name.strip(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
    named = next((found[field] for field in fields if found.get(field)), "")
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
