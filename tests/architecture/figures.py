"""The figures of the house: ``make figures`` prints them, ``test_figures.py`` holds each to its limit."""

from __future__ import annotations

import ast
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache, cached_property
from itertools import chain
from pathlib import Path
from statistics import median

import grimp
import numpy as np
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components
from tabulate import tabulate

ROOT = Path(__file__).parents[2]
PACKAGE = ROOT / "dna_deploy"
OF_A_CHAIN = {"BlockChoice", "CellChoice", "path_of", "Block", "Cell"}
"""Names by which a file knows that a space is a chain of blocks of cells."""
SPACES = ("space", "chain", "block", "sections", "index", "like")
"""How names of spaces and of their parts end; a record or a torch module that has blocks of its own is no space."""
PARTS = (
    "executors",
    "fit",
    "nets/layers",
    "pipeline/fit",
    "rating/raters",
    "search/strategies",
    "spaces/catalog",
    "spaces/operations",
)
"""Folders of parts: each new one is a file more, so that they are counted apart from the room around them."""
WITHOUT_CONTENT = {"found", "one", "of", "asked", "kept", "told", "done", "known", "wanted"}

Function = ast.FunctionDef | ast.AsyncFunctionDef


@dataclass(frozen=True)
class Source:
    """A file of Python: its path, its text, its tree."""

    path: Path
    text: str
    tree: ast.Module

    @classmethod
    def read(cls, path: Path) -> Source:
        text = path.read_text()
        return cls(path, text, ast.parse(text))

    def __str__(self) -> str:
        return str(self.path.relative_to(ROOT))

    @property
    def lines(self) -> int:
        return self.text.count("\n")

    @cached_property
    def nodes(self) -> tuple[ast.AST, ...]:
        return tuple(ast.walk(self.tree))

    def functions(self) -> Iterator[Function]:
        return (node for node in self.nodes if isinstance(node, Function))


@dataclass(frozen=True)
class Figure:
    """One measured number, what it is the number of, and where it comes from."""

    name: str
    value: float
    places: tuple[str, ...] = ()


@cache
def sources(folder: Path) -> tuple[Source, ...]:
    """Every file below a folder; parsed once, since that takes longer than all that is counted."""
    return tuple(Source.read(path) for path in sorted(folder.rglob("*.py")))


def length(function: Function) -> int:
    """Lines of a function without its decorators."""
    assert function.end_lineno is not None
    return function.end_lineno - function.lineno + 1


def walks_blocks(source: Source) -> bool:
    """Whether a file reads blocks or cells, or names a choice, a path or the trunk that is made of them.

    What an object of the file itself calls its blocks is none of a space's, nor are the reasons of a search outcome.
    """
    for node in source.nodes:
        match node:
            case ast.Attribute(
                attr="blocks" | "cells",
                value=ast.Name(id=owner) | ast.Attribute(attr=owner) | ast.Subscript(value=ast.Attribute(attr=owner)),
            ) if owner.endswith(SPACES):
                return True
            case ast.Name(id=name) | ast.alias(name=name) | ast.Attribute(attr=name) | ast.ClassDef(name=name):
                if name in OF_A_CHAIN or "trunk" in name.lower():
                    return True
            case _:
                pass
    return False


def steps_an_optimiser(source: Source) -> bool:
    """Whether a file applies gradients: it calls ``step`` of something that is called an optimiser or a scaler."""
    for node in source.nodes:
        match node:
            case ast.Call(func=ast.Attribute(attr="step", value=ast.Name(id=name) | ast.Attribute(attr=name))):
                if "optim" in name or "scaler" in name:
                    return True
            case _:
                pass
    return False


def commands(folder: Path) -> Iterator[tuple[Source, Function]]:
    """Functions that are commands: their docstring has an example of a call."""
    for source in sources(folder):
        for function in source.functions():
            if "Example: dna-deploy" in (ast.get_docstring(function) or ""):
                yield source, function


def own_parameters(function: Function) -> int:
    """Parameters that are no group of options (whose class is named ``...Options``)."""
    arguments = (*function.args.posonlyargs, *function.args.args, *function.args.kwonlyargs)
    annotations = [ast.unparse(argument.annotation) if argument.annotation else "" for argument in arguments]
    return sum(not annotation.endswith("Options") for annotation in annotations)


def bound_names(source: Source) -> Iterator[str]:
    """Every name that a file binds: variables, once a scope, and parameters."""
    for scope in (source.tree, *source.functions()):
        names = {node.id for node in within(scope) if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store)}
        if isinstance(scope, Function):
            arguments = scope.args
            names |= {each.arg for each in (*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs)}
        yield from names - {"self", "cls", "_"}


