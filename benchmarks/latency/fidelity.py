"""How well each way to build a latency table predicts whole networks: ours and the recipes that others use, in one run.

    python -m benchmarks.latency.fidelity mbconv            (about 8 minutes on one core)
    python -m benchmarks.latency.fidelity fashion --seed 7

Everything is timed by the same runner in the same rounds, interleaved at random: layers, single operators, layers repeated
five times, and whole networks. The judged networks are drawn by ``--seed`` and used for nothing else. Recipes:

* sum of single operators, mean of all runs: FBNet-type operator tables, aw_nas, nnabla-nas
* layers alone, mean of all runs: once-for-all and ProxylessNAS tables, archai
* layers alone, median
* repeat a layer five times and subtract: Puzzletron (it repeats ten times)
* interpolation over MACs between three whole networks: Model-Optimizer's hidden latency
* linear regression on the choices of N whole networks: HAT-type predictors (ridge, the best of four strengths)
* this tool: layers, low quantile, fixed overhead apart, corrected by whole networks: five, ten, forty (80 for small)
"""

from __future__ import annotations

import argparse
import random
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import onnx
from tabulate import tabulate

from dna_deploy.export.formats.graph_parts import GraphParts
from dna_deploy.export.kits.kit import KitPlan
from dna_deploy.export.kits.kit_cache import cached_kit
from dna_deploy.latency.between import WholeNetworks, rows_between
from dna_deploy.latency.calibrate import fit_sums
from dna_deploy.latency.fidelity import Fidelity
from dna_deploy.latency.isolation import IsolatedBench
from dna_deploy.latency.sampling import sample
from dna_deploy.records.probe_kit import ProbeKit
from dna_deploy.records.samples import Samples
from dna_deploy.spaces.architecture import Architecture
from dna_deploy.spaces.catalog import find_chain
from dna_deploy.spaces.chain import ChainSpace
from dna_deploy.spaces.placed import PlacedLayer, in_a_row
from dna_deploy.targets.plan import SamplingPlan
from dna_deploy.targets.target_file import default_target

CALIBRATION, JUDGED, REPEATS = 40, 40, 5
Predict = Callable[[Architecture], float]


@dataclass
class Models:
    """Every model that is timed, as ONNX files beside one file of weights."""

    folder: Path
    files: dict[str, Path]
    operators: dict[str, tuple[str, ...]]
    """The single operators of each layer, by file."""

    def add(self, name: str, content: bytes) -> str:
        path = self.folder / f"{name}.onnx"
        path.write_bytes(content)
        self.files[name] = path
        return name


def parts_of(content: bytes) -> GraphParts:
    """The graph of a kit's layer, to be joined with others."""
    graph = onnx.load_from_string(content).graph
    return GraphParts(tuple(graph.node), tuple(graph.initializer), tuple(graph.input), graph.output[0])


def single_operators(content: bytes) -> list[bytes]:
    """Each node of a graph as a model of its own; what it reads besides weights becomes an input."""
    model = onnx.shape_inference.infer_shapes(onnx.load_from_string(content))
    graph = model.graph
    shapes = {value.name: value for value in (*graph.input, *graph.output, *graph.value_info)}
    tensors = {tensor.name: tensor for tensor in graph.initializer}
    models = []
    for node in graph.node:
        inputs = [shapes[name] for name in dict.fromkeys(node.input) if name and name not in tensors]
        outputs = [shapes[name] for name in node.output]
        weights = [tensors[name] for name in node.input if name in tensors]
        alone = onnx.helper.make_graph([node], "operator", inputs, outputs, weights)
        made = onnx.helper.make_model(alone, opset_imports=list(model.opset_import), ir_version=model.ir_version)
        models.append(made.SerializeToString(deterministic=True))
    return models


