"""A table is a pure function of its runs, finds the truth that the runs hold, and refuses runs that do not belong together."""

from __future__ import annotations

import random
from pathlib import Path

import numpy as np
import pytest

from dna_deploy.errors import TableError, UnstableMeasurementError, UsageError
from dna_deploy.latency.calibrate import calibrate_sums, fit_sums
from dna_deploy.latency.difference import difference
from dna_deploy.latency.fidelity import Fidelity, validate
from dna_deploy.latency.oddities import cliffs, dominated
from dna_deploy.latency.profile import profile_kit
from dna_deploy.latency.table import table_from_runs
from dna_deploy.latency.workshop import Folders, profile_space
from dna_deploy.records.latency_table import LatencyTable
from dna_deploy.records.profile_run import ProfileRun
from dna_deploy.records.samples import Samples, plan_for
from dna_deploy.spaces.catalog import find_chain
from dna_deploy.targets.plan import SamplingPlan
from dna_deploy.targets.target_file import TargetFile
from tests.latency.pretend import PLAN, TARGET, layer_nanoseconds, make_kit, offer_runtime

FASHION = find_chain("fashion").with_head()


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> ProfileRun:
    with pytest.MonkeyPatch.context() as patch:
        folder = tmp_path_factory.mktemp("runtime")
        offer_runtime(folder, patch)
        return profile_kit(make_kit(), TARGET, PLAN, folder / "journal", validation_networks=6)


def test_rows_and_calibration_find_what_the_pretended_machine_does(run: ProfileRun) -> None:
    table = table_from_runs([run])
    for row in table.rows:
        expected = (layer_nanoseconds(row.placed.macs) - 1_000) * 1e-9
        assert row.alone_s == pytest.approx(expected, rel=0.02)
        assert row.latency_s == pytest.approx(expected, rel=0.1, abs=2e-7)
    assert table.calibration("p50").scale == pytest.approx(1.1, rel=0.02)
    assert table.calibration("p50").networks == 6
    assert table.calibration("p50").relative_error < 0.01
    judged = validate(table, run, FASHION)
    assert judged.calibrated.mean_absolute_error < 0.01
    assert judged.raw.bias == pytest.approx(-0.1, abs=0.03)
    assert judged.measured_twice.within_5_percent == 1.0


def test_the_same_runs_make_the_same_bytes(run: ProfileRun, tmp_path: Path) -> None:
    run.write(tmp_path / "run.json")
    assert table_from_runs([ProfileRun.read(tmp_path / "run.json")]).content() == table_from_runs([run]).content()


def test_runs_of_one_machine_merge_and_those_of_two_never_do(run: ProfileRun) -> None:
    assert {row.samples for row in table_from_runs([run, run]).rows} == {2 * PLAN.rounds * PLAN.runs}
    other_version = run.fingerprint.model_copy(update={"runtime_version": "pretend 2"})
    for stranger, what in (
        (run.model_copy(update={"fingerprint": other_version}), "runtime_version: 'pretend 1', not 'pretend 2'"),
        (run.model_copy(update={"target": TARGET.model_copy(update={"threads": 2})}), "target"),
        (run.model_copy(update={"provenance": run.provenance.model_copy(update={"host": "elsewhere"})}), "host"),
    ):
        with pytest.raises(TableError, match="do not belong together") as refused:
            table_from_runs([run, stranger])
        assert what in refused.value.message


def test_a_quantile_is_claimed_only_from_enough_samples(run: ProfileRun) -> None:
    # 26 rounds of 3 runs are 78 samples: enough for p90 (64), too few for p99 (662).
    table = table_from_runs([run])
    assert [of.quantile for of in table.calibrations] == ["p50", "p90"]
    with pytest.raises(TableError, match="cannot speak of p99"):
        table.calibration("p99")
    few = Samples(visits_ns=((1000,) * 3,) * 21)
    with pytest.raises(UnstableMeasurementError, match="63 samples say nothing about p90"):
        few.quantile("p90")
    assert Samples(visits_ns=((1000,),) * 64).p90.seconds == pytest.approx(1e-6)
    with pytest.raises(UnstableMeasurementError, match="661 samples say nothing about p99"):
        Samples(visits_ns=((1000,),) * 661).quantile("p99")


def test_a_plan_for_a_quantile_measures_often_enough_to_claim_it() -> None:
    plan = SamplingPlan(rounds=10, runs=3)
    assert plan_for("p99", plan).rounds * 3 >= 662
    assert plan_for("p50", plan) == plan


def test_calibration_is_relative_least_squares_and_its_error_is_leave_one_out() -> None:
    rng = random.Random(0)
    sums = [rng.uniform(1e-3, 1e-2) for _ in range(8)]
    truth = [2e-4 + 1.3 * total for total in sums]
    assert fit_sums(sums, truth) == pytest.approx((1.3, 2e-4))
    assert calibrate_sums("p50", sums, truth).relative_error == pytest.approx(0.0, abs=1e-9)
    noisy = [latency * rng.uniform(0.95, 1.05) for latency in truth]
    # numpy's own weighted fit, weights 1/y, network by network left out
    errors = []
    for out in range(8):
        keep = [index for index in range(8) if index != out]
        y = np.array(noisy)[keep]
        slope, offset = np.polyfit(np.array(sums)[keep], y, 1, w=1 / y)
        errors.append((offset + slope * sums[out]) / noisy[out] - 1)
    assert calibrate_sums("p50", sums, noisy).relative_error == pytest.approx(float(np.sqrt(np.mean(np.square(errors)))))


