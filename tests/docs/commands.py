"""Finds the commands in a page: blocks of ``bash`` are for the reader's own machine, blocks of ``console`` for any other."""

from __future__ import annotations

import re
import shlex
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"

_BLOCK = re.compile(r"^```(\w+)\n(.*?)^```", re.MULTILINE | re.DOTALL)
_PROMPT = re.compile(r"^\w*\$ ")


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


def lines_of(page: Path, kind: str) -> list[str]:
    """The lines in all blocks of a kind, in order, prompts and comments taken off."""
    text = "".join(blocks_of(page, kind))
    lines = [_PROMPT.sub("", line).partition("  #")[0].strip() for line in text.splitlines()]
    return [line for line in lines if line and not line.startswith("#")]


def commands_of(page: Path, kind: str) -> list[Command]:
    """The calls of dna-deploy among them."""
    calls = [shlex.split(line) for line in lines_of(page, kind)]
    return [Command(page, tuple(call[1:])) for call in calls if call[0] == "dna-deploy"]


def inline_commands_of(page: Path) -> list[Command]:
    """Whole calls with flags that stand inside sentences and tables."""
    calls = [shlex.split(text) for text in re.findall(r"`(dna-deploy [a-z][^`]*)`", page.read_text())]
    return [Command(page, tuple(call[1:])) for call in calls]
