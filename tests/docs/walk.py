"""Does what a page says, line by line, in the folders of a small project and of another machine."""

from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import dataclass, replace
from pathlib import Path

import pytest
from typer.testing import CliRunner

from dna_deploy.cli.app import app
from dna_deploy.errors import PromiseError, TableError
from tests.docs.commands import ROOT, Line, Step, TargetText
from tests.docs.stand_ins import FOLDER_OF_SUPERNETS, NOT_RUN, SMALL, WORDS

PROGRAMS = {
    "scp": ("scp",),
    "ssh-copy-id": ("ssh-copy-id",),
    "cp": ("cp",),
    "torchrun": (sys.executable, "-m", "torch.distributed.run"),  # which is all that it does
}
"""What pages call besides dna-deploy, and how it is started."""


@dataclass(frozen=True)
class Walk:
    """Two folders: the reader's project, and the home of every other machine that a page names."""

    project: Path
    elsewhere: Path
    monkeypatch: pytest.MonkeyPatch

    def take(self, step: Step) -> bool:
        """Takes a step in its folder; False if it is one that no test runs."""
        folder = self.elsewhere if step.machine else self.project
        match step:
            case TargetText(_, path, text):
                (folder / path).parent.mkdir(parents=True)
                (folder / path).write_text(with_stand_ins(text))
            case Line(_, text) if text in NOT_RUN:
                return False
            case Line():
                self._run(replace(step, text=self._known(with_stand_ins(step.text))), folder)
        return True

    def _known(self, text: str) -> str:
        """A line with the name that an earlier command has given to the folder of its supernets."""
        if FOLDER_OF_SUPERNETS not in text:
            return text
        (made,) = (self.project / "runs").glob("rate-*")
        return text.replace(FOLDER_OF_SUPERNETS, str(made.relative_to(self.project)))

    def _run(self, line: Line, folder: Path) -> None:
        program, *arguments = line.words
        if program == "dna-deploy":
            self.monkeypatch.chdir(folder)
            run_small(arguments)
            return
        assert program in PROGRAMS, f"no test runs {program!r} of {line.text!r}"
        if program == "torchrun":
            arguments += SMALL[next(word for word in arguments if word in SMALL)]
        environment = {**os.environ, "OMP_NUM_THREADS": "1", "PYTHONPATH": str(ROOT)}
        command = [*PROGRAMS[program], *arguments]
        ran = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False, timeout=300)
        assert ran.returncode == 0, f"{line.text}\n{ran.stderr}"


def with_stand_ins(text: str) -> str:
    """A text of a page as the tests take it."""
    for written, taken in WORDS.items():
        text = text.replace(written, taken)
    return text


def run_small(arguments: list[str]) -> None:
    """Runs a command in this process, which spares the imports of a new one."""
    command = [*arguments, *SMALL.get(arguments[0], ())]
    try:
        ran = CliRunner().invoke(app, command, catch_exceptions=False)
    except TableError as verdict:
        # Whether this machine is at this moment what it was when the table was made is not the page's claim.
        assert command[:2] == ["tables", "recheck"], f"{command}\n{verdict}"
        assert "rows take" in verdict.message
        return
    except PromiseError as verdict:  # nor how fast it is while other tests run
        assert command[0] in ("run", "verify", "search"), f"{command}\n{verdict}"
        return
    assert ran.exit_code == 0, f"{command}\n{ran.output}"
