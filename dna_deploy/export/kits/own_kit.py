"""The space and the probe kit of somebody's own model: every candidate of every unit once, the rest, and whole networks."""

from __future__ import annotations

import copy
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

from dna_deploy.errors import UsageError
from dna_deploy.export.formats.graph_parts import GraphParts, WeightSpace
from dna_deploy.export.formats.onnx_graph import export_side_by_side
from dna_deploy.export.formats.splicing import Skeleton
from dna_deploy.export.kits.kit import KitPlan, choose_networks, kit_of_graphs, with_distinct_values
from dna_deploy.export.kits.rest import Rest
from dna_deploy.fit.replacing import UnitNetwork
from dna_deploy.fit.structure import structure_of
from dna_deploy.fit.unit import Unit
from dna_deploy.progress import OnProgress, Progress, silent
from dna_deploy.records.files import Provenance
from dna_deploy.records.own_space import AbsentCandidate, OwnCandidate, OwnPart, OwnSpace
from dna_deploy.records.probe_kit import ProbeKit, Role
from dna_deploy.spaces.architecture import Architecture
from dna_deploy.spaces.chain import HeadedSpace
from dna_deploy.spaces.shapes import FeatureMap

Modules = Mapping[str, Mapping[str, nn.Module]]
"""Path of a unit -> code -> what may stand in its place; the first keeps it."""

_AT_ONCE = 32
"""Candidates an export: enough to share its fixed cost of seconds, few enough to show progress."""


@dataclass(frozen=True)
class OwnKit:
    """What profiling and search need of a model: neither needs torch."""

    space: OwnSpace
    kit: ProbeKit


def make_own_kit(
    model: str,
    input: FeatureMap,
    network: UnitNetwork,
    modules: Modules,
    plan: KitPlan | None = None,
    on_progress: OnProgress = silent,
) -> OwnKit:
    """The space and the kit of a model, in single precision.

    Args:
        model: Its name, for the record.
        input: What images are.
        network: The model and its units.
        modules: Candidates of every unit that may change; units that are not named are kept, as parts of the rest.
        plan: What else the kit holds.
        on_progress: Told after every group of candidates.

    Raises:
        UsageError: the model, or a unit of it as it is, cannot be exported.
    """
    plan, weights = plan or KitPlan(), WeightSpace()
    units = [unit for unit in network.units if unit.path in modules]
    exported = _Exported(weights, plan.batch)
    parts = exported.parts(units, modules, on_progress)
    rest = Rest(network, [unit.path for unit in units], torch.zeros(plan.batch, *input.sizes))
    with_distinct_values(rest.network)
    skeleton = Skeleton.of(rest.exported(), weights, rest.sources)
    around = _rest_part(network, units, input, skeleton, exported)
    record = OwnSpace(
        provenance=Provenance.now(),
        model=model,
        input=str(input),
        rest=around,
        units=tuple(parts),
        absent=tuple(exported.absent),
    )
    graphs = _graphs(record.space, exported.graphs, skeleton, _networks(record, plan))
    return OwnKit(record, kit_of_graphs(record.space, plan, weights, graphs))