def build(space: ChainSpace, kit: ProbeKit, folder: Path) -> Models:
    kit.unpack(folder)
    models = Models(folder, {probe.file: folder / probe.file for probe in kit.manifest.probes}, {})
    known: dict[bytes, str] = {}
    for probe in kit.probes("layer"):
        names = []
        for content in single_operators(kit.graphs[probe.file]):
            # Equal operators are timed once: weights differ in nothing but their place in the file.
            shape = onnx.load_from_string(content)
            for tensor in shape.graph.initializer:
                del tensor.external_data[:]
            names.append(known.setdefault(shape.SerializeToString(deterministic=True), f"operator-{len(known)}"))
            if names[-1] not in models.files:
                models.add(names[-1], content)
        models.operators[probe.key] = tuple(names)
        layer = PlacedLayer.parse(probe.key)
        if layer.output == layer.input:
            part = parts_of(kit.graphs[probe.file])
            models.add(f"repeated-{probe.file}", GraphParts.joined([part] * REPEATS, in_a_row([layer] * REPEATS)).as_model())
    return models


def measure(models: Models, plan: SamplingPlan) -> dict[str, Samples]:
    visits: dict[str, list[tuple[int, ...]]] = {name: [] for name in models.files}
    begin = time.monotonic()
    with IsolatedBench(default_target(), plan, models.files) as bench:
        for visit in sample(bench, tuple(models.files), plan, time.monotonic):
            if visit.failure:
                raise SystemExit(f"{visit.name}: {visit.failure}")
            visits[visit.name].append(visit.samples_ns)
    rounds = max(map(len, visits.values()))
    print(f"{len(visits)} models, {rounds} rounds, {time.monotonic() - begin:.0f} s")
    return {name: Samples(visits_ns=tuple(seen)) for name, seen in visits.items()}


class Evidence:
    """What was timed, by what it was."""

    def __init__(self, space: ChainSpace, kit: ProbeKit, models: Models, samples: dict[str, Samples]) -> None:
        self.space, self.models, self.samples = space, models, samples
        self.files = {probe.key: probe.file for probe in kit.probes("layer")}
        (empty,) = kit.probes("empty")
        self.empty = samples[empty.file]
        self.fitted = [(space.parse(probe.key), samples[probe.file]) for probe in kit.probes("calibration")]
        self.judged = [(space.parse(probe.key), samples[probe.file]) for probe in kit.probes("validation")]

    def layers(self, architecture: Architecture) -> list[str]:
        return [layer.key for layer in self.space.place(architecture)]


def median(samples: Samples) -> float:
    return samples.statistic("p50")


def mean(samples: Samples) -> float:
    return float(samples.seconds.mean())


def operator_sum(of: Evidence) -> Predict:
    row = {key: sum(mean(of.samples[name]) for name in names) for key, names in of.models.operators.items()}
    return lambda architecture: sum(row[layer] for layer in of.layers(architecture))


def layer_sum(of: Evidence, statistic: Callable[[Samples], float]) -> Predict:
    row = {key: statistic(of.samples[file]) for key, file in of.files.items()}
    return lambda architecture: sum(row[layer] for layer in of.layers(architecture))


def repeat_and_subtract(of: Evidence) -> Predict:
    row = {}
    for key, file in of.files.items():
        alone = median(of.samples[file])
        repeated = of.samples.get(f"repeated-{file}")
        row[key] = (median(repeated) - alone) / (REPEATS - 1) if repeated else alone - median(of.empty)
    return lambda architecture: median(of.empty) + sum(row[layer] for layer in of.layers(architecture))


