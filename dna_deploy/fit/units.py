"""Finds the units of any network by running it: nobody's code is read, and none has to be changed for it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

import torch
from torch import nn

from dna_deploy.errors import UsageError
from dna_deploy.fit.calls import Call, Calls, record_calls, run, the_call
from dna_deploy.fit.replacing import UnitNetwork
from dna_deploy.fit.unit import Change, Unit
from dna_deploy.nets.teachers.hooks import scores_from
from dna_deploy.nets.teachers.reading import shape_of
from dna_deploy.spaces.shapes import FeatureMap, Shape

_LAYERS = 2
"""Layers with weights that make a module worth replacing; a lone convolution is left as it is."""

_SHARE = 0.5
"""Of a module's work that the units inside must do to stand for it; otherwise the module is the unit."""

_BATCH = 2


@dataclass(frozen=True)
class Found:
    """The units of a network.

    Attributes:
        network: Gives them out, and takes others in.
        share: Of the network's work, roughly its multiply-accumulates, what is done in units.
        refused: Modules of several layers that are no units, each with the reason.
    """

    network: UnitNetwork
    share: float
    refused: tuple[tuple[str, str], ...]


@torch.no_grad()
def find_units(network: nn.Module, input: FeatureMap) -> Found:
    """The deepest modules that turn one tensor into one, and can be replaced alone.

    Raises:
        UsageError: the network does not take such images, answers at random or with several tensors, or has no unit.
    """
    network = network.eval()
    generator = torch.Generator().manual_seed(0)
    images = torch.rand(2, _BATCH, *input.sizes, generator=generator)
    answers, calls = record_calls(network, images[1])
    check_answers(network, images[1], answers)
    _, others = record_calls(network, images[0])
    finder = _Finder(network, images[0], answers, calls, others, input)
    parts = {part.path: part for part in finder.inside("", network)}
    ordered = sorted(parts.values(), key=lambda part: part.order)
    if not ordered:
        words = "; ".join(f"{path}: {reason}" for path, reason in finder.refused[:3]) or "no module has two layers with weights"
        raise UsageError(
            f"the model has no part that can be replaced alone: {words}", "put its blocks into modules of their own"
        )
    units = _staged([part.unit for part in ordered])
    found = {unit.path: (unit, part.call) for unit, part in zip(units, ordered, strict=True)}
    share = sum(map(finder.work_of, found)) / max(1, sum(finder.work_of(name) for name, _ in network.named_children()))
    return Found(UnitNetwork(network, found), share, tuple(finder.refused))


def check_answers(network: nn.Module, images: torch.Tensor, answers: object) -> None:
    """Raises `UsageError` unless the model answers with one tensor, the same whenever it is asked the same."""
    if not isinstance(answers, torch.Tensor):
        words = f"{len(answers)} outputs" if isinstance(answers, tuple | list | dict) else f"a {type(answers).__name__}"
        raise UsageError(f"the model gives {words}, not one tensor", "wrap it in a module that returns the one that matters")
    if not torch.equal(run(network, images), answers):
        raise UsageError("the model answers the same images differently in inference mode", "take the random part out of it")


@dataclass(frozen=True)
class _Part:
    unit: Unit
    call: Call
    order: int

    @property
    def path(self) -> str:
        return self.unit.path