class _Exported:
    """Graphs of candidates: those of one code and structure once."""

    def __init__(self, weights: WeightSpace, batch: int) -> None:
        self.graphs: dict[tuple[str, str], GraphParts] = {}
        self.absent: list[AbsentCandidate] = []
        self._weights, self._batch = weights, batch

    def parts(self, units: Sequence[Unit], modules: Modules, on_progress: OnProgress) -> list[OwnPart]:
        """Units with those of their candidates that can be exported."""
        items = [_Item(unit, code, module) for unit in units for code, module in modules[unit.path].items()]
        names = [(item.code, structure_of(item.module, item.unit.input)) for item in items]
        firsts = list(dict[tuple[str, str], _Item](zip(names, items, strict=True)).items())
        exported = dict[tuple[str, str], OwnCandidate | str]()
        for start in range(0, len(firsts), _AT_ONCE):
            exported |= self._tried(dict(firsts[start : start + _AT_ONCE]))
            on_progress(Progress("exporting candidates", min(start + _AT_ONCE, len(firsts)), len(firsts)))
        candidates: dict[str, list[OwnCandidate]] = {unit.path: [] for unit in units}
        for item, name in zip(items, names, strict=True):
            match exported[name]:
                case OwnCandidate() as candidate:
                    candidates[item.unit.path].append(candidate)
                case reason:
                    self.absent.append(AbsentCandidate(path=item.unit.path, code=item.code, reason=reason))
        for unit in units:
            as_it_is = (unit.path, next(iter(modules[unit.path])))
            if reason := next((each.reason for each in self.absent if (each.path, each.code) == as_it_is), ""):
                raise UsageError(f"{unit.path} cannot be exported as it is: {reason}", f"keep it out: --freeze {unit.path}")
        return [
            OwnPart(path=unit.path, input=str(unit.input), output=str(unit.output), candidates=tuple(candidates[unit.path]))
            for unit in units
        ]

    def _tried(self, items: Mapping[tuple[str, str], _Item]) -> dict[tuple[str, str], OwnCandidate | str]:
        """Exported together or, where that fails, halved until it is clear which of them cannot be, and why."""
        try:
            return self._exported(items)
        except UsageError as error:
            names = list(items)
            if len(names) == 1:
                return {names[0]: error.message}
            halves = names[: len(names) // 2], names[len(names) // 2 :]
            first, second = (self._tried({name: items[name] for name in half}) for half in halves)
            return first | second

    def _exported(self, items: Mapping[tuple[str, str], _Item]) -> dict[tuple[str, str], OwnCandidate | str]:
        copies = [with_distinct_values(copy.deepcopy(item.module)).eval() for item in items.values()]
        model = export_side_by_side(copies, [(item.unit.input,) for item in items.values()], self._batch)
        candidates = dict[tuple[str, str], OwnCandidate | str]()
        for index, (name, item) in enumerate(items.items()):
            structure = GraphParts.of_output(model, index, WeightSpace()).structure
            graph = self.graphs.get((item.code, structure)) or GraphParts.of_output(model, index, self._weights)
            self.graphs[item.code, structure] = graph
            macs = macs_of(item.module, torch.zeros(1, *item.unit.input.sizes))
            candidates[name] = OwnCandidate(code=item.code, structure=structure, parameters=graph.parameters, macs=macs)
        return candidates


@dataclass(frozen=True)
class _Item:
    unit: Unit
    code: str
    module: nn.Module


@torch.no_grad()
def macs_of(module: nn.Module, x: torch.Tensor) -> int:
    """Multiply-accumulates of convolutions, linear maps and attention, as torch counts them."""
    with FlopCounterMode(display=False) as counter:
        module.eval()(x)
    return int(counter.get_total_flops()) // 2


def _rest_part(
    network: UnitNetwork, units: Sequence[Unit], input: FeatureMap, skeleton: Skeleton, exported: _Exported
) -> OwnPart:
    inside = sum(macs_of(network.module(unit.path), torch.zeros(1, *unit.input.sizes)) for unit in units)
    macs = max(0, macs_of(network.network, torch.zeros(1, *input.sizes)) - inside)
    rest = OwnCandidate(code="rest", structure=skeleton.structure, parameters=skeleton.parameters, macs=macs)
    return OwnPart(path="", input=str(input), output=str(units[0].input), candidates=(rest,))


def _networks(record: OwnSpace, plan: KitPlan) -> tuple[tuple[Role, tuple[Architecture, ...]], ...]:
    """Whole networks to fit on and to judge on; the original is one of the first, since budgets speak of what it takes."""
    original = record.architecture({unit.path: unit.candidates[0].code for unit in record.units})
    (role, fitted), (others, unseen) = choose_networks(
        record.space, plan.seed, plan.calibration_networks, plan.validation_networks
    )
    fitted = (*(each for each in fitted if each != original), original)
    return (role, fitted), (others, tuple(each for each in unseen if each != original))


def _graphs(
    space: HeadedSpace,
    parts: Mapping[tuple[str, str], GraphParts],
    skeleton: Skeleton,
    chosen: Sequence[tuple[Role, tuple[Architecture, ...]]],
) -> list[tuple[Role, str, bytes]]:
    """Every graph of the kit, by role and key."""
    (rest,) = space.stem_layers
    by_key = {layer.key: parts[layer.operation.name, layer.operation.structure] for layer in space.rows() if layer != rest}  # type: ignore[attr-defined]
    middle = sorted((layer for layer in space.rows() if layer != rest), key=lambda layer: layer.macs)[len(by_key) // 2]
    graphs: list[tuple[Role, str, bytes]] = [
        ("empty", "empty", GraphParts.empty().as_model()),
        ("sentinel", middle.key, by_key[middle.key].as_model()),
        ("layer", rest.key, skeleton.alone()),
        *(("layer", key, part.as_model()) for key, part in by_key.items()),
    ]
    for role, architectures in chosen:
        for architecture in architectures:
            units = [by_key[layer.key] for layer in space.place(architecture)[1:]]
            graphs.append((role, str(architecture), skeleton.with_units(units)))
    return graphs
