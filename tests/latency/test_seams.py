"""What layers cost alone is taken off their rows where whole networks say so, and nowhere else."""

from __future__ import annotations

import random
from pathlib import Path

import numpy as np
import pytest

from dna_deploy.latency.calibrate import calibrate_sums, fit_sums
from dna_deploy.latency.difference import difference
from dna_deploy.latency.profile import profile_kit
from dna_deploy.latency.recheck import recheck
from dna_deploy.latency.seams import LEAST_NETWORKS, LEAST_SHARE, WholeNetworks, fit_seam, taken_off
from dna_deploy.latency.table import table_from_runs
from dna_deploy.records.latency_table import LatencyTable
from dna_deploy.records.probe_kit import Role
from dna_deploy.records.profile_run import ProbeSamples
from dna_deploy.records.samples import Samples
from dna_deploy.spaces.catalog import find_chain
from dna_deploy.spaces.heads import describe_head
from dna_deploy.spaces.scaling import of_size
from tests.latency.pretend import PLAN, TARGET, make_kit, offer_runtime
from tests.records.made import small_run

ROWS, SEAM_S = 50, 2e-6


class Processor:
    """Layers take 3 to 60 us between others and ``alone_s`` more alone; a network takes 8 us and 1.05 times its layers."""

    def __init__(self, alone_s: float, noise: float = 0.005, seed: int = 0) -> None:
        self._rng, self._noise = random.Random(seed), noise
        self._between = [self._rng.uniform(3e-6, 60e-6) for _ in range(ROWS)]
        self.rows_s = np.array([(cost + alone_s) * self._rng.gauss(1, noise) for cost in self._between])

    def networks(self, count: int, *lengths: int) -> WholeNetworks:
        layers = tuple(
            tuple(self._rng.randrange(ROWS) for _ in range(self._rng.choice(lengths or range(5, 12)))) for _ in range(count)
        )
        times = (8e-6 + 1.05 * sum(self._between[place] for place in some) for some in layers)
        return WholeNetworks(layers, self.rows_s, tuple(time * self._rng.gauss(1, self._noise) for time in times))


def off(seam_s: float, fitted: WholeNetworks, unseen: WholeNetworks) -> float:
    scale, offset_s = fit_sums(fitted.sums_s(seam_s), fitted.latencies_s)
    predicted = offset_s + scale * np.array(unseen.sums_s(seam_s))
    return float(np.abs(predicted / np.array(unseen.latencies_s) - 1).mean())


def test_what_layers_cost_alone_is_found_and_unseen_networks_gain() -> None:
    gains = []
    for seed in range(10):
        processor = Processor(SEAM_S, seed=seed)
        fitted, unseen = processor.networks(10), processor.networks(40)
        seam_s, left_out = fit_seam(fitted)
        assert len(left_out) == 10
        gains.append(off(seam_s, fitted, unseen) / off(0.0, fitted, unseen))
    assert np.median(gains) < 0.7
    processor = Processor(SEAM_S, noise=1e-4)
    assert fit_seam(processor.networks(10))[0] == pytest.approx(SEAM_S, rel=0.15)


def test_where_layers_cost_the_same_alone_nothing_is_lost() -> None:
    ratios = []
    for seed in range(20):
        processor = Processor(0.0, seed=seed)
        fitted, unseen = processor.networks(10), processor.networks(40)
        ratios.append(off(fit_seam(fitted)[0], fitted, unseen) / off(0.0, fitted, unseen))
    assert np.median(ratios) == 1
    assert np.mean(ratios) < 1.1


def test_networks_of_equally_many_layers_cannot_tell() -> None:
    assert fit_seam(Processor(SEAM_S, noise=1e-4).networks(10, 7))[0] == 0


def test_few_networks_cannot_tell_either() -> None:
    few = Processor(SEAM_S, noise=1e-4).networks(LEAST_NETWORKS - 1)
    assert fit_seam(few) == (0.0, (0.0,) * len(few))


def test_nothing_becomes_free() -> None:
    assert taken_off(np.array([1.0, 3.0, 10.0]), 2.0).tolist() == [LEAST_SHARE, 1.0, 8.0]


def test_a_network_that_is_left_out_has_no_say_in_what_is_taken_off() -> None:
    networks = Processor(SEAM_S).networks(10)
    seam_s, left_out = fit_seam(networks)
    without = [networks.sums_s(each) for each in left_out]
    fitted = calibrate_sums("p50", networks.sums_s(seam_s), networks.latencies_s, without)
    errors = []
    for out in range(10):
        others = networks.without(out)
        mine = others.sums_s(left_out[out])
        scale, offset_s = fit_sums(mine, others.latencies_s)
        errors.append((offset_s + scale * networks.sums_s(left_out[out])[out]) / networks.latencies_s[out] - 1)
    assert sorted(fitted.errors) == pytest.approx(sorted(errors))


@pytest.mark.slow
def test_layers_are_compared_as_they_were_timed_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A row that lacks what it costs alone is neither drift nor another machine."""
    offer_runtime(tmp_path, monkeypatch)
    kit = make_kit()
    table = table_from_runs([profile_kit(kit, TARGET, PLAN, tmp_path / "journal")])
    parts = [{"latency_s": 0.7 * row.latency_s, "seam_s": 0.3 * row.latency_s} for row in table.rows]
    rows = tuple(row.model_copy(update=part) for row, part in zip(table.rows, parts, strict=True))
    between = table.model_copy(update={"rows": rows})
    assert abs(difference(table, between).median_change) < 1e-6
    assert recheck(between, kit, plan=PLAN).holds
    assert between.seam_s == pytest.approx(0.3 * max(row.latency_s for row in table.rows))


def test_a_table_takes_off_what_its_own_networks_say() -> None:
    """The samples of a run say that each of its layers takes 2 us more alone."""
    space = find_chain("fashion").with_head()
    rng = random.Random(0)
    between = {layer.key: rng.uniform(3e-6, 60e-6) for layer in space.rows()}

    def probe(role: Role, key: str, seconds: float) -> ProbeSamples:
        return ProbeSamples(role=role, key=key, samples=Samples(visits_ns=((round(seconds * 1e9),) * 2,) * 8))

    networks = [of_size(space, share, lambda: rng.uniform(-0.1, 0.1)) for share in np.linspace(0, 1, 10).tolist()]
    probes = (
        probe("empty", "empty", 3e-6),
        probe("sentinel", "sentinel", 3e-6),
        *(probe("layer", key, cost + SEAM_S + 3e-6) for key, cost in between.items()),
        *(probe("calibration", str(each), 8e-6 + sum(between[layer.key] for layer in space.place(each))) for each in networks),
    )
    named = {"space": space.name, "space_digest": space.digest, "head": describe_head(space.head)}
    run = small_run().model_copy(update={**named, "probes": probes, "absent": ()})
    table = table_from_runs([run], space)
    assert table.seam_s == pytest.approx(SEAM_S, rel=0.2)
    for row in table.rows:
        assert row.alone_s == pytest.approx(between[row.layer] + SEAM_S, rel=1e-3)
    unseen = space.sample(rng)
    truth = 8e-6 + sum(between[layer.key] for layer in space.place(unseen))
    assert table.predict(space, unseen).seconds == pytest.approx(truth, rel=0.02)
    assert LatencyTable.model_validate_json(table.model_dump_json()).rows == table.rows