def test_networks_that_hardly_differ_do_not_turn_the_table_upside_down() -> None:
    assert fit_sums([1.0, 1.0001, 1.0002], [2.0, 1.9, 1.8])[0] == 1.0


def test_fidelity_says_bias_shares_and_the_worst_with_its_sign() -> None:
    found = Fidelity.of([1.04, 0.92 * 1.1, 0.9, 2.0], [1.0, 1.1, 0.9, 2.5])
    assert found.mean_absolute_error == pytest.approx((0.04 + 0.08 + 0 + 0.2) / 4)
    assert (found.within_5_percent, found.within_10_percent, found.worst_error) == (0.5, 0.75, pytest.approx(-0.2))
    assert found.kendall_tau == pytest.approx(2 / 3)


def test_cliffs_and_dominated_candidates_are_pointed_out(run: ProfileRun) -> None:
    table = table_from_runs([run])
    assert (cliffs(table), dominated(table)) == ((), ())
    narrow = "mbconv(kernel_size=7,expansion=6,se_ratio=0.0,activation=silu) 24x14x14->32/2"
    wide = narrow.replace("->32", "->40")
    small = "pointwise(activation=silu) 40x7x7->40/1"
    rows = tuple(
        row.model_copy(update={"latency_s": row.latency_s * 1.6}) if row.layer == narrow
        else row.model_copy(update={"latency_s": 1e-3}) if row.layer == small
        else row
        for row in table.rows
    )  # fmt: skip
    odd = table.model_copy(update={"rows": rows})
    assert (narrow, wide) in {(of.dear.layer, of.cheap.layer) for of in cliffs(odd)}
    assert {of.dear.layer for of in dominated(odd)} >= {small}


def test_what_changed_between_two_tables_is_said_by_row_and_by_operation(run: ProfileRun) -> None:
    before = table_from_runs([run])
    rows = tuple(
        row.model_copy(update={"latency_s": row.latency_s + (0.2 * row.alone_s if "kernel_size=5" in row.layer else 0.0)})
        for row in before.rows[:-1]
    )
    machine = before.fingerprint.model_copy(update={"runtime_version": "pretend 2"})
    found = difference(before, before.model_copy(update={"rows": rows, "fingerprint": machine}))
    assert found.by_operation["mbconv k5e3"] == pytest.approx(0.2)
    assert found.by_operation["mbconv k7e6"] == 0.0
    assert found.only_before == (before.rows[-1].layer,)
    assert found.machine == ("runtime_version: 'pretend 1', not 'pretend 2'",)
    assert all("kernel_size=5" in row.layer for row in found.rows[:5])


@pytest.mark.slow
def test_a_noisy_run_is_kept_but_makes_no_table_unless_that_is_accepted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    offer_runtime(tmp_path, monkeypatch)
    file = TargetFile(TARGET, PLAN.model_copy(update={"rounds": 3}))
    folders = Folders(tmp_path / "profiles", tmp_path / "tables")
    with pytest.raises(UnstableMeasurementError, match="grade D: every model was visited only 3 times") as refused:
        profile_space(make_kit(), FASHION, file, folders)
    assert "--accept-noise" in refused.value.hint
    assert not folders.tables.exists()
    assert len(list(folders.runs_of("pretended").glob("*.json"))) == 1
    done = profile_space(make_kit(), FASHION, file, folders, accept_noise=True)
    assert LatencyTable.read(done.table_path).grade == "D"


def test_a_kit_for_another_batch_space_or_precision_is_refused(tmp_path: Path) -> None:
    folders = Folders(tmp_path / "profiles", tmp_path / "tables")
    for changes, what in (({"batch": 8}, "batch 1"), ({"precision": "fp16"}, "precision fp32")):
        file = TargetFile(TARGET.model_copy(update=changes), PLAN)
        with pytest.raises(TableError, match=what):
            profile_space(make_kit(), FASHION, file, folders)
    with pytest.raises(TableError, match="not 'mbconv'"):
        profile_space(make_kit(), find_chain("mbconv").with_head(), TargetFile(TARGET, PLAN), folders)


def test_a_tail_is_not_told_of_moments_that_were_chosen() -> None:
    plan = SamplingPlan(rounds=400, steady=True)
    assert plan_for("p50", plan) == plan
    for tail in ("p90", "p99"):
        with pytest.raises(UsageError, match=f"{tail} speaks of every moment") as caught:
            plan_for(tail, plan)
        assert "--steady" in caught.value.hint
        assert plan_for(tail, plan.model_copy(update={"steady": False})).rounds >= 331 or tail == "p90"
