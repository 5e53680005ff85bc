"""Ctrl-C and ``kill -9`` lose at most the probe in flight, and the same command goes on."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from dna_deploy.errors import UnstableMeasurementError, UsageError
from dna_deploy.latency import workshop
from dna_deploy.latency.journal import Journal
from dna_deploy.latency.profile import profile_kit
from dna_deploy.latency.sampling import Visit
from dna_deploy.latency.workshop import Folders, profile_space
from dna_deploy.progress import Progress
from dna_deploy.records.profile_run import ProfileRun
from dna_deploy.spaces.catalog import find_chain
from dna_deploy.targets.target_file import TargetFile
from tests.latency.pretend import PLAN, TARGET, make_kit, offer_runtime

RUN = {"kit": "sha256:1"}
VISITS = [Visit(0, "a", (100, 101)), Visit(0, "b", (), "it broke"), Visit(1, "a", (99, 98))]


@pytest.fixture(autouse=True)
def _runtime(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    offer_runtime(tmp_path, monkeypatch)


def write_journal(path: Path) -> None:
    with Journal(path, RUN) as journal:
        for visit in VISITS:
            journal.visit(visit)
        journal.round(0.25, 12.5)


def test_a_journal_tells_what_was_written_and_counts_the_pause(tmp_path: Path) -> None:
    write_journal(tmp_path / "journal")
    for pauses in (1, 2):
        with Journal(tmp_path / "journal", RUN) as again:
            assert again.story.visits == VISITS
            assert again.story.other_load == [0.25]
            assert (again.story.seconds, again.story.pauses) == (12.5, pauses)


def test_a_torn_last_line_costs_only_itself(tmp_path: Path) -> None:
    path = tmp_path / "journal"
    write_journal(path)
    whole = path.read_bytes()
    path.write_bytes(whole[: whole.rindex(b"[99") + 3])
    with Journal(path, RUN) as again:
        assert again.story.visits == VISITS[:2]


def test_a_journal_of_another_run_is_not_taken_up(tmp_path: Path) -> None:
    write_journal(tmp_path / "journal")
    with Journal(tmp_path / "journal", {"kit": "sha256:2"}) as other:
        assert other.story.visits == []


def test_a_full_disk_is_one_clear_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    if not Path("/dev/full").exists():
        pytest.skip("this system has no /dev/full")
    path = tmp_path / "journal"
    with Journal(path, RUN) as journal, Path("/dev/full").open("wb", buffering=0) as full, monkeypatch.context() as patch:
        patch.setattr(journal, "_file", full)
        with pytest.raises(UsageError, match=r"cannot write .*journal: No space left"):
            journal.visit(VISITS[0])


@pytest.mark.slow
def test_a_run_stopped_in_the_middle_goes_on_and_keeps_every_finished_visit(tmp_path: Path) -> None:
    kit, journal, seen = make_kit(), tmp_path / "journal", 0

    def stop(progress: Progress) -> None:
        nonlocal seen
        seen = progress.done
        if progress.done == 500:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        profile_kit(kit, TARGET, PLAN, journal, on_progress=stop)
    dones: list[int] = []
    run = profile_kit(kit, TARGET, PLAN, journal, on_progress=lambda progress: dones.append(progress.done))
    assert dones[0] == 500
    assert run.conditions.pauses == 1
    assert {len(probe.samples.visits_ns) for probe in run.probes} == {PLAN.rounds}


def test_waiting_in_vain_for_a_steady_processor_loses_nothing(tmp_path: Path) -> None:
    kit, space = make_kit(), find_chain("fashion").with_head()
    file, folders = TargetFile(target=TARGET, plan=PLAN), Folders(tmp_path / "profiles", tmp_path / "tables")
    dones: list[int] = []

    def wait_in_vain(progress: Progress) -> None:
        if progress.done == 300:
            raise UnstableMeasurementError("others slowed the processor down, again and again")

    with pytest.raises(UnstableMeasurementError, match="again and again"):
        profile_space(kit, space, file, folders, on_progress=wait_in_vain)
    profile_space(kit, space, file, folders, accept_noise=True, on_progress=lambda progress: dones.append(progress.done))
    assert dones[0] == 300


def test_a_stop_between_the_last_visit_and_the_table_costs_no_visit(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    kit, space = make_kit(), find_chain("fashion").with_head()
    file, folders = TargetFile(target=TARGET, plan=PLAN), Folders(tmp_path / "profiles", tmp_path / "tables")

    def stop(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(workshop, "stable_table", stop)
        profile_space(kit, space, file, folders, accept_noise=True)
    dones: list[Progress] = []
    profiled = profile_space(kit, space, file, folders, accept_noise=True, on_progress=dones.append)
    assert [progress.done == progress.total for progress in dones] == [True]
    assert {len(probe.samples.visits_ns) for probe in profiled.run.probes} == {PLAN.rounds}
    assert not list((tmp_path / "profiles").rglob("*.journal"))


def test_what_was_too_noisy_is_measured_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    kit, space = make_kit(), find_chain("fashion").with_head()
    file, folders = TargetFile(target=TARGET, plan=PLAN), Folders(tmp_path / "profiles", tmp_path / "tables")

    def refuse(*_: object, **__: object) -> None:
        raise UnstableMeasurementError("the measurement has grade D")

    with monkeypatch.context() as patch, pytest.raises(UnstableMeasurementError, match="grade D"):
        patch.setattr(workshop, "stable_table", refuse)
        profile_space(kit, space, file, folders)
    dones: list[int] = []
    profile_space(kit, space, file, folders, accept_noise=True, on_progress=lambda progress: dones.append(progress.done))
    assert dones[0] == 0


@pytest.mark.slow
def test_kill_9_loses_at_most_the_probe_in_flight_and_leaves_nothing_behind(tmp_path: Path) -> None:
    make_kit(mishaps={layer.key: "slow" for layer in find_chain("fashion").with_head().rows()}).write(tmp_path / "f.kit")
    target = tmp_path / "profiles" / "pretended" / "target.toml"
    target.parent.mkdir(parents=True)
    target.write_text('runtime = "pretend"\nprovider = "pretended"\n[sampling]\nrounds = 2\n')
    command = [sys.executable, "-m", "dna_deploy.cli.app", "profile", "f.kit", "-t", "pretended", "--accept-noise", "--json"]
    journal = tmp_path / "profiles" / "pretended" / "runs" / ".fashion.journal"
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    surroundings = os.environ | {"TMPDIR": str(scratch)}
    process = subprocess.Popen(command, cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=surroundings)
    deadline = time.monotonic() + 60
    while visits_in(journal) < 20:
        assert time.monotonic() < deadline
        assert process.poll() is None
    assert list(scratch.glob("*/weights.bin"))
    process.send_signal(signal.SIGKILL)
    process.communicate()
    while any(scratch.iterdir()):
        assert time.monotonic() < deadline
    kept = visits_in(journal)
    ended = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=True)
    run = ProfileRun.read(tmp_path / json.loads(ended.stdout)["run"])
    assert kept >= 20
    assert run.conditions.pauses == 1
    assert {len(probe.samples.visits_ns) for probe in run.probes} == {2}
    assert not journal.exists()


def visits_in(journal: Path) -> int:
    return journal.read_text().count('{"visit"') if journal.exists() else 0
