"""Rows that were timed alone are corrected by whole networks, as far as those can tell, and nowhere else."""

from __future__ import annotations

import random
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from dna_deploy.latency.between import (
    COMMON_DEVIATION,
    LEAST_SHARE,
    MOST_SHARE,
    NETWORK_DEVIATION,
    ROW_DEVIATION,
    WholeNetworks,
    rows_between,
)
from dna_deploy.latency.calibrate import calibrate_sums, fit_sums
from dna_deploy.latency.difference import difference
from dna_deploy.latency.profile import profile_kit
from dna_deploy.latency.recheck import recheck
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
    """Networks take 8 us and 1.05 times layers of 3 to 60 us, which alone take ``alone_s`` more and are off by a share."""

    def __init__(self, alone_s: float, *, share: float = 0.0, noise: float = 0.005, seed: int = 0) -> None:
        self._rng, self._noise = random.Random(seed), noise
        self.between_s = np.array([self._rng.uniform(3e-6, 60e-6) for _ in range(ROWS)])
        off_s = [cost * self._rng.gauss(0, share) for cost in self.between_s]
        self.rows_s = (self.between_s + alone_s + off_s) * [self._rng.gauss(1, noise) for _ in range(ROWS)]

    def networks(self, count: int, *lengths: int) -> WholeNetworks:
        layers = tuple(
            tuple(self._rng.randrange(ROWS) for _ in range(self._rng.choice(lengths or range(5, 12)))) for _ in range(count)
        )
        times = (8e-6 + 1.05 * float(self.between_s[list(some)].sum()) for some in layers)
        return WholeNetworks(layers, self.rows_s, tuple(time * self._rng.gauss(1, self._noise) for time in times))


def off(rows_s: NDArray[np.float64], fitted: WholeNetworks, unseen: WholeNetworks) -> float:
    scale, offset_s = fit_sums(fitted.sums_s(rows_s), fitted.latencies_s)
    predicted = offset_s + scale * np.array(unseen.sums_s(rows_s))
    return float(np.abs(predicted / np.array(unseen.latencies_s) - 1).mean())


def gain(processor: Processor, count: int) -> float:
    """How far off unseen networks are with corrected rows, over how far they are without."""
    fitted, unseen = processor.networks(count), processor.networks(60)
    return off(rows_between(fitted), fitted, unseen) / off(fitted.rows_s, fitted, unseen)


def test_what_all_layers_cost_alone_is_found_and_unseen_networks_gain() -> None:
    assert np.median([gain(Processor(SEAM_S, seed=seed), 10) for seed in range(10)]) < 0.8
    processor = Processor(SEAM_S, noise=1e-4)
    taken_off = processor.rows_s - rows_between(processor.networks(40))
    assert np.median(taken_off) == pytest.approx(SEAM_S, rel=0.15)


def test_what_single_layers_cost_between_others_is_found_and_the_more_networks_the_better() -> None:
    gains = {
        count: np.median([gain(Processor(SEAM_S, share=0.1, seed=seed), count) for seed in range(10)]) for count in (10, 40)
    }
    assert gains[40] < 0.55
    assert gains[40] < gains[10] < 1


def test_where_layers_cost_the_same_alone_little_is_lost() -> None:
    losses = []
    for seed in range(20):
        processor = Processor(0.0, seed=seed)
        fitted, unseen = processor.networks(10), processor.networks(60)
        losses.append(off(rows_between(fitted), fitted, unseen) - off(fitted.rows_s, fitted, unseen))
    assert np.mean(losses) < 0.002


def test_rows_that_networks_confirm_stay_as_they_are() -> None:
    processor = Processor(0.0, noise=0.0)
    assert rows_between(processor.networks(30)) == pytest.approx(processor.rows_s, rel=1e-4)


