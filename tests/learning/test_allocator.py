"""Freed memory is used again without a page fault."""

from __future__ import annotations

import platform
import subprocess
import sys

import pytest

from dna_deploy.learning import allocator

_FAULTS = """
import resource, statistics, sys, torch
from dna_deploy.learning.allocator import keep_freed_memory

if sys.argv[1] == "kept":
    assert keep_freed_memory()
faults = []
for _ in range(32):
    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    torch.ones(1 << 24)
    faults.append(resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before)
print(statistics.median(faults[16:]))
"""


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="the C library is not glibc, whose memory this is about")
def test_a_large_tensor_costs_no_page_faults_where_one_as_large_was_freed() -> None:
    kept, given_back = (
        float(subprocess.run([sys.executable, "-c", _FAULTS, way], capture_output=True, text=True, check=True).stdout)
        for way in ("kept", "given back")
    )
    assert kept < 16
    assert given_back > 64  # of 64 MiB: 16,384 pages, or 32 huge ones where the system maps these


def test_where_the_c_library_is_another_nothing_is_changed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(platform, "libc_ver", lambda: ("", ""))
    assert not allocator.keep_freed_memory()
