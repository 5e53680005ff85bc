"""Writes probe kits: every layer of a space and some whole networks as ONNX graphs without weights."""

from __future__ import annotations

import math
import random
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import torch
from torch import nn

from dna_deploy.export.formats.graph_parts import GraphParts, WeightSpace
from dna_deploy.export.formats.onnx_graph import export_side_by_side
from dna_deploy.export.formats.quantised_parts import alone, joined, quantise_side_by_side
from dna_deploy.nets.layers import build_layer
from dna_deploy.progress import OnProgress, Progress, silent
from dna_deploy.records.files import Provenance, digest_of
from dna_deploy.records.pace import PaceReference
from dna_deploy.records.probe_kit import KitManifest, KitProbe, ProbeKit, Role
from dna_deploy.spaces.architecture import Architecture
from dna_deploy.spaces.chain import ChainSpace
from dna_deploy.spaces.heads import head_of
from dna_deploy.spaces.placed import PlacedLayer
from dna_deploy.spaces.scaling import of_size
from dna_deploy.spaces.space import SearchSpace
from dna_deploy.targets.target import Precision

_WOBBLE = 0.4
"""How far choices of one network are from its size, as a share of all that there are."""

_POOL = 200
"""Networks at least that those to fit on are chosen from, drawn uniformly, and as many of all sizes."""

_DRAWS_EACH = 100
"""Draws for each network: some spaces cannot count themselves, or hardly ever draw some of their networks."""

_AT_ONCE = 32
"""Layers an export: enough to share its fixed cost of seconds, few enough to show progress."""

_SMALL_MACS = 30e6
"""Of a network in the middle. Below, what layers cost alone and not between others is much of it, and networks are quick."""

_FITTED_ON, _FITTED_ON_SMALL = 10, 80
"""Networks: of a space of large ones, and of small ones."""


@dataclass(frozen=True)
class KitPlan:
    """What a kit holds."""

    seed: int = 0
    """Draws the whole networks and the random weights."""
    calibration_networks: int | None = None
    """Whole networks that a table is fitted on; None: as many as the space needs."""
    validation_networks: int = 40
    """Whole networks that no table may see; drawn uniformly."""
    batch: int = 1
    precision: Precision = "fp32"
    """fp16: weights, activations, input and output; int8: what an exported int8 network computes in it."""


def make_kit(space: SearchSpace, plan: KitPlan | None = None, on_progress: OnProgress = silent) -> ProbeKit:
    """The kit of a space: every layer of ``space.rows()``, and whole networks. Progress comes after every group of layers."""
    plan = plan or KitPlan()
    chosen = choose_networks(space, plan.seed, plan.calibration_networks, plan.validation_networks)
    return kit_of_layers(space, space.rows(), plan, chosen, on_progress)


