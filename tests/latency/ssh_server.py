"""Another machine, for tests: an ssh server here on a port of its own, whose logins land in a folder of their own.

``ssh``, ``scp`` and ``ssh-copy-id`` go there by every name in `NAMES`; nobody's real home or keys are touched.
"""

from __future__ import annotations

import getpass
import os
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

NAMES = ("jetson", "raspberry")
LOGIN = getpass.getuser()
SSHD = shutil.which("sshd", path=f"{os.environ.get('PATH', '')}:/usr/sbin:/sbin")

HAS_SSHD = SSHD is not None and shutil.which("ssh") is not None
WITHOUT_SSHD = "OpenSSH's server or client is not installed here"
needs_sshd = pytest.mark.skipif(not HAS_SSHD, reason=WITHOUT_SSHD)


@dataclass(frozen=True)
class OtherMachine:
    """Where its server listens, and the folder that its logins take for their home."""

    port: int
    home: Path


@contextmanager
def other_machine(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[OtherMachine]:
    """A server that lets this user in, and programs on the path that know its key. Skips where none can be started."""
    keys, programs = folder / "keys", folder / "programs"
    keys.mkdir(mode=0o700)
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        machine = OtherMachine(free.getsockname()[1], folder / "home")
    machine.home.mkdir()
    for name in ("host", "user"):
        subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", keys / name], check=True)
    _write_settings(keys, folder / "its-programs", machine)
    _write_program(folder / "its-programs" / "dna-deploy", f'exec {sys.executable} -m dna_deploy.cli.app "$@"')
    _write_program(programs / "ssh", f'exec {shutil.which("ssh")} -F {keys / "ssh_config"} "$@"')
    _write_program(programs / "scp", f'exec {shutil.which("scp")} -O -F {keys / "ssh_config"} "$@"')
    # It looks for keys in the home of whoever calls it.
    (folder / "own-home" / ".ssh").mkdir(parents=True, mode=0o700)
    shutil.copy(keys / "user.pub", folder / "own-home" / ".ssh" / "id_ed25519.pub")
    shutil.copy(keys / "user", folder / "own-home" / ".ssh" / "id_ed25519")
    copy_id = f'HOME={folder / "own-home"} exec {shutil.which("ssh-copy-id")} "$@"'
    _write_program(programs / "ssh-copy-id", copy_id)
    monkeypatch.setenv("PATH", f"{programs}:{os.environ['PATH']}")
    Path("/run/sshd").mkdir(exist_ok=True) if os.getuid() == 0 else None
    assert SSHD is not None
    server = subprocess.Popen([SSHD, "-D", "-e", "-f", keys / "sshd_config"], stderr=subprocess.PIPE)
    try:
        _wait_for(server, machine.port)
        yield machine
    finally:
        server.kill()
        server.communicate()


def _write_settings(keys: Path, its_programs: Path, machine: OtherMachine) -> None:
    shutil.copy(keys / "user.pub", keys / "authorized")
    # With -O, scp needs no more of the other machine than a command.
    (keys / "sshd_config").write_text(
        f"Port {machine.port}\nListenAddress 127.0.0.1\nHostKey {keys / 'host'}\nAuthorizedKeysFile {keys / 'authorized'}\n"
        f"PidFile none\nStrictModes no\nUsePAM no\nPasswordAuthentication no\nPermitRootLogin prohibit-password\n"
        f'ForceCommand cd {machine.home} && HOME=$PWD PATH={its_programs}:$PATH exec sh -c "$SSH_ORIGINAL_COMMAND"\n'
    )
    (keys / "ssh_config").write_text(
        f"Host {' '.join(NAMES)}\n HostName 127.0.0.1\n Port {machine.port}\n"
        f"Host *\n IdentityFile {keys / 'user'}\n IdentitiesOnly yes\n StrictHostKeyChecking no\n"
        f" UserKnownHostsFile {keys / 'known'}\n LogLevel ERROR\n"
    )


def _write_program(path: Path, line: str) -> None:
    path.parent.mkdir(exist_ok=True)
    path.write_text(f"#!/bin/sh\n{line}\n")
    path.chmod(0o755)


def _wait_for(server: subprocess.Popen[bytes], port: int) -> None:
    deadline = time.monotonic() + 20
    while not _is_listening(port):
        if server.poll() is not None or time.monotonic() > deadline:
            assert server.stderr is not None
            pytest.skip(f"sshd does not start here: {server.stderr.read().decode()[:200]}")


def _is_listening(port: int) -> bool:
    with socket.socket() as asking:
        return asking.connect_ex(("127.0.0.1", port)) == 0
