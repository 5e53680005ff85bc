"""A whole network refitted unit by unit to what each really receives: errors of units before it, and units left out behind it.

Candidates are repaired on the original's features, each alone. In a network with many of them errors pile up, and a unit that
is left out is nobody's loss to make good for. Here the units are gone through once more, from the first to the last: the last
map of each that was changed, or behind which others are left out, is fitted to what the original has at that place, from what
arrives there (as He et al., arXiv 1707.06168, section 3.2, do for channels).
"""

from __future__ import annotations

import copy
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import nn

from dna_deploy.fit.activations import Unactivated
from dna_deploy.fit.judging import Judge, Mean
from dna_deploy.fit.repair import refit, widest_line
from dna_deploy.fit.settling import Tail, settled
from dna_deploy.fit.unit import Unit

_FEW = 2
"""Images that tell whether a shorter way gives the same."""


@torch.no_grad()
def mended(teacher: Judge, modules: Mapping[str, nn.Module]) -> nn.Module:
    """The original with modules in the places of units, refitted one after the other; other batch norms stay.

    Args:
        teacher: The original, in inference mode, on the images to fit to; stays as it is.
        modules: By path of what is changed, `nn.Identity` where a unit is left out; copied.
    """
    original = teacher.network
    left_out = {path for path, module in modules.items() if isinstance(module, nn.Identity)}
    ends = {
        unit.path: _last_left_out(original.units[number + 1 :], unit, left_out) for number, unit in enumerate(original.units)
    }
    fitted = {path: module for path, module in modules.items() if path not in left_out}
    fitted |= {path: original.module(path) for path, end in ends.items() if end and path not in modules}
    fitted = {unit.path: copy.deepcopy(fitted[unit.path]) for unit in original.units if unit.path in fitted}
    network = original.replaced({**modules, **fitted}).eval()
    walk = _Walk(Judge(original.on(network), teacher.batches))
    for path, module in fitted.items():
        inputs = walk.inputs(path)
        _refit_to(module, inputs, teacher, ends[path] or path)
        walk.pass_on(path, [module(x.clone()) for x in inputs])
    return network


class _Walk:
    """What units of a network receive, one after the other, each from the output of the last where nothing leads around it."""

    def __init__(self, student: Judge) -> None:
        self._student = student
        self._behind: tuple[Tail, list[torch.Tensor]] | None = None

    def inputs(self, path: str) -> list[torch.Tensor]:
        """Of a unit behind all that were passed."""
        student = self._student
        if self._behind is not None:
            tail, outputs = self._behind
            (right,) = student.inputs(path, [student.batches[0][:_FEW]])
            try:
                (short,) = student.inputs(path, [outputs[0][:_FEW]], tail)
            except (RuntimeError, ValueError):
                return student.inputs(path)
            if short.shape == right.shape and torch.allclose(short, right, rtol=1e-3, atol=1e-4):
                return student.inputs(path, outputs, tail)
        return student.inputs(path)

    def pass_on(self, path: str, outputs: list[torch.Tensor]) -> None:
        """A unit was fitted, and gives these."""
        network = self._student.network
        self._behind = Tail(network.network, network.parts(path)[-1], self._student.batches[0][:1]), outputs


@dataclass(frozen=True)
class Deployed:
    """A network as it is handed out, and what its answers are off by."""

    network: nn.Module
    joint: Mean
    is_mended: bool
    """Whether it was refitted as a whole."""


def deployed(judge: Judge, modules: Mapping[str, nn.Module], *, mends: bool) -> Deployed:
    """The original with copies of modules in the places of units, in the way that keeps its answers nearest.

    Args:
        judge: Of the original, with images to fit to.
        modules: By path of what is changed.
        mends: Whether refitting it as a whole is one of the ways, besides batch norms as they were, and moved.
    """
    ways = [settled(judge.network, modules, reference) for reference in dict.fromkeys((None, judge.reference))]
    judged = [Deployed(network, judge.divergence(judge.answers_of(network)), is_mended=False) for network in ways]
    if mends and (alone := refitted(judge, modules)):
        judged.append(alone)
    return min(judged, key=lambda each: each.joint.value)


def refitted(judge: Judge, modules: Mapping[str, nn.Module]) -> Deployed | None:
    """A network refitted as a whole; None where there is nothing to refit, or nothing to fit it to."""
    if not modules or not judge.gathering:
        return None
    network = mended(judge.fitter, modules)
    return Deployed(network, judge.divergence(judge.answers_of(network)), is_mended=True)


def _last_left_out(behind: Sequence[Unit], unit: Unit, left_out: set[str]) -> str | None:
    """The last of the units that are left out in a row right behind a unit."""
    last = None
    for other in behind:
        if other.path not in left_out or other.stage != unit.stage or not (unit.is_cut and other.is_cut):
            break
        last = other.path
    return last


def _refit_to(module: nn.Module, inputs: Sequence[torch.Tensor], teacher: Judge, path: str) -> None:
    """Refits the last map of a module in place, where it has one, to what a unit of the original emits."""
    unit, received = teacher.network.module(path), teacher.remembered_inputs(path)
    name = widest_line(module, inputs[0][:2])
    if name is None:
        return
    expected = Unactivated(unit, received[0][:2])
    if not Unactivated(module, inputs[0][:2]).number:
        expected.number = 0  # it emits what has no activation behind it
    refit(module, name, inputs, [expected(x.clone()) for x in received])
