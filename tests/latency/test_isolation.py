"""A model that crashes, hangs, eats all memory or does not load costs itself and nothing else."""

from __future__ import annotations

from pathlib import Path

import pytest

from dna_deploy.errors import TableError, UnstableMeasurementError, UsageError
from dna_deploy.latency.isolation import IsolatedBench
from dna_deploy.latency.profile import estimate_profile, profile_kit
from dna_deploy.latency.sampling import ProbeError
from dna_deploy.latency.table import table_from_runs
from dna_deploy.latency.workshop import Folders, profile_space
from dna_deploy.records.probe_kit import ProbeKit
from dna_deploy.spaces.catalog import find_chain
from dna_deploy.targets.target_file import TargetFile
from tests.latency.pretend import PLAN, TARGET, make_kit, offer_runtime

FASHION = find_chain("fashion").with_head()

pytestmark = pytest.mark.slow


@pytest.fixture(autouse=True)
def _runtime(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    offer_runtime(tmp_path, monkeypatch)


def bench_of(tmp_path: Path, **models: str) -> IsolatedBench:
    paths = {}
    for name, text in models.items():
        paths[name] = tmp_path / name
        paths[name].write_text(text)
    return IsolatedBench(TARGET, PLAN.model_copy(update={"timeout_s": 1.0}), paths)


@pytest.mark.parametrize(
    ("mishap", "reason"),
    [
        ("crash", "crashed with SIGSEGV, twice"),
        ("abort", "crashed with SIGABRT, twice"),
        ("memory", "killed, as the system does when memory runs out, twice"),
        ("hang", "no answer within 1 s, twice"),
        ("broken", "RuntimeError: no such operator: Broken"),
    ],
)
def test_a_mishap_is_named_and_the_next_model_is_timed_all_the_same(tmp_path: Path, mishap: str, reason: str) -> None:
    with bench_of(tmp_path, bad=f"1000 {mishap}", good="1000") as bench:
        bench.visit("good")
        with pytest.raises(ProbeError, match=reason):
            bench.visit("bad")
        assert len(bench.visit("good")) == PLAN.runs


def test_a_worker_that_dies_once_is_forgiven(tmp_path: Path) -> None:
    with bench_of(tmp_path, once=f"1000 once {tmp_path / 'died'}") as bench:
        assert len(bench.visit("once")) == PLAN.runs
        assert (tmp_path / "died").exists()


def test_a_runtime_that_falls_back_ends_the_run(tmp_path: Path) -> None:
    with bench_of(tmp_path, model="1000 fallback") as bench, pytest.raises(UsageError, match="fell back to the CPU"):
        bench.visit("model")


def test_a_crashing_layer_is_absent_from_the_table_with_its_reason(tmp_path: Path) -> None:
    bad = FASHION.rows()[7].key
    run = profile_kit(make_kit(mishaps={bad: "crash"}), TARGET, PLAN, tmp_path / "journal")
    table = table_from_runs([run])
    assert [(row.layer, row.reason) for row in table.absent] == [(bad, "the runtime crashed with SIGSEGV, twice")]
    assert len(table.rows) == len(FASHION.rows()) - 1
    with pytest.raises(TableError, match=r"no latency for layer .*SIGSEGV"):
        table.row(bad)
    assert "absent-rows" in {doubt.name for doubt in table.doubts}
    table.check_space(FASHION)


def test_a_runtime_that_runs_no_layer_at_all_is_an_error(tmp_path: Path) -> None:
    every = {layer.key: "broken" for layer in FASHION.rows()}
    with pytest.raises(TableError, match="no layer could be run by pretend: RuntimeError: no such operator"):
        profile_kit(make_kit(mishaps=every), TARGET, PLAN, tmp_path / "journal")


def test_a_run_in_which_no_layer_ran_is_not_taken_up_again(tmp_path: Path) -> None:
    kit = make_kit(mishaps={layer.key: "broken" for layer in FASHION.rows()})
    folders = Folders(tmp_path / "profiles", tmp_path / "tables")
    with pytest.raises(TableError, match="no layer could be run"):
        profile_space(kit, FASHION, TargetFile(TARGET, PLAN), folders)
    assert list(folders.runs_of(TARGET.name).iterdir()) == []


def test_the_layer_that_shows_drift_may_fail_as_any_other(tmp_path: Path) -> None:
    kit = make_kit()
    (sentinel,) = kit.probes("sentinel")
    broken = ProbeKit(kit.manifest, {**kit.graphs, sentinel.file: b"1000 broken"})
    remarks: list[str] = []
    run = profile_kit(broken, TARGET, PLAN, tmp_path / "journal", on_progress=lambda told: remarks.append(told.remark))
    assert "cannot be told" in remarks[0]
    assert [probe.role for probe in run.absent] == ["sentinel"]
    assert len(table_from_runs([run]).rows) == len(FASHION.rows())
    with pytest.raises(TableError, match="cannot be run by pretend: RuntimeError: no such operator"):
        estimate_profile(broken, TARGET, PLAN)


@pytest.mark.parametrize("mishap", ["stall", "jump"])
def test_a_clock_that_stands_still_or_jumps_makes_a_layer_absent_and_a_doubt_never_a_zero(tmp_path: Path, mishap: str) -> None:
    bad = FASHION.rows()[3].key
    run = profile_kit(make_kit(mishaps={bad: mishap}), TARGET, PLAN, tmp_path / "journal")
    table = table_from_runs([run])
    assert run.conditions.stalled_clock == PLAN.rounds
    assert [(row.layer, row.reason) for row in table.absent] == [(bad, "it was never timed")]
    assert "clock" in {doubt.name for doubt in table.doubts}
    stopped = {layer.key: mishap for layer in FASHION.rows()}
    with pytest.raises(UnstableMeasurementError, match="the clock of this machine stands still"):
        profile_kit(make_kit(mishaps=stopped), TARGET, PLAN, tmp_path / "other")


def test_memory_that_the_runtime_tells_is_in_the_rows(tmp_path: Path) -> None:
    table = table_from_runs([profile_kit(make_kit(), TARGET, PLAN, tmp_path / "journal")])
    assert {row.memory_bytes for row in table.rows} == {4096}
