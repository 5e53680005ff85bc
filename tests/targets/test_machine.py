"""What the system leaves this process is read from its control groups, of both versions, in a container and outside."""

from __future__ import annotations

from pathlib import Path

import pytest

from dna_deploy.targets.machine import processor_quota, quota_stops


def groups(root: Path, own: str, files: dict[str, str]) -> tuple[Path, Path]:
    for name, content in files.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(content)
    (root / "self").write_text(own)
    return root, root / "self"


@pytest.mark.parametrize(
    ("own", "files", "quota"),
    [
        ("0::/\n", {}, None),
        ("0::/\n", {"cpu.max": "max 100000\n"}, None),
        ("0::/\n", {"cpu.max": "150000 100000\n"}, 1.5),
        ("0::/a/b\n", {"a/b/cpu.max": "max 100000\n", "a/cpu.max": "50000 100000\n"}, 0.5),
        ("0::/a/b\n", {"a/b/cpu.max": "25000 100000\n", "a/cpu.max": "50000 100000\n"}, 0.25),
        ("0::/docker/of/outside\n", {"cpu.max": "200000 100000\n"}, 2.0),
        ("3:cpu,cpuacct:/x\n0::/\n", {"cpu/x/cpu.cfs_quota_us": "50000\n", "cpu/x/cpu.cfs_period_us": "100000\n"}, 0.5),
        ("3:cpu,cpuacct:/x\n", {"cpu/x/cpu.cfs_quota_us": "-1\n", "cpu/x/cpu.cfs_period_us": "100000\n"}, None),
        ("0::/\n", {"cpu.max": "nonsense"}, None),
        ("no control groups", {}, None),
    ],
)
def test_the_least_quota_holds(tmp_path: Path, own: str, files: dict[str, str], quota: float | None) -> None:
    assert processor_quota(*groups(tmp_path, own, files)) == quota


def test_stops_of_all_levels_count_and_none_is_none(tmp_path: Path) -> None:
    found = groups(tmp_path, "0::/a\n", {"a/cpu.stat": "nr_periods 9\nnr_throttled 4\n", "cpu.stat": "nr_throttled 1\n"})
    assert quota_stops(*found) == 5
    assert quota_stops(tmp_path / "nowhere", tmp_path / "nothing") == 0
    assert processor_quota(tmp_path / "nowhere", tmp_path / "nothing") is None