def kit_of_layers(
    space: SearchSpace,
    layers: Sequence[PlacedLayer],
    plan: KitPlan,
    chosen: Sequence[tuple[Role, tuple[Architecture, ...]]] = (),
    on_progress: OnProgress = silent,
) -> ProbeKit:
    """A kit of some layers, and of whole networks that are made of them."""
    weights = WeightSpace()
    parts = dict(zip(layers, _export_layers(layers, plan.batch, plan.precision, weights, on_progress), strict=True))
    middle = sorted(parts, key=lambda layer: layer.macs)[len(parts) // 2]
    graphs: list[tuple[Role, str, bytes]] = [
        ("empty", "empty", GraphParts.empty().as_model()),
        ("sentinel", middle.key, alone(parts[middle]).as_model()),
        *(("layer", layer.key, alone(part).as_model()) for layer, part in parts.items()),
    ]
    for role, architectures in chosen:
        for architecture in architectures:
            network = joined([parts[layer] for layer in space.place(architecture)], space.wires(architecture))
            graphs.append((role, str(architecture), network.as_model()))
    return kit_of_graphs(space, plan, weights, graphs)


def sentinel_kit(space: SearchSpace, reference: PaceReference, batch: int, precision: Precision) -> ProbeKit:
    """The sentinels of a table as models to run, as its own kit had them."""
    layers = [PlacedLayer.parse(sentinel.layer) for sentinel in reference.sentinels]
    return kit_of_layers(space, layers, KitPlan(batch=batch, precision=precision))


def networks_to_fit_on(space: SearchSpace) -> int:
    """How many whole networks a table of the space needs; of a small space half are left to judge it on."""
    rng = random.Random(0)
    costs = sorted(sum(layer.macs for layer in space.place(space.sample(rng))) for _ in range(9))
    if costs[len(costs) // 2] >= _SMALL_MACS:
        return _FITTED_ON
    return max(_FITTED_ON, min(_FITTED_ON_SMALL, (space.size() or 2 * _FITTED_ON_SMALL) // 2))


def choose_networks(
    space: SearchSpace, seed: int, calibration: int | None, validation: int
) -> tuple[tuple[Role, tuple[Architecture, ...]], ...]:
    """Different networks of the space: uniform ones to judge on, and ones from the smallest to the largest to fit on."""
    rng, calibration = random.Random(seed), networks_to_fit_on(space) if calibration is None else calibration
    pool_size = max(_POOL, 4 * calibration) if calibration else 0
    count, drawn = max(validation + pool_size, 1), dict[Architecture, None]()
    most = min(count, space.size() or count)
    for _ in range(_DRAWS_EACH * count):
        if len(drawn) == most:
            break
        drawn.setdefault(space.sample(rng))
    validation = min(validation, max(0, len(drawn) - calibration))  # of a small space, some have to be left to fit on
    unseen, pool = tuple(drawn)[:validation], tuple(drawn)[validation:]
    pool += tuple(one for one in _from_smallest_to_largest(space, rng, pool_size) if one not in unseen)
    fitted = _evenly_over_cost(space, tuple(dict.fromkeys(pool)), calibration)
    return (("calibration", fitted), ("validation", unseen))


def _from_smallest_to_largest(space: SearchSpace, rng: random.Random, count: int) -> tuple[Architecture, ...]:
    """Networks of all sizes: drawn uniformly, none would be near the smallest and the largest of a large space."""
    if not isinstance(space, ChainSpace) or not count:
        return ()
    between = (of_size(space, step / count, lambda: rng.uniform(-_WOBBLE, _WOBBLE)) for step in range(count + 1))
    return (of_size(space, 0.0), *between, of_size(space, 1.0))


def _evenly_over_cost(space: SearchSpace, networks: Sequence[Architecture], count: int) -> tuple[Architecture, ...]:
    """So many of them, the cheapest and the dearest included, by equal factors of cost."""
    costs = {network: math.log(sum(layer.macs for layer in space.place(network))) for network in networks}
    left, chosen = sorted(costs, key=costs.__getitem__), list[Architecture]()
    least, step = costs[left[0]] if left else 0.0, (costs[left[-1]] - costs[left[0]]) / max(1, count - 1) if left else 0.0
    for number in range(min(count, len(left))):
        chosen.append(min(left, key=lambda network: abs(costs[network] - least - number * step)))
        left.remove(chosen[-1])
    return tuple(sorted(chosen, key=costs.__getitem__))


def _export_layers(
    layers: Sequence[PlacedLayer], batch: int, precision: Precision, weights: WeightSpace, on_progress: OnProgress
) -> Iterable[GraphParts]:
    for start in range(0, len(layers), _AT_ONCE):
        group = layers[start : start + _AT_ONCE]
        modules = [with_distinct_values(build_layer(layer)) for layer in group]
        if precision == "fp16":
            modules = [module.half() for module in modules]
        model = export_side_by_side(modules, [layer.inputs for layer in group], batch, half=precision == "fp16")
        if precision == "int8":
            model = quantise_side_by_side(model)
        for index, layer in enumerate(group):
            yield GraphParts.of_output(model, index, weights, len(layer.inputs))
        on_progress(Progress("exporting layers", start + len(group), len(layers)))


def with_distinct_values(module: nn.Module) -> nn.Module:
    """Random parameters everywhere: the exporter merges equal tensors, and fresh batch norms are all equal."""
    with torch.no_grad():
        for values in (*module.parameters(), *module.buffers()):
            if values.is_floating_point():
                values.uniform_(0.5, 1.5)
    return module


def kit_of_graphs(
    space: SearchSpace, plan: KitPlan, weights: WeightSpace, graphs: Sequence[tuple[Role, str, bytes]]
) -> ProbeKit:
    """A kit of graphs, each with its role and its key."""
    counts: dict[str, int] = {}
    probes, files = [], {}
    for role, key, content in graphs:
        number = counts[role] = counts.get(role, -1) + 1
        name = f"{role}-{number:04}.onnx"
        files[name] = content
        probes.append(KitProbe(role=role, key=key, file=name, digest=digest_of(content)))
    manifest = KitManifest(
        provenance=Provenance.now(),
        space=space.name,
        space_digest=space.digest,
        head=head_of(space),
        seed=plan.seed,
        batch=plan.batch,
        precision=plan.precision,
        tensors=tuple(weights.tensors),
        probes=tuple(probes),
    )
    return ProbeKit(manifest, files)
