"""Profiling another machine through ``ssh``: here a server on this machine, on a port of its own."""

from __future__ import annotations

import getpass
import os
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from dna_deploy.errors import DependencyError, TableError, UsageError
from dna_deploy.latency.remote import Remote
from dna_deploy.latency.workshop import Folders, profile_space_remotely
from dna_deploy.spaces.catalog import find_space
from dna_deploy.targets.target_file import TargetFile
from tests.latency.pretend import PLAN, TARGET, make_kit, offer_runtime

SSHD = shutil.which("sshd", path=f"{os.environ.get('PATH', '')}:/usr/sbin:/sbin")

needs_sshd = pytest.mark.skipif(
    SSHD is None or shutil.which("ssh") is None, reason="OpenSSH's server or client is not installed here"
)


@pytest.fixture
def port(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[int]:
    """A server that lets this user in, and an ``ssh`` that knows its key."""
    assert SSHD is not None
    keys = tmp_path / "keys"
    keys.mkdir(mode=0o700)
    for name in ("host", "user"):
        subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", keys / name], check=True)
    shutil.copy(keys / "user.pub", keys / "authorized")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    (keys / "sshd_config").write_text(
        f"Port {port}\nListenAddress 127.0.0.1\nHostKey {keys / 'host'}\nAuthorizedKeysFile {keys / 'authorized'}\n"
        f"PidFile none\nStrictModes no\nUsePAM no\nPasswordAuthentication no\nPermitRootLogin prohibit-password\n"
    )
    (keys / "ssh_config").write_text(
        f"Host *\n IdentityFile {keys / 'user'}\n IdentitiesOnly yes\n StrictHostKeyChecking no\n"
        f" UserKnownHostsFile {keys / 'known'}\n LogLevel ERROR\n"
    )
    ssh = tmp_path / "bin" / "ssh"
    ssh.parent.mkdir()
    ssh.write_text(f'#!/bin/sh\nexec {shutil.which("ssh")} -F {keys / "ssh_config"} "$@"\n')
    ssh.chmod(0o755)
    monkeypatch.setenv("PATH", f"{ssh.parent}:{os.environ['PATH']}")
    Path("/run/sshd").mkdir(exist_ok=True) if os.getuid() == 0 else None
    server = subprocess.Popen([SSHD, "-D", "-e", "-f", keys / "sshd_config"], stderr=subprocess.PIPE)
    try:
        deadline = time.monotonic() + 20
        while socket.socket().connect_ex(("127.0.0.1", port)):
            if server.poll() is not None or time.monotonic() > deadline:
                assert server.stderr is not None
                pytest.skip(f"sshd does not start here: {server.stderr.read().decode()[:200]}")
        yield port
    finally:
        server.kill()
        server.communicate()


def command_there(tmp_path: Path) -> str:
    """``dna-deploy`` on the other machine, with the pretended runtime and a home of its own."""
    script = tmp_path / "there.sh"
    script.write_text(f'#!/bin/sh\nPYTHONPATH={tmp_path / "packages"} exec {sys.executable} -m dna_deploy.cli.app "$@"\n')
    script.chmod(0o755)
    return str(script)


@pytest.mark.slow
@needs_sshd
@pytest.mark.filterwarnings("ignore::ResourceWarning")
def test_the_kit_goes_there_the_run_comes_back_and_nothing_is_left(
    port: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    offer_runtime(tmp_path, monkeypatch)
    remote = Remote.parse(f"ssh://{getpass.getuser()}@127.0.0.1:{port}", command_there(tmp_path))
    folders = Folders(tmp_path / "profiles", tmp_path / "tables")
    kit, fashion = make_kit(), find_space("fashion")
    done = profile_space_remotely(remote, kit, fashion, TargetFile(TARGET, PLAN), folders, 3, accept_noise=True)
    assert done.run.kit_digest == kit.digest
    assert done.run.plan == PLAN
    assert len(done.run.of("validation")) == 3
    assert len(done.table.rows) == len(fashion.rows())
    assert done.table_path.exists()
    assert not (Path.home() / ".cache/dna-deploy/remote" / kit.digest.partition(":")[2][:16]).exists()
    missing = Remote.parse(f"ssh://{getpass.getuser()}@127.0.0.1:{port}", "no-such-command")
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
