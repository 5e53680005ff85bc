"""The commands kit, profile, targets and tables as a user types them."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import pytest

from dna_deploy.cli.app import main
from dna_deploy.latency.recheck import Recheck
from dna_deploy.records.latency_table import LatencyTable
from dna_deploy.records.probe_kit import ProbeKit
from dna_deploy.records.profile_run import ProfileRun
from dna_deploy.targets.plan import SamplingPlan
from tests.latency.pretend import make_kit, offer_runtime

SHIPPED = Path(__file__).parents[2] / "latency_tables"


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with a kit and a target whose runtime only pretends."""
    offer_runtime(tmp_path, monkeypatch)
    monkeypatch.chdir(tmp_path)
    make_kit().write(tmp_path / "fashion.kit")
    target = tmp_path / "profiles" / "pretended" / "target.toml"
    target.parent.mkdir(parents=True)
    target.write_text('runtime = "pretend"\nprovider = "pretended"\n[sampling]\nrounds = 26\nruns = 3\nwarmup_runs = 1\n')
    return tmp_path


def run(command: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> tuple[int, str, str]:
    monkeypatch.setattr(sys, "argv", ["dna-deploy", *command.split()])
    try:
        main()
        code = 0
    except SystemExit as stop:
        code = int(str(stop.code or 0))
    captured = capsys.readouterr()
    return code, captured.out, captured.err


@pytest.mark.slow
def test_a_kit_becomes_a_table_that_is_shown_checked_and_compared(
    project: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def said(command: str) -> dict[str, Any]:
        code, out, err = run(f"{command} --json", monkeypatch, capsys)
        assert code == 0, err
        return dict(json.loads(out))

    done = said("profile fashion.kit -t pretended --validate 6 --accept-noise")
    assert (done["rows"], done["absent"], done["rounds"]) == (56, [], 26)
    assert done["validation"]["calibrated"]["networks"] == 6
    assert done["table"] == "latency_tables/fashion.pretended.json"
    assert ProfileRun.read(project / done["run"]).target.name == "pretended"
    table = LatencyTable.read(project / done["table"])
    (listed,) = said("tables")["tables"]
    assert (listed["path"], listed["grade"]) == (done["table"], said(f"tables show {done['table']}")["grade"])
    shown = said(f"tables show {done['table']}")
    latencies = [row["latency_s"] for row in shown["rows"]]
    assert latencies == sorted(latencies, reverse=True)
    assert {"parameters", "macs", "weight_bytes", "peak_activation_bytes", "memory_bytes"} <= shown["rows"][0].keys()
    assert said(f"tables recheck {done['table']} --kit fashion.kit")["holds"]
    made = said(f"tables make {done['run']} -o again.json --accept-noise")
    assert (project / made["table"]).read_bytes() == (project / done["table"]).read_bytes()
    assert said(f"tables diff {done['table']} again.json")["median_change"] == 0.0
    slower = tuple(row.model_copy(update={"latency_s": row.latency_s / 1.2}) for row in table.rows)
    table.model_copy(update={"rows": slower}).write(project / "fast.json")
    code, _, err = run("tables recheck fast.json --kit fashion.kit", monkeypatch, capsys)
    assert code == 4
    assert "beyond 6%" in err
    elsewhere = table.fingerprint.model_copy(update={"processor": "another"})
    table.model_copy(update={"fingerprint": elsewhere}).write(project / "other.json")
    code, _, err = run("tables recheck other.json --kit fashion.kit", monkeypatch, capsys)
    assert code == 4
    assert "made on another machine: processor: 'another'" in err
    assert "--any-machine" in err
    assert said("tables recheck other.json --kit fashion.kit --any-machine")["machine"]


@pytest.mark.parametrize(
    ("command", "code", "message"),
    [
        ("profile missing.kit", 4, "cannot read probe kit missing.kit"),
        ("profile fashion.kit -t pretendet", 2, "did you mean 'pretended'?"),
        ("profile fashion.kit -t pretended --budget 60", 2, "write it like 20ms"),
        ("profile fashion.kit -t pretended --quantile p95", 2, "--quantile 'p95'"),
        ("profile fashion.kit -t pretended --rounds 3", 6, "every model was visited only 3 times"),
        pytest.param("profile ssh://a/b/c --space fashion", 2, "cannot read the address", marks=pytest.mark.torch),
        ("tables show fashion.kit", 4, "is not JSON"),
    ],
)
def test_what_goes_wrong_is_one_line_and_an_exit_code(
    command: str, code: int, message: str, project: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    found, out, err = run(command, monkeypatch, capsys)
    assert (found, out) == (code, "")
    assert message in err
    assert "Traceback" not in err


def test_a_dry_run_says_how_long_and_writes_nothing(
    project: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    code, out, _ = run("profile fashion.kit -t pretended --dry-run", monkeypatch, capsys)
    assert code == 0
    assert "fashion on pretended: 70 models, 26 rounds, about" in out
    assert not (project / "latency_tables").exists()


@pytest.mark.slow
def test_a_steady_processor_can_be_asked_for(
    project: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    code, out, _ = run("profile fashion.kit -t pretended --steady --dry-run --json", monkeypatch, capsys)
    assert code == 0
    assert json.loads(out)["plan"]["steady"]
    model = project / "model"
    model.write_text("1000")
    code, out, err = run("verify model --target pretended --steady --rounds 8 --accept-noise --json", monkeypatch, capsys)
    assert code == 0, err
    assert json.loads(out)["samples"] == 24


@pytest.mark.parametrize("steady", [False, True])
def test_a_recheck_can_ask_for_a_steady_processor(
    steady: bool, project: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    asked: list[SamplingPlan] = []

    def holds(table: LatencyTable, kit: ProbeKit, *, plan: SamplingPlan, **_: object) -> Recheck:
        asked.append(plan)
        return Recheck(tuple((row, row.latency_s) for row in table.rows[:3]), ())

    monkeypatch.setattr("dna_deploy.latency.recheck.recheck", holds)
    table = SHIPPED / "fashion.cpu-1thread.json"
    code, _, err = run(f"tables recheck {table} --kit fashion.kit{' --steady' * steady}", monkeypatch, capsys)
    assert code == 0, err
    assert [plan.steady for plan in asked] == [steady]


def test_targets_are_listed_with_the_reason_why_one_cannot_be_used(
    project: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    broken = project / "profiles" / "broken" / "target.toml"
    broken.parent.mkdir()
    broken.write_text("threads = 4096\n")
    code, out, _ = run("targets --json", monkeypatch, capsys)
    found = {target["name"]: target for target in json.loads(out)["targets"]}
    assert code == 0
    assert found["pretended"]["usable"]
    assert "wants 4096 threads" in found["broken"]["reason"]
    assert "pretend" in {runtime["runtime"] for runtime in json.loads(out)["runtimes"]}


def test_a_precision_that_the_runtime_lacks_is_refused_before_a_kit_is_made(
    project: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    target = project / "profiles" / "half" / "target.toml"
    target.parent.mkdir()
    target.write_text('precision = "fp16"\n')
    code, out, err = run("profile --space fashion -t half", monkeypatch, capsys)
    assert (code, out) == (2, "")
    assert err.splitlines() == [
        "error: ONNX Runtime computes fp16 in fp32 on the CPU",
        "hint: use fp32 or int8, or another provider",
    ]
    assert list(target.parent.iterdir()) == [target]
