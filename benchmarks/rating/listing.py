"""Makes a list: all drawn networks are measured interleaved, and those whose median is within 5 % of their band's are kept.

Nothing else chooses. A list is committed before a rating is looked at and never changes afterwards.
"""

from __future__ import annotations

import tempfile
import time
from pathlib import Path

import numpy as np

from benchmarks.latency.fidelity import parts_of
from benchmarks.rating.drawing import PLANS, WIDTH, draw_bands, draw_far_apart
from benchmarks.rating.truth import TRUTHS, ListedNetwork, NetworkList
from dna_deploy.data.config import DataConfig
from dna_deploy.data.splits import load_data
from dna_deploy.export.formats.graph_parts import GraphParts
from dna_deploy.export.kits.kit_cache import cached_kit
from dna_deploy.latency.isolation import IsolatedBench
from dna_deploy.latency.sampling import sample
from dna_deploy.records.files import Provenance
from dna_deploy.records.latency_table import LatencyTable
from dna_deploy.records.samples import Samples
from dna_deploy.spaces.architecture import Architecture
from dna_deploy.spaces.catalog import find_chain
from dna_deploy.spaces.chain import ChainSpace
from dna_deploy.targets.fingerprint import Fingerprint
from dna_deploy.targets.plan import SamplingPlan
from dna_deploy.targets.target_file import default_target

SPACE, TABLE = "fashion", Path(__file__).parents[2] / "latency_tables" / "fashion.cpu-1thread.json"
DATA = DataConfig(dataset="distorted-fashion-mnist", train_images=4000, rating_images=1000, validation_images=500)
SEEDS = (0, 1)


def write_list(name: str) -> None:
    """Draws, measures and freezes."""
    truth, plan = TRUTHS[name], PLANS[name]
    if truth.list_path.exists():
        raise SystemExit(f"{truth.list_path} is frozen")
    space = find_chain(SPACE).with_head()
    table = LatencyTable.read(TABLE)
    table.check_space(space)
    older = list(TRUTHS)[: list(TRUTHS).index(name)]
    known = {architecture for of in older for architecture in TRUTHS[of].listed.architectures}
    drawn = draw_far_apart(space, table, plan, known) if older else draw_bands(space, table, plan)
    samples, fingerprint = measure(space, [one for band in drawn for way in band for one in way], plan.sampling)
    networks = []
    for number, band in enumerate(drawn):
        medians = {one: samples[one].statistic("p50") for way in band for one in way}
        middle = float(np.median(list(medians.values())))
        ways = [[one for one in way if abs(medians[one] / middle - 1) <= WIDTH][: plan.kept] for way in band]
        inside = list(dict.fromkeys(one for way in ways for one in way))
        print(f"band {number}: {middle * 1e6:.1f} us, {len(inside)} of {len(medians)} networks kept")
        networks += [
            ListedNetwork(
                architecture=str(architecture),
                band=number,
                predicted_s=table.predict(space, architecture).seconds,
                measured_s=medians[architecture],
                split_half=samples[architecture].split_half("p50"),
            )
            for architecture in inside
        ]
    NetworkList(
        provenance=Provenance.now(),
        space=space.name,
        space_digest=space.digest,
        data=DATA.model_dump(mode="json"),
        data_digest=load_data(DATA, space.input).digest,
        recipe=plan.recipe.model_dump(mode="json"),
        seeds=SEEDS,
        fingerprint=fingerprint,
        rounds=plan.sampling.rounds,
        networks=tuple(networks),
    ).write(truth.list_path)


def measure(
    space: ChainSpace, architectures: list[Architecture], plan: SamplingPlan
) -> tuple[dict[Architecture, Samples], Fingerprint]:
    """Timed runs of networks made of the very layers that profiling measures, all of them interleaved."""
    kit = cached_kit(space)
    parts = {probe.key: parts_of(kit.graphs[probe.file]) for probe in kit.probes("layer")}
    visits: dict[str, list[tuple[int, ...]]] = {}
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        kit.unpack(folder)
        files = dict[str, Path]()
        for architecture in architectures:
            chain = GraphParts.joined([parts[layer.key] for layer in space.place(architecture)], space.wires(architecture))
            files[str(architecture)] = folder / f"network-{len(files)}.onnx"
            files[str(architecture)].write_bytes(chain.as_model())
        with IsolatedBench(default_target(), plan, files) as bench:
            for visit in sample(bench, tuple(files), plan, time.monotonic):
                if visit.failure:
                    raise SystemExit(f"{visit.name}: {visit.failure}")
                visits.setdefault(visit.name, []).append(visit.samples_ns)
            fingerprint = bench.fingerprint
    return {space.parse(name): Samples(visits_ns=tuple(seen)) for name, seen in visits.items()}, fingerprint
