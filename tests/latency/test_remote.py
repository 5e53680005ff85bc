"""Profiling another machine through ``ssh``: here a server on this machine, on a port of its own."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from dna_deploy.errors import DependencyError, TableError, UsageError
from dna_deploy.latency.remote import Remote
from dna_deploy.latency.workshop import Folders, profile_space_remotely
from dna_deploy.spaces.catalog import find_chain
from dna_deploy.targets.target_file import TargetFile
from tests.latency.pretend import PLAN, TARGET, make_kit, offer_runtime
from tests.latency.ssh_server import LOGIN, OtherMachine, needs_sshd, other_machine


@pytest.fixture
def machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[OtherMachine]:
    (tmp_path / "other").mkdir()
    with other_machine(tmp_path / "other", monkeypatch) as found:
        yield found


def command_there(tmp_path: Path) -> str:
    """``dna-deploy`` on the other machine, with the pretended runtime and a home of its own."""
    script = tmp_path / "there.sh"
    script.write_text(f'#!/bin/sh\nPYTHONPATH={tmp_path / "packages"} exec {sys.executable} -m dna_deploy.cli.app "$@"\n')
    script.chmod(0o755)
    return str(script)


@pytest.mark.slow
@needs_sshd
def test_the_kit_goes_there_the_run_comes_back_and_nothing_is_left(
    machine: OtherMachine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    offer_runtime(tmp_path, monkeypatch)
    address = f"ssh://{LOGIN}@127.0.0.1:{machine.port}"
    remote = Remote.parse(address, command_there(tmp_path))
    folders = Folders(tmp_path / "profiles", tmp_path / "tables")
    kit, fashion = make_kit(), find_chain("fashion").with_head()
    done = profile_space_remotely(remote, kit, fashion, TargetFile(TARGET, PLAN), folders, 3, accept_noise=True)
    assert done.run.kit_digest == kit.digest
    assert done.run.plan == PLAN
    assert len(done.run.of("validation")) == 3
    assert len(done.table.rows) == len(fashion.rows())
    assert done.table_path.exists()
    assert list((machine.home / ".cache/dna-deploy/remote").iterdir()) == []
    missing = Remote.parse(address, "no-such-command")
    with pytest.raises(DependencyError, match="there is no 'no-such-command'"):
        missing.profile(kit, TARGET, PLAN, 0)


def test_a_machine_that_cannot_be_reached_is_one_clear_error() -> None:
    if shutil.which("ssh") is None:
        pytest.skip("OpenSSH's client is not installed here")
    with pytest.raises(TableError, match=r"ssh to nobody@127\.0\.0\.1 ended with code 255"):
        Remote.parse("ssh://nobody@127.0.0.1:1").profile(make_kit(), TARGET, PLAN, 0)


def test_without_ssh_the_error_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "/nowhere")
    with pytest.raises(DependencyError, match="there is no ssh on this machine"):
        Remote.parse("ssh://pi@raspberry").profile(make_kit(), TARGET, PLAN, 0)


@pytest.mark.parametrize(
    "address", ["ssh://", "ssh://-oProxyCommand=evil", "ssh://a b", "ssh://h:port", "ssh://h;rm", "ssh://h/x"]
)
def test_an_address_that_is_none_is_refused(address: str) -> None:
    with pytest.raises(UsageError, match="cannot read the address"):
        Remote.parse(address)
