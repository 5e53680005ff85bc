"""How far the latency that NSE plans with, a sum over branches, is from that of whole networks of several branches, measured.

    python -m benchmarks.rating.one_shots.branches catalogue                  (about three minutes on one core)

A table is made of layers of one branch and whole networks of those. In the same rounds networks are timed some of whose layers
have two or three branches, as networks of `dna-deploy grow --method nse` have; the table is fitted on none of them.
"""

from __future__ import annotations

import argparse
import random
import tempfile
from pathlib import Path

import numpy as np
from tabulate import tabulate

from dna_deploy.export.kits.kit import KitPlan, kit_of_layers, networks_to_fit_on
from dna_deploy.latency.fidelity import Fidelity
from dna_deploy.latency.profile import profile_kit
from dna_deploy.latency.table import table_from_runs
from dna_deploy.records.latency_table import LatencyTable
from dna_deploy.spaces.architecture import Architecture
from dna_deploy.spaces.catalog import find_chain
from dna_deploy.spaces.chain import HeadedSpace
from dna_deploy.spaces.options import layers_of, with_branches
from dna_deploy.targets.plan import SamplingPlan
from dna_deploy.targets.target_file import default_target

SETS, MOST, CLASSES = 6, 3, 10


def branched(space: HeadedSpace, rng: random.Random) -> HeadedSpace:
    """Every layer as it is in the space, or one of a few sets of two or three of its operations."""
    subsets = []
    for layer in layers_of(space):
        codes = [option.operation.code for option in layer]
        several = [code for code in codes if code != "skip"]
        sets = [tuple(sorted(rng.sample(several, rng.randint(2, min(MOST, len(several)))))) for _ in range(SETS)]
        subsets.append([*((code,) for code in codes), *dict.fromkeys(sets)])
    return with_branches(space, subsets)


def drawn(space: HeadedSpace, count: int, rng: random.Random, *, has_branches: bool) -> tuple[Architecture, ...]:
    """So many networks, of one branch a layer or with layers of several."""
    networks = dict[Architecture, None]()
    while len(networks) < count:
        network = space.sample(rng)
        if branches_of(space, network) > 0 if has_branches else branches_of(space, network) == 0:
            networks.setdefault(network)
    return tuple(networks)


def branches_of(space: HeadedSpace, network: Architecture) -> int:
    """Layers of several branches."""
    return sum(hasattr(layer.operation, "operations") for layer in space.place(network))


def summed(table: LatencyTable, space: HeadedSpace, network: Architecture) -> float:
    """As NSE predicts it: branches run one after another."""
    total = 0.0
    for layer in space.place(network):
        parts = getattr(layer.operation, "operations", (layer.operation,))
        total += sum(table.row(type(layer)(part, layer.input, layer.out_channels, layer.stride).key) for part in parts)
    calibration = table.calibration("p50")
    return calibration.offset_s + calibration.scale * total


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("space")
    parser.add_argument("--networks", type=int, default=40)
    parser.add_argument("--rounds", type=int, default=100)
    parser.add_argument("--seed", type=int, default=0)
    asked = parser.parse_args()
    bare, rng = find_chain(asked.space), random.Random(asked.seed)
    space = branched(bare.with_head(bare.head_for(CLASSES)), rng)
    plain = with_branches(space, [[(code,) for code in codes] for codes in plain_codes(space)])
    fitted = drawn(plain, networks_to_fit_on(space), rng, has_branches=False)
    judged = drawn(space, asked.networks, rng, has_branches=True)
    layers = dict.fromkeys(layer for network in (*fitted, *judged) for layer in space.place(network))
    layers |= dict.fromkeys(plain.rows())
    kit = kit_of_layers(space, tuple(layers), KitPlan(), (("calibration", fitted), ("validation", judged)))
    with tempfile.TemporaryDirectory() as folder:
        plan = SamplingPlan(rounds=asked.rounds)
        run = profile_kit(kit, default_target(), plan, Path(folder) / "journal", validation_networks=len(judged))
    table, timed = table_from_runs([run], space), {probe.key: probe.samples for probe in run.of("validation")}
    measured = [timed[str(network)].statistic("p50") for network in judged]
    sums = [summed(table, space, network) for network in judged]
    halves = np.array([[half.statistic("p50") for half in timed[str(network)].halves()] for network in judged])
    found = {
        "a sum over branches": Fidelity.of(sums, measured),
        "layers of branches, measured": Fidelity.of([table.predict(space, network).seconds for network in judged], measured),
        "measured twice": Fidelity.of(halves[:, 0].tolist(), halves[:, 1].tolist()),
    }
    rows = [
        (
            name,
            f"{each.mean_absolute_error:.1%}",
            f"{each.bias:+.1%}",
            f"{each.within_10_percent:.0%}",
            f"{each.worst_error:+.1%}",
        )
        for name, each in found.items()
    ]
    several = sum(branches_of(space, network) for network in judged) / len(judged)
    print(f"{asked.space}, {len(judged)} networks with {several:.1f} layers of several branches, seed {asked.seed}, "
          f"{min(measured) * 1e3:.3g} to {max(measured) * 1e3:.3g} ms; table of grade {table.grade}\n")  # fmt: skip
    print(tabulate(rows, ("latency", "mean error", "bias", "within 10 %", "worst"), tablefmt="github"))


def plain_codes(space: HeadedSpace) -> list[list[str]]:
    """Codes of single operations, a list a layer."""
    operations = [[option.operation for option in layer] for layer in layers_of(space)]
    return [[each.code for each in layer if not hasattr(each, "operations")] for layer in operations]


if __name__ == "__main__":
    main()