def test_the_posterior_is_that_of_penalised_least_squares() -> None:
    """The same mean by another way: an equation a network, and one for everything that is believed before."""
    processor = Processor(SEAM_S, share=0.05)
    networks = processor.networks(25)
    rows_s, latencies = networks.rows_s, np.array(networks.latencies_s)
    counts = np.array([[places.count(row) for row in range(ROWS)] for places in networks.layers])
    columns = [np.full(25, latencies.mean()), counts @ rows_s, counts.sum(axis=1) * rows_s.mean()]
    design = np.column_stack([*columns, counts * rows_s]) / latencies[:, None] / NETWORK_DEVIATION
    believed = np.array([0.0, 1.0, 0.0, *np.zeros(ROWS)])
    deviations = np.array([10.0, 10.0, COMMON_DEVIATION, *np.full(ROWS, ROW_DEVIATION)])
    matrix, values = (
        np.vstack([design, np.diag(1 / deviations)]),
        np.concatenate([np.full(25, 1 / NETWORK_DEVIATION), believed / deviations]),
    )
    (_, scale, common, *own), *_ = np.linalg.lstsq(matrix, values, rcond=None)
    expected = rows_s + (common * rows_s.mean() + np.array(own) * rows_s) / scale
    inside = (expected > LEAST_SHARE * rows_s) & (expected < MOST_SHARE * rows_s)
    assert inside.sum() > 0.8 * ROWS
    assert rows_between(networks)[inside] == pytest.approx(expected[inside], rel=1e-5)


def test_networks_that_say_nothing_change_no_row() -> None:
    processor = Processor(SEAM_S)
    (layers,) = processor.networks(1).layers
    backwards = WholeNetworks(((0,), (0, 1)), processor.rows_s, (2e-3, 1e-6))  # the larger one takes less
    assert rows_between(backwards) == pytest.approx(processor.rows_s)
    same = WholeNetworks((layers,) * 5, processor.rows_s, (1e-4,) * 5)
    sums = np.array(same.sums_s(rows_between(same)))
    scale, offset_s = fit_sums(sums.tolist(), same.latencies_s)
    assert offset_s + scale * sums == pytest.approx(1e-4)


def test_nothing_becomes_free_and_nothing_is_told_by_networks_alone() -> None:
    processor = Processor(100e-6, share=0.3)
    ratios = rows_between(processor.networks(40)) / processor.rows_s
    assert ratios.min() == pytest.approx(LEAST_SHARE)
    assert ratios.max() <= MOST_SHARE


def test_a_network_that_is_left_out_has_no_say_in_its_rows() -> None:
    networks = Processor(SEAM_S, share=0.05).networks(10)
    left_out = [rows_between(networks.without(network)) for network in range(10)]
    without = [networks.sums_s(rows) for rows in left_out]
    fitted = calibrate_sums("p50", networks.sums_s(rows_between(networks)), networks.latencies_s, without)
    errors = []
    for out, rows in enumerate(left_out):
        others = networks.without(out)
        scale, offset_s = fit_sums(others.sums_s(rows), others.latencies_s)
        errors.append((offset_s + scale * networks.sums_s(rows)[out]) / networks.latencies_s[out] - 1)
    assert sorted(fitted.errors) == pytest.approx(sorted(errors))
    assert fitted.relative_error == pytest.approx(np.sqrt(np.mean(np.square(errors))))


@pytest.mark.slow
def test_layers_are_compared_as_they_were_timed_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A row that lacks what it costs alone is neither drift nor another machine."""
    offer_runtime(tmp_path, monkeypatch)
    kit = make_kit()
    table = table_from_runs([profile_kit(kit, TARGET, PLAN, tmp_path / "journal")])
    parts = [{"latency_s": 0.7 * row.alone_s, "seam_s": 0.3 * row.alone_s} for row in table.rows]
    rows = tuple(row.model_copy(update=part) for row, part in zip(table.rows, parts, strict=True))
    between = table.model_copy(update={"rows": rows})
    assert abs(difference(table, between).median_change) < 1e-6
    assert recheck(between, kit, plan=PLAN).holds
    assert between.seam_s == pytest.approx(0.3 * np.median([row.alone_s for row in table.rows]))


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