def within(scope: ast.AST) -> Iterator[ast.AST]:
    """The nodes of a scope without those of functions inside it."""
    for child in ast.iter_child_nodes(scope):
        yield child
        if not isinstance(child, Function):
            yield from within(child)


def circles(package: str) -> list[tuple[str, ...]]:
    """Sets of modules that import each other, late imports and those for types included."""
    graph = grimp.build_graph(package, cache_dir=None)
    modules = sorted(graph.modules)
    place = {module: index for index, module in enumerate(modules)}
    arrows = [(place[start], place[end]) for start in modules for end in graph.find_modules_directly_imported_by(start)]
    rows, columns = np.array(arrows, dtype=int).reshape(-1, 2).T
    matrix = coo_array((np.ones(len(rows)), (rows, columns)), shape=(len(modules), len(modules)))
    count, component = connected_components(matrix, connection="strong")
    rings = [tuple(np.array(modules)[component == index].tolist()) for index in range(count)]
    return [ring for ring in rings if len(ring) > 1]


def walkers() -> Figure:
    """Files outside ``spaces/`` that know what a block and a cell are."""
    inside = PACKAGE / "spaces"
    files = [str(source) for source in sources(PACKAGE) if inside not in source.path.parents and walks_blocks(source)]
    return Figure("files outside spaces/ that walk blocks and cells", len(files), tuple(files))


def training_loops() -> Figure:
    """A contract takes a few steps to see that a loss can be learnt from; that is no training."""
    trained = [source for source in sources(PACKAGE) if "contracts" not in source.path.parts and steps_an_optimiser(source)]
    return Figure("files that step an optimiser", len(trained), tuple(map(str, trained)))


def command_parameters() -> Figure:
    count, place = max(
        (own_parameters(function), f"{source}:{function.name}") for source, function in commands(PACKAGE / "cli")
    )
    return Figure("most parameters of a command outside option groups", count, (place,))


def long_functions() -> Figure:
    every = [(length(function), f"{source}:{function.name}") for source in sources(PACKAGE) for function in source.functions()]
    long = sorted((each for each in every if each[0] > 40), reverse=True)
    places = tuple(f"{place} ({lines})" for lines, place in long)
    return Figure("share of functions over 40 lines, %", round(100 * len(long) / len(every), 2), places)


def longest_file() -> Figure:
    lines, place = max((source.lines, str(source)) for source in sources(PACKAGE))
    return Figure("lines of the longest file", lines, (place,))


def longest_benchmark() -> Figure:
    lines, place = max((source.lines, str(source)) for source in sources(ROOT / "benchmarks"))
    return Figure("lines of the longest file of benchmarks", lines, (place,))


def import_circles() -> Figure:
    rings = list(chain.from_iterable(circles(package) for package in ("dna_deploy", "benchmarks")))
    return Figure("import circles, benchmarks included", len(rings), tuple(" <-> ".join(ring) for ring in rings))


def room_lines() -> dict[str, int]:
    """Lines of every room, without the parts of it that grow by a file with everything that is offered."""
    counts: Counter[str] = Counter()
    for source in sources(PACKAGE):
        place = source.path.relative_to(PACKAGE)
        part = "/".join(place.parts[:2])
        counts[part if part in PARTS else place.parts[0] if len(place.parts) > 1 else "."] += source.lines
    return dict(sorted(counts.items()))


def package_lines() -> Figure:
    rooms = room_lines()
    return Figure("lines of the package", sum(rooms.values()), tuple(f"{room} {count:,}" for room, count in rooms.items()))


def names_without_content() -> Figure:
    names = [name for source in sources(PACKAGE) for name in bound_names(source)]
    counts = {word: names.count(word) for word in sorted(WITHOUT_CONTENT)}
    places = tuple(f"{word} {count}" for word, count in counts.items() if count)
    return Figure("names without content, %", round(100 * sum(counts.values()) / len(names), 2), places)


def function_lengths() -> Figure:
    lengths = sorted(length(function) for source in sources(PACKAGE) for function in source.functions())
    others = f"{len(lengths)} functions; p95 {lengths[int(0.95 * len(lengths))]}, longest {lengths[-1]}"
    return Figure("lines of a function, median", median(lengths), (others,))


Measure = Callable[[], Figure]
FIGURES: tuple[Measure, ...] = (
    walkers,
    training_loops,
    command_parameters,
    long_functions,
    longest_file,
    longest_benchmark,
    import_circles,
    package_lines,
    names_without_content,
    function_lengths,
)


def main() -> None:
    figures = [measure() for measure in FIGURES]
    print(tabulate([(figure.name, figure.value) for figure in figures], ("figure", "today"), tablefmt="github"))
    for figure in figures:
        print("\n  ".join((f"\n{figure.name}:", *figure.places)))


if __name__ == "__main__":
    main()
