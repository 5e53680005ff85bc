"""Stages: skipped when nothing changed, redone with a reason when something did, never twice at once."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from dna_deploy.errors import UsageError
from dna_deploy.pipeline.runner import Computed, Stage, StageEvent, judge, plan, run_stages
from dna_deploy.progress import OnProgress, Progress
from dna_deploy.records.folder_lock import folder_lock
from tests.pipeline.made import MadeStage


class Recorder:
    def __init__(self) -> None:
        self.lines: list[str] = []

    def __call__(self, event: StageEvent | Progress) -> None:
        if isinstance(event, StageEvent):
            self.lines.append(f"{event.kind} {event.stage.name}: {event.why}")


def copying_stage(name: str, source: Path, made: Path, setting: str = "1") -> Stage:
    def run(work: Path, on_progress: OnProgress) -> None:
        work.mkdir(parents=True, exist_ok=True)
        made.write_text(source.read_text() + setting)

    return MadeStage(name, "copies", 1.0, lambda: {"source": source.read_text(), "setting": setting}, (made,), run)


def two_stages(folder: Path, setting: str = "1") -> tuple[Stage, Stage]:
    (folder / "a").write_text("x") if not (folder / "a").exists() else None
    return copying_stage("one", folder / "a", folder / "b"), copying_stage("two", folder / "b", folder / "c", setting)


def test_a_second_run_does_nothing(tmp_path: Path) -> None:
    run_stages(two_stages(tmp_path), tmp_path, Recorder())
    again = Recorder()
    run_stages(two_stages(tmp_path), tmp_path, again)
    assert again.lines == ["skipped one: unchanged", "skipped two: unchanged"]


def test_a_changed_setting_redoes_only_what_depends_on_it(tmp_path: Path) -> None:
    run_stages(two_stages(tmp_path), tmp_path, Recorder())
    again = Recorder()
    run_stages(two_stages(tmp_path, setting="2"), tmp_path, again)
    assert again.lines == [
        "skipped one: unchanged",
        "started two: setting changed: 1 -> 2",
        "finished two: setting changed: 1 -> 2",
    ]


def test_a_changed_output_is_made_again_and_so_is_what_reads_it(tmp_path: Path) -> None:
    run_stages(two_stages(tmp_path), tmp_path, Recorder())
    (tmp_path / "b").write_text("damaged")
    assert judge(two_stages(tmp_path)[0], tmp_path).why == "b was changed"
    run_stages(two_stages(tmp_path), tmp_path, Recorder())
    assert (tmp_path / "c").read_text() == "x11"


def test_a_failed_stage_runs_again_and_the_finished_one_does_not(tmp_path: Path) -> None:
    one, two = two_stages(tmp_path)

    def fail(work: Path, on_progress: OnProgress) -> None:
        raise UsageError("boom")

    broken = MadeStage(two.name, two.summary, 1.0, two.inputs, two.outputs, fail)
    with pytest.raises(UsageError, match="boom"):
        run_stages((one, broken), tmp_path, Recorder())
    again = Recorder()
    run_stages((one, two), tmp_path, again)
    assert again.lines[0] == "skipped one: unchanged"
    assert again.lines[1] == "started two: not finished before"


def test_from_and_only_force_stages(tmp_path: Path) -> None:
    stages = two_stages(tmp_path)
    run_stages(stages, tmp_path, Recorder())
    forced, alone = Recorder(), Recorder()
    run_stages(stages, tmp_path, forced, start_from="two")
    run_stages(stages, tmp_path, alone, only="one")
    assert [line.split(":")[0] for line in forced.lines] == ["skipped one", "started two", "finished two"]
    assert [line.split(":")[0] for line in alone.lines] == ["started one", "finished one"]
    with pytest.raises(UsageError, match="unknown stage 'tow'") as caught:
        run_stages(stages, tmp_path, Recorder(), only="tow")
    assert caught.value.hint == "did you mean 'two'?"
    with pytest.raises(UsageError, match="both --from two and --only one are given"):
        run_stages(stages, tmp_path, Recorder(), start_from="two", only="one")


def test_a_second_process_is_kept_out_and_a_dead_one_is_not(tmp_path: Path) -> None:
    path = str(tmp_path / ".lock")
    code = f"from filelock import FileLock; lock = FileLock({path!r}); lock.acquire(); print('held', flush=True); input()"
    with subprocess.Popen([sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == "held\n"
        with pytest.raises(UsageError, match="another run is at work"), folder_lock(tmp_path):
            pass
        holder.kill()
    with folder_lock(tmp_path):
        pass


def computing_stage(folder: Path, settings: str, computed: list[str]) -> MadeStage:
    """A stage with an input that is computed from settings, and notes that it was."""

    def compute() -> str:
        computed.append(settings)
        return f"digest of {settings}"

    def make(work: Path, on_progress: OnProgress) -> None:
        (folder / "made").write_text("x")

    inputs = {"images": Computed(settings, compute)}
    return MadeStage("one", "computes", 1.0, lambda: inputs, (folder / "made",), make)


def test_a_plan_computes_nothing_and_sees_changed_settings(tmp_path: Path) -> None:
    computed: list[str] = []
    run_stages((computing_stage(tmp_path, "12 images", computed),), tmp_path, Recorder())
    count = len(computed)
    (same,) = plan((computing_stage(tmp_path, "12 images", computed),), tmp_path)
    (other,) = plan((computing_stage(tmp_path, "13 images", computed),), tmp_path)
    assert (same.verdict.why, other.verdict.is_due) == ("unchanged", True)
    assert other.verdict.why.startswith("images changed: digest of 12 images -> ")
    assert len(computed) == count


def test_what_is_computed_decides_when_it_comes_to_running(tmp_path: Path) -> None:
    computed: list[str] = []
    run_stages((computing_stage(tmp_path, "12 images", computed),), tmp_path, Recorder())
    changed = computing_stage(tmp_path, "12 images", computed)
    changed = replace(changed, made_from=lambda: {"images": Computed("12 images", lambda: "others")})
    again = Recorder()
    run_stages((changed,), tmp_path, again)
    assert again.lines[0] == "started one: images changed: digest of 12 images -> others"
