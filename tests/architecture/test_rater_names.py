"""Nothing outside a rater's own room asks what a rater is called: what it can do is said by its class."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

import dna_deploy
from dna_deploy.rating.raters import RATERS

PACKAGE = Path(dna_deploy.__file__).parent
TABLE = PACKAGE / "rating" / "raters" / "__init__.py"
ROOMS = {name: PACKAGE / Path(*path.partition(":")[0].split(".")[1:-1]) for name, path in RATERS.items()}


def named(node: ast.AST, names: set[str]) -> bool:
    """Whether a name stands in an expression as text."""
    return any(isinstance(part, ast.Constant) and part.value in names for part in ast.walk(node))


def asked(tree: ast.AST, names: set[str]) -> Iterator[int]:
    """The lines of comparisons, patterns, keys and text tests with the name of a rater."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Compare | ast.MatchValue):
            if named(node, names):
                yield node.lineno
        elif isinstance(node, ast.Dict):
            if any(key is not None and named(key, names) for key in node.keys):
                yield node.lineno
        elif isinstance(node, ast.Subscript):
            if named(node.slice, names):
                yield node.lineno
        elif isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
            if node.func.attr in ("startswith", "endswith", "get") and any(named(argument, names) for argument in node.args):
                yield node.lineno


@cache
def tree_of(path: Path) -> ast.Module:
    return ast.parse(path.read_text())


def places(path: Path) -> list[int]:
    """Where a file asks for a rater that is not its own."""
    names = {name for name, room in ROOMS.items() if room not in path.parents}
    return list(asked(tree_of(path), names)) if path != TABLE else []


@pytest.mark.parametrize(
    "source",
    [
        "if method == 'one-shot': pass",
        "has_teacher = method != 'dna'",
        "is_ours = method in ('dna', 'dna++')",
        "match method:\n    case 'dna++': pass",
        "epochs = {'dna': 4}",
        "epochs = table['one-shot']",
        "is_block_wise = method.startswith('dna')",
    ],
)
def test_every_way_of_asking_is_seen(source: str) -> None:
    assert list(asked(ast.parse(source), set(RATERS)))


def test_nobody_takes_the_name_of_a_rater_from_its_room() -> None:
    takers = [path for path in PACKAGE.rglob("*.py") if not any(room in path.parents for room in ROOMS.values())]
    imports = (node for path in takers for node in ast.walk(tree_of(path)) if isinstance(node, ast.ImportFrom))
    names = {
        alias.name for node in imports if (node.module or "").startswith("dna_deploy.rating.raters.") for alias in node.names
    }
    assert "METHOD" not in names


def test_no_file_asks_for_the_name_of_a_rater() -> None:
    files = sorted(PACKAGE.rglob("*.py"))
    assert {path for room in ROOMS.values() for path in room.glob("*.py")} <= set(files), "the rooms of raters have moved"
    found = {path.relative_to(PACKAGE).as_posix(): lines for path in files if (lines := places(path))}
    assert found == {}, "let the rater say what it needs or offers (rating/rater.py)"