class _Finder:
    """Walks a network from the outside in."""

    def __init__(
        self, network: nn.Module, images: torch.Tensor, answers: torch.Tensor,
        calls: dict[str, Calls], others: dict[str, Calls], input: FeatureMap,
    ) -> None:  # fmt: skip
        self.network, self.images, self.answers = network, images, answers
        self.calls, self.others, self.input = calls, others, input
        self.refused: list[tuple[str, str]] = []
        self.cuts: dict[str, bool] = {}
        self.work = _work(network, calls)

    def inside(self, path: str, module: nn.Module) -> list[_Part]:
        """The units that a module holds, or the one that it is."""
        parts = [part for name, child in _children(path, module) for part in self.inside(name, child)]
        is_row = isinstance(module, nn.Sequential | nn.ModuleList | nn.ModuleDict)
        if path and not (parts and self._stands_for(path, module, parts, is_row=is_row)):
            part = self._as_unit(path, module)
            parts = [part] if part else parts
        if isinstance(module, nn.Sequential) and len(parts) < _LAYERS and (rows := self._rows(path, module)):
            return rows
        return parts

    def _stands_for(self, path: str, module: nn.Module, parts: list[_Part], *, is_row: bool) -> bool:
        if self.work_of(path) * _SHARE > sum(self.work_of(part.path) for part in parts):
            return False
        return is_row or len(parts) > 1 or self.work_of(parts[0].path) < self.work_of(path)

    def work_of(self, path: str) -> int:
        row, _, last = path.rpartition(".")
        first, is_row, end = last.partition(":")
        names = [f"{row}.{number}" for number in range(int(first), int(end))] if is_row else [path]
        return sum(self.work.get(name, 0) for name in names)

    def _as_unit(self, path: str, module: nn.Module) -> _Part | None:
        if path not in self.calls or _layers(module) < _LAYERS:
            return None
        call = the_call(self.calls[path], self.others[path])
        if isinstance(call, str):
            self.refused.append((path, call))
            return None
        is_cut = self._is_cut(path)
        parent = self.network.get_submodule(path.rpartition(".")[0])
        if not is_cut and not isinstance(parent, nn.Sequential | nn.ModuleList | nn.ModuleDict):
            return None  # a branch of a block, such as an attention
        return self._part(path, type(module).__name__, call, self.calls[path], self.calls[path].output, is_cut=is_cut)

    def _part(self, path: str, kind: str, call: Call, calls: Calls, output: torch.Tensor, *, is_cut: bool) -> _Part | None:
        received = shape_of(call.tensor_of(calls.args, calls.kwargs), _BATCH, self.input)
        emitted = shape_of(output, _BATCH, self.input)
        if received is None or emitted is None:
            self.refused.append((path, "it is no map of features and no tokens, with the images first"))
            return None
        may, reasons = _changes(received, emitted)
        return _Part(Unit(path, kind, received, emitted, 0, is_cut, may, reasons), call, calls.order)

    def _is_cut(self, path: str) -> bool:
        """Whether the answers follow from what comes out there, whatever images the network is given."""
        if path not in self.cuts:
            row = path.rpartition(".")[0]
            if row in self.calls and type(self.network.get_submodule(row)) is nn.Sequential:  # it hands on what comes out
                self.cuts[path] = self._is_cut(row)
            else:
                self.cuts[path] = self._determines(path)
        return self.cuts[path]

    def _determines(self, path: str) -> bool:
        output = self.calls[path].output
        if not isinstance(output, torch.Tensor):
            return False
        try:
            answers = scores_from(self.network, path, output.clone(), self.images)
        except RuntimeError:
            return False
        return torch.equal(answers, self.answers)

    def _rows(self, path: str, module: nn.Sequential) -> list[_Part]:
        """Layers in a row without blocks, as of VGG: cut where the size changes without weights."""
        parts: list[_Part] = []
        first: int | None = None
        names = [f"{path}.{number}" if path else str(number) for number in range(len(module))]
        if any(name not in self.calls for name in names):
            return []
        for number, child in enumerate([*module, nn.Identity()]):
            is_end = number == len(module) or (not _layers(child) and self._resizes(names[number]))
            if is_end and first is not None:
                span = f"{names[first]}:{number}"
                calls, last = self.calls[names[first]], self.calls[names[number - 1]]
                if isinstance(call := the_call(calls, self.others[names[first]]), Call):
                    part = self._part(span, "Sequential", call, calls, last.output, is_cut=True)
                    parts += [part] if part else []
                first = None
            elif first is None and _layers(child):
                first = number
        return parts if len(parts) >= _LAYERS else []

    def _resizes(self, name: str) -> bool:
        received, emitted = self.calls[name].args[0], self.calls[name].output
        return isinstance(received, torch.Tensor) and received.shape[2:] != emitted.shape[2:]


def _children(path: str, module: nn.Module) -> Iterator[tuple[str, nn.Module]]:
    for name, child in module.named_children():
        yield f"{path}.{name}" if path else name, child


def _layers(module: nn.Module) -> int:
    """How many modules in it have weights of their own, besides scales and shifts."""
    return sum(any(weight.ndim > 1 for weight in part.parameters(recurse=False)) for part in module.modules())


def _work(network: nn.Module, calls: dict[str, Calls]) -> dict[str, int]:
    """Roughly the multiply-accumulates of every module: of a layer, its weights times the places where they are used."""
    work: dict[str, int] = {}
    for name, module in network.named_modules():
        output = calls[name].output if name in calls else None
        if not isinstance(output, torch.Tensor):
            continue
        weights = [weight for weight in module.parameters(recurse=False) if weight.ndim > 1 and len(weight) in output.shape[1:]]
        own = sum(weight.numel() * (output[0].numel() // len(weight)) for weight in weights)  # embeddings are only added
        if not own:
            continue
        parts = name.split(".")
        for depth in range(1, len(parts) + 1):
            holder = ".".join(parts[:depth])
            work[holder] = work.get(holder, 0) + own
    return work


def _changes(received: Shape, emitted: Shape) -> tuple[tuple[Change, ...], tuple[tuple[Change, str], ...]]:
    if received == emitted:
        return ("skip", "width", "operation"), ()
    return ("width", "operation"), (("skip", "it changes the shape"),)


def _staged(units: list[Unit]) -> list[Unit]:
    """The same with the numbers of their stages, and depth among what may change."""
    staged: list[Unit] = []
    for unit in units:
        last = staged[-1] if staged else None
        follows = last is not None and last.output == unit.input == unit.output and _parent(last) == _parent(unit)
        staged.append(replace(unit, stage=(last.stage if follows else last.stage + 1) if last else 1))
    return [_with_depth(unit, [other for other in staged if other.stage == unit.stage]) for unit in staged]


def _with_depth(unit: Unit, stage: list[Unit]) -> Unit:
    if sum(other.input == other.output for other in stage) < _LAYERS or unit.input != unit.output:
        words = "no other unit of its shapes stands beside it" if unit.input == unit.output else "it changes the shape"
        return replace(unit, reasons=(*unit.reasons, ("depth", words)))
    return replace(unit, may=(*unit.may, "depth"))


def _parent(unit: Unit) -> str:
    return unit.path.rpartition(".")[0]
