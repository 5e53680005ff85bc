"""Several devices as one: twins share the rows, one that drops out loses its own, and others get tables of their own."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from typer.testing import CliRunner

from dna_deploy.cli.app import app
from dna_deploy.errors import PromiseError, TableError, UsageError
from dna_deploy.latency.fleet import Fleet, answers_of, devices_of, read_fleet
from dna_deploy.latency.profile import profile_kit
from dna_deploy.latency.remote import Remote
from dna_deploy.latency.workshop import Folders
from dna_deploy.progress import Progress
from dna_deploy.records.latency_table import LatencyTable
from dna_deploy.records.probe_kit import ProbeKit
from dna_deploy.records.profile_run import ProfileRun
from dna_deploy.spaces.catalog import find_chain
from dna_deploy.targets.plan import SamplingPlan
from dna_deploy.targets.target import Target
from dna_deploy.targets.target_file import TargetFile
from tests.cli.made import fails, run
from tests.latency.pretend import PLAN, TARGET, make_kit, offer_runtime
from tests.latency.ssh_server import LOGIN, OtherMachine, needs_sshd, other_machine

FASHION = find_chain("fashion").with_head()


@dataclass(frozen=True)
class Pretended(Remote):
    """A device without ssh: it profiles here, some percent slower than others, with a runtime of its own, or drops out."""

    folder: Path = Path()
    slower: float = 0.0
    runtime: str = "pretend 1"
    lasts: int = 99
    created_at: str = ""
    profiles: list[int] = field(default_factory=list, compare=False)

    def profile(self, kit: ProbeKit, target: Target, plan: SamplingPlan, validation_networks: int) -> ProfileRun:
        self.profiles.append(len(kit.probes("layer")))
        if len(self.profiles) > self.lasts:
            raise TableError("it was unplugged")
        run = profile_kit(kit, target, plan, self.folder / f"{self.login}.journal", validation_networks=validation_networks)
        (self.folder / f"{self.login}.journal").unlink()
        probes = tuple(self._slowed(probe) for probe in run.probes)
        clock = {"created_at": self.created_at} if self.created_at else {}
        fingerprint = run.fingerprint.model_copy(update={"runtime_version": self.runtime})
        provenance = run.provenance.model_copy(update=clock)
        return run.model_copy(update={"probes": probes, "fingerprint": fingerprint, "provenance": provenance})

    def _slowed(self, probe):  # type: ignore[no-untyped-def]
        visits = tuple(tuple(round(ns * (1 + self.slower)) for ns in visit) for visit in probe.samples.visits_ns)
        return probe.model_copy(update={"samples": probe.samples.model_copy(update={"visits_ns": visits})})


def fleet(tmp_path: Path, *devices: Remote, heard: list[Progress] | None = None) -> Fleet:
    folders = Folders(tmp_path / "profiles", tmp_path / "tables")
    told = [] if heard is None else heard
    file = TargetFile(TARGET, PLAN.model_copy(update={"rounds": 6}))
    return Fleet(devices, make_kit(), FASHION, file, folders, 2, accepts_noise=True, on_progress=told.append)


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    offer_runtime(tmp_path, monkeypatch)
    return tmp_path


@pytest.mark.slow
def test_twins_share_the_rows_of_one_table_and_disagreement_is_a_doubt(place: Path) -> None:
    devices = [Pretended(name, folder=place, slower=slower) for name, slower in (("pi-1", 0.0), ("pi-2", 0.08))]
    result = fleet(place, *devices).profile()
    ((names, profiled),) = result.profiled
    assert (names, result.lost) == (("pi-1", "pi-2"), {})
    rows = len(FASHION.rows())
    assert len(profiled.table.rows) == rows
    assert all(device.profiles[1] < 0.8 * rows for device in devices), "a twin timed everything"
    (doubt,) = [doubt for doubt in profiled.table.doubts if doubt.name == "twins"]
    assert "pi-2 takes +8" in doubt.message
    assert doubt.grade == "C"
    slow = {probe.key for probe in profiled.run.of("layer")}
    nanoseconds = {layer.key: layer.macs // 50 + 1_000 for layer in FASHION.rows()}
    for row in profiled.table.rows:  # those that the slower twin timed are as the first would have seen them
        assert row.alone_s * 1e9 == pytest.approx(nanoseconds[row.layer], rel=0.04, abs=60), row.layer in slow
    runs, again = [str(path) for path in (place / "profiles").rglob("fashion.*.json")], place / "again.json"
    run("tables", "make", *reversed(runs), "--twins", "--accept-noise", "-o", str(again))
    assert LatencyTable.read(again) == profiled.table
    apart = fails("tables", "make", *runs, "--accept-noise", "-o", str(again))
    assert "host: 'pi-" in apart.message


@pytest.mark.slow
def test_a_device_that_drops_out_loses_its_own_rows_which_its_twin_times(place: Path) -> None:
    steady, frail = Pretended("pi-1", folder=place), Pretended("pi-2", folder=place, lasts=1)
    result = fleet(place, steady, frail).profile()
    ((names, profiled),) = result.profiled
    assert (names, result.lost) == (("pi-1",), {"pi-2": "it was unplugged"})
    assert len(profiled.table.rows) == len(FASHION.rows())
    assert len(steady.profiles) == 3, "a look, its own share, and what the other lost"
    with pytest.raises(TableError, match="1 devices dropped out, first pi-2: it was unplugged"):
        result.check_complete()


@pytest.mark.slow
def test_a_runtime_of_another_version_makes_no_twin_but_a_table_of_its_own(place: Path) -> None:
    heard: list[Progress] = []
    old = Pretended("pi-2", folder=place, runtime="pretend 0", created_at="2026-01-01T00:00:00+00:00")
    result = fleet(place, Pretended("pi-1", folder=place), old, heard=heard).profile()
    tables = {profiled.table.target.name: profiled.table for _, profiled in result.profiled}
    assert tables.keys() == {"pretended-pi-1", "pretended-pi-2"}
    assert {len(table.rows) for table in tables.values()} == {len(FASHION.rows())}
    notices = [progress.notice for progress in heard if progress.notice]
    assert "pi-2 has no twin" in notices
    assert any(notice.startswith("the clock of pi-2 is -") for notice in notices), notices


@pytest.mark.slow
def test_a_fleet_of_nobody_says_who_failed_first_and_why(place: Path) -> None:
    with pytest.raises(TableError, match="no device could be profiled; pi-1: it was unplugged"):
        fleet(place, Pretended("pi-1", folder=place, lasts=0)).profile()


@pytest.fixture
def machines(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[list[OtherMachine]]:
    with ExitStack() as servers:
        places = [tmp_path / name for name in ("one", "other")]
        for place in places:
            place.mkdir()
        yield [servers.enter_context(other_machine(place, monkeypatch)) for place in places]


@pytest.fixture
def there(machines: list[OtherMachine], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> tuple[list[str], str]:
    """The addresses of two servers, and what dna-deploy is called on them: one that knows the pretended runtime."""
    offer_runtime(tmp_path, monkeypatch)
    script = tmp_path / "there.sh"
    script.write_text(f'#!/bin/sh\nPYTHONPATH={tmp_path / "packages"} exec {sys.executable} -m dna_deploy.cli.app "$@"\n')
    script.chmod(0o755)
    key = tmp_path / "other" / "keys" / "user.pub"  # both servers know the key that ssh was given last
    (tmp_path / "one" / "keys" / "authorized").write_text(key.read_text())
    return [f"ssh://{LOGIN}@127.0.0.1:{machine.port}" for machine in machines], str(script)


def left_behind(machine: OtherMachine) -> list[Path]:
    return list((machine.home / ".cache/dna-deploy/remote").iterdir())


@pytest.mark.slow
@needs_sshd
def test_two_ssh_servers_make_one_table_and_answer_as_one(
    machines: list[OtherMachine], there: tuple[list[str], str], tmp_path: Path
) -> None:
    devices = devices_of(*there)
    result = fleet(tmp_path, *devices).profile()
    ((names, profiled),) = result.profiled
    assert len(names) == 2
    assert len(profiled.table.rows) == len(FASHION.rows())
    files = {"table.json": profiled.table.content(), "space.kit": make_kit().content()}
    lost = Remote.parse("ssh://nobody@127.0.0.1:1")
    answers = answers_of((*devices, lost), files, ("tables", "recheck", "table.json", "--kit", "space.kit"))
    assert [isinstance(answer, str) for answer in answers.values()] == [False, False, True]
    assert [left_behind(machine) for machine in machines] == [[], []]


@pytest.mark.slow
@needs_sshd
def test_a_model_is_verified_on_two_ssh_servers_as_one_table(
    machines: list[OtherMachine], there: tuple[list[str], str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    onnx = pytest.importorskip("onnx")
    monkeypatch.chdir(tmp_path)
    ends = [onnx.helper.make_tensor_value_info(name, onnx.TensorProto.FLOAT, (1, 3, 64, 64)) for name in "xy"]
    graph = onnx.helper.make_graph([onnx.helper.make_node("Softmax", ["x"], ["y"])], "graph", ends[:1], ends[1:])
    versions = {"opset_imports": [onnx.helper.make_opsetid("", 17)], "ir_version": 8}
    Path("my model.onnx").write_bytes(onnx.helper.make_model(graph, **versions).SerializeToString())
    addresses, command = there
    names = [address.removeprefix("ssh://") for address in addresses]
    verify = ["verify", "my model.onnx", "--rounds", "4", "--remote-command", command]
    verify += [part for address in addresses for part in ("--on", address)]
    kept = CliRunner().invoke(app, [*verify, "--on", "ssh://nobody@127.0.0.1:1", "--latency", "10s", "--json"])
    assert isinstance(kept.exception, TableError)
    assert str(kept.exception) == "nobody@127.0.0.1:1 did not answer"
    said = json.loads(kept.stdout)
    *answered, lost = said["devices"]
    assert [(device["device"], device["is_kept"], device["asked_s"]) for device in answered] == [
        (name, True, 10.0) for name in names
    ]
    assert said["measured_s"] == max(device["measured_s"] for device in answered) > 0
    assert lost["device"] == "nobody@127.0.0.1:1"
    assert lost["error"].startswith("ssh to nobody@127.0.0.1 ended with code 255")
    late = fails(*verify, "--latency", "1ns")
    assert isinstance(late, PromiseError)
    assert late.message == f"my model.onnx takes longer than 1.00 ns on {', '.join(names)}"
    assert [left_behind(machine) for machine in machines] == [[], []]


def test_a_device_is_not_its_own_twin(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="pi@pi-1 is named twice"):
        devices_of(["ssh://pi@pi-1", "ssh://pi@pi-1"], "dna-deploy")
    (tmp_path / "fleet.toml").write_text('devices = ["ssh://pi-1", "ssh://pi-2"]')
    assert [device.name for device in read_fleet(tmp_path / "fleet.toml", "dna-deploy")] == ["pi-1", "pi-2"]


@pytest.mark.parametrize("text", ["devices = 3", "devices = [", "device = []", "devices = [1]"])
def test_a_file_that_is_no_fleet_is_refused(tmp_path: Path, text: str) -> None:
    (tmp_path / "fleet.toml").write_text(text)
    with pytest.raises(UsageError, match=r"fleet\.toml"):
        read_fleet(tmp_path / "fleet.toml", "dna-deploy")
