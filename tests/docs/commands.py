"""Finds what a page asks its reader to do, in order: lines to run, on which machine, and target files to write."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"

_BLOCK = re.compile(r"^```(\w+)\n(.*?)^```", re.MULTILINE | re.DOTALL)
_PROMPT = re.compile(r"^(\w*)\$ ")
_WORKFLOW_STEP = re.compile(r"^\s*- run: ", re.MULTILINE)
_FILE_NAMED_BEFORE = re.compile(r"`(profiles/\w+/target\.toml)`")
_PLACE_OF_HEADING = re.compile(r"^## .*\bOn the (\w+)", re.MULTILINE)
_RUN = ("bash", "console", "yaml")


@dataclass(frozen=True)
class Line:
    """A line to run. ``machine`` is the word before the prompt; without one, the reader's own."""

    machine: str
    text: str

    @property
    def words(self) -> list[str]:
        return shlex.split(self.text)


@dataclass(frozen=True)
class TargetText:
    """A target file to write."""

    machine: str
    path: str
    text: str


Step: TypeAlias = Line | TargetText


@dataclass(frozen=True)
class Command:
    """A call of dna-deploy in a page, without the program's name."""

    page: Path
    arguments: tuple[str, ...]

    def __str__(self) -> str:
        return shlex.join(("dna-deploy", *self.arguments))


def pages() -> list[Path]:
    """Every page that is written by hand, the README first."""
    return [ROOT / "README.md", *sorted(DOCS.rglob("*.md"))]


def blocks_of(page: Path, kind: str) -> list[str]:
    """The blocks of a kind, in order."""
    return [body for found, body in _BLOCK.findall(page.read_text()) if found == kind]


def steps_of(page: Path) -> list[Step]:
    """Everything that is to be done, in order."""
    return list(_steps(page.read_text()))


def lines_of(page: Path) -> list[Line]:
    """The lines to run, in order."""
    return [step for step in steps_of(page) if isinstance(step, Line)]


def commands_of(page: Path) -> list[Command]:
    """The calls of dna-deploy among them."""
    return [Command(page, tuple(line.words[1:])) for line in lines_of(page) if line.words[0] == "dna-deploy"]


def inline_commands_of(page: Path) -> list[Command]:
    """Whole calls with flags that stand inside sentences and tables."""
    calls = [shlex.split(text) for text in re.findall(r"`(dna-deploy [a-z][^`]*)`", page.read_text())]
    return [Command(page, tuple(call[1:])) for call in calls]


def _steps(text: str) -> Iterator[Step]:
    end = 0
    for block in _BLOCK.finditer(text):
        kind, body = block.groups()
        between, end = text[end : block.start()], block.end()
        if kind in _RUN:
            yield from _lines(body, kind)
        elif kind == "toml" and (named := _FILE_NAMED_BEFORE.findall(between)):
            places = _PLACE_OF_HEADING.findall(between)
            place = places[-1].lower() if places else ""
            yield TargetText("" if place == "workstation" else place, named[-1], body)


def _lines(body: str, kind: str) -> Iterator[Line]:
    if kind == "yaml":
        body = "\n".join(_WORKFLOW_STEP.sub("", line) for line in body.splitlines() if _WORKFLOW_STEP.match(line))
    for line in body.splitlines():
        prompt = _PROMPT.match(line)
        text = _PROMPT.sub("", line).partition("  #")[0].strip()
        if text and not text.startswith("#"):
            yield Line(prompt[1] if prompt else "", text)