def interpolation_over_macs(of: Evidence) -> Predict:
    def macs(architecture: Architecture) -> float:
        return float(sum(layer.macs for layer in of.space.place(architecture)))

    chosen = sorted((macs(of.fitted[place][0]), median(of.fitted[place][1])) for place in (0, len(of.fitted) // 2, -1))
    costs, seconds = zip(*chosen, strict=True)
    return lambda architecture: float(np.interp(macs(architecture), costs, seconds))


def regression(of: Evidence, networks: int) -> Predict:
    places = {key: number for number, key in enumerate(of.files)}
    train = random.Random(0).sample(of.fitted, networks)

    def counts(architectures: Sequence[Architecture]) -> np.ndarray:
        found = np.zeros((len(architectures), len(places) + 1))
        found[:, -1] = 1
        for number, architecture in enumerate(architectures):
            for layer in of.layers(architecture):
                found[number, places[layer]] += 1
        return found

    design, target = counts([architecture for architecture, _ in train]), np.array([median(seen) for _, seen in train])
    truth = np.array([median(seen) for _, seen in of.judged])
    judged = counts([architecture for architecture, _ in of.judged])
    best, weights = np.inf, np.zeros(design.shape[1])
    for strength in (1e-3, 1e-2, 1e-1, 1.0):
        centre = target.mean()
        found = np.linalg.solve(design.T @ design + strength * np.eye(design.shape[1]), design.T @ (target - centre))
        found[-1] += centre
        # The strength that suits the judged networks best: kinder than this recipe can be in earnest.
        error = float(np.abs(judged @ found / truth - 1).mean())
        if error < best:
            best, weights = error, found
    return lambda architecture: float(counts([architecture])[0] @ weights)


def ours(of: Evidence, networks: int) -> Predict:
    overhead = of.empty.statistic("p25")
    rows = np.array([max(of.samples[file].statistic("p25") - overhead, 1e-9) for file in of.files.values()])
    place_of = {key: place for place, key in enumerate(of.files)}
    step = (len(of.fitted) - 1) / max(1, networks - 1)
    chosen = [of.fitted[round(number * step)] for number in range(networks)]
    placed = tuple(tuple(place_of[layer] for layer in of.layers(architecture)) for architecture, _ in chosen)
    known = WholeNetworks(placed, rows, tuple(median(seen) for _, seen in chosen))
    between = rows_between(known)
    scale, offset = fit_sums(known.sums_s(between), known.latencies_s)
    return lambda architecture: offset + scale * sum(between[place_of[layer]] for layer in of.layers(architecture))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("space")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--rounds", type=int, default=64)
    parser.add_argument("--least", type=float, default=60.0, help="seconds; small models are timed more often")
    parser.add_argument("--budget", type=float, default=None, help="seconds")
    arguments = parser.parse_args()
    space = find_chain(arguments.space).with_head()
    kit = cached_kit(space, KitPlan(arguments.seed, CALIBRATION, JUDGED))
    plan = SamplingPlan(rounds=arguments.rounds, least_s=arguments.least, budget_s=arguments.budget)
    with tempfile.TemporaryDirectory() as folder:
        models = build(space, kit, Path(folder))
        of = Evidence(space, kit, models, measure(models, plan))
    recipes: dict[str, Predict] = {
        "sum of single operators, mean": operator_sum(of),
        "layers alone, mean": layer_sum(of, mean),
        "layers alone, median": layer_sum(of, median),
        f"layer repeated {REPEATS} times, difference": repeat_and_subtract(of),
        "interpolation over MACs, 3 networks": interpolation_over_macs(of),
        **{f"regression on {count} networks": regression(of, count) for count in (20, CALIBRATION)},
        **{f"ours, calibrated on {count} networks": ours(of, count) for count in (5, 10, CALIBRATION)},
    }
    truth = [median(seen) for _, seen in of.judged]
    found = {name: Fidelity.of([predict(network) for network, _ in of.judged], truth) for name, predict in recipes.items()}
    halves = [seen.halves() for _, seen in of.judged]
    found["measuring them twice"] = Fidelity.of(
        [median(first) for first, _ in halves], [median(second) for _, second in halves]
    )
    rows = [
        (name, f"{error.mean_absolute_error:.1%}", f"{error.bias:+.1%}", f"{error.within_5_percent:.0%}",
         f"{error.within_10_percent:.0%}", f"{error.kendall_tau:.2f}", f"{error.worst_error:+.1%}")
        for name, error in found.items()
    ]  # fmt: skip
    print(f"{space.name}, {JUDGED} networks of seed {arguments.seed}, {min(truth) * 1e3:.3g} to {max(truth) * 1e3:.3g} ms")
    print(
        tabulate(rows, ("recipe", "mean error", "bias", "within 5 %", "within 10 %", "Kendall tau", "worst"), tablefmt="github")
    )


if __name__ == "__main__":
    main()
