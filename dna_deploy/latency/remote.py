"""Profiles on another machine through the system's own ``ssh``: sends the kit, runs the command there, brings the run back."""

from __future__ import annotations

import json
import re
import shlex
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Self

from dna_deploy.errors import DependencyError, TableError, UsageError
from dna_deploy.records.files import digest_of
from dna_deploy.records.probe_kit import ProbeKit
from dna_deploy.records.profile_run import ProfileRun
from dna_deploy.targets.plan import SamplingPlan
from dna_deploy.targets.target import Target
from dna_deploy.targets.target_file import TARGET_FILE, target_toml

SCHEME = "ssh://"
_ADDRESS = re.compile(r"ssh://(?P<login>[A-Za-z0-9_][A-Za-z0-9._@-]*)(?::(?P<port>\d{1,5}))?/?")
_NO_COMMAND = 127


@dataclass(frozen=True)
class Remote:
    """A machine that ``ssh`` reaches, and the name of ``dna-deploy`` there."""

    login: str
    port: int | None = None
    command: str = "dna-deploy"

    @classmethod
    def parse(cls, address: str, command: str = "dna-deploy") -> Self:
        """The machine of an address such as ``ssh://user@host:22``."""
        match = _ADDRESS.fullmatch(address)
        if match is None:
            raise UsageError(f"cannot read the address {address!r}", "write it like ssh://user@host or ssh://user@host:22")
        return cls(match["login"], int(match["port"]) if match["port"] else None, command)

    @property
    def name(self) -> str:
        """As its address says."""
        return self.login + (f":{self.port}" if self.port else "")

    @property
    def host(self) -> str:
        """The name without login, as it may stand in names of files."""
        return self.name.rpartition("@")[2].replace(":", "-")

    def profile(self, kit: ProbeKit, target: Target, plan: SamplingPlan, validation_networks: int) -> ProfileRun:
        """Profiles a kit there. The folder there is named after the kit, so that an interrupted run is taken up again.

        Raises:
            DependencyError: there is no ``ssh`` here, or no dna-deploy there.
            TableError: the other machine cannot be reached, or its profile failed; its own words went to standard error.
        """
        folder = f".cache/dna-deploy/remote/{kit.digest.partition(':')[2][:16]}"
        settings = f"{folder}/profiles/{target.name}"
        self._run(f"mkdir -p {settings}")
        self._send(f"{settings}/{TARGET_FILE}", target_toml(target, plan).encode())
        self._send(f"{folder}/space.kit", kit.content())
        arguments = ("profile", "space.kit", "--target", target.name, "--validate", str(validation_networks),
                     "--accept-noise", "--json")  # fmt: skip
        answer = self._run(f"cd {folder} && {self.command} {shlex.join(arguments)}")
        try:
            path = str(json.loads(answer)["run"])
        except (ValueError, KeyError, TypeError) as error:
            raise TableError(f"dna-deploy on {self.login} did not say where its run is", "is it of another version?") from error
        run = ProfileRun.parse(self._run(f"cat {folder}/{shlex.quote(path)}"), f"{self.login}:{path}")
        self._run(f"rm -r {folder}")
        return run

    def answer(self, files: Mapping[str, bytes], arguments: Sequence[str]) -> dict[str, Any]:
        """What a command prints there with ``--json`` about some files, which are removed again.

        Raises:
            DependencyError: there is no ``ssh`` here, or no dna-deploy there.
            TableError: the other machine cannot be reached, or the command printed nothing.
        """
        named = b"".join(name.encode() + content for name, content in sorted(files.items()))
        folder = f".cache/dna-deploy/remote/{digest_of(named).partition(':')[2][:16]}"
        for place in sorted({f"{folder}/{name}".rpartition("/")[0] for name in files}):
            self._run(f"mkdir -p {shlex.quote(place)}")
        for name, content in files.items():
            self._send(f"{folder}/{name}", content)
        said = self._run(f"cd {folder} && {self.command} {shlex.join((*arguments, '--json'))}; code=$?; cd; rm -r {folder}; "
                         f"test $code -ne {_NO_COMMAND} || exit $code")  # fmt: skip
        try:
            values: dict[str, Any] = json.loads(said)
        except ValueError as error:
            raise TableError(f"dna-deploy on {self.name} gave no answer", "what it said stands above") from error
        return values

    def _send(self, path: str, content: bytes) -> None:
        # A file appears whole or not at all.
        whole, part = shlex.quote(path), shlex.quote(f"{path}.part")
        self._run(f"cat > {part} && mv {part} {whole}", content)

    def _run(self, line: str, content: bytes = b"") -> bytes:
        port = ("-p", str(self.port)) if self.port else ()
        try:
            process = subprocess.run(
                ["ssh", "-o", "BatchMode=yes", *port, "--", self.login, line],
                input=content,
                stdout=subprocess.PIPE,
                check=False,
            )
        except FileNotFoundError as error:
            raise DependencyError("there is no ssh on this machine", "install OpenSSH's client") from error
        if process.returncode == _NO_COMMAND:
            raise DependencyError(
                f"there is no {self.command!r} on {self.login}",
                "pip install dna-deploy there, or say where it is with --remote-command",
            )
        if process.returncode:
            raise TableError(
                f"ssh to {self.login} ended with code {process.returncode} at: {line}",
                "what it said stands above; try it by hand",
            )
        return process.stdout
