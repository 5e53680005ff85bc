"""What a journey shows: one view on a terminal of any width, plain lines in a log, and nothing but the result when quiet."""

from __future__ import annotations

import io
import json
import re
from collections.abc import Iterator

import pytest
from rich.console import Console
from typer.testing import CliRunner

from dna_deploy.cli.app import app
from dna_deploy.cli.console import be_quiet, note
from dna_deploy.cli.views.journey import PlainView, journey_view
from dna_deploy.cli.views.live import JourneyView, live_view
from dna_deploy.pipeline.runner import StageEvent
from dna_deploy.progress import Progress
from tests.pipeline.made import PROFILE, RATE, TRAIN, Clock, planned

COLOUR = "\x1b\\[[39][0-9]"
STEP = Progress("supernets", 120, 480, "loss 0.412 0.377 0.301")


@pytest.fixture(autouse=True)
def loud() -> Iterator[None]:
    yield
    be_quiet(False)


def in_the_middle(clock: Clock) -> JourneyView:
    """A journey whose first stage was kept, whose second is at work, and whose third is to come."""
    view = JourneyView(clock)
    view(planned(PROFILE, RATE, TRAIN, kept=("profile",)))
    view(StageEvent(PROFILE, "skipped", "unchanged"))
    view(StageEvent(RATE, "started", "images changed"))
    clock.now += 10
    view(STEP)
    return view


def drawn(view: JourneyView, width: int = 80, **options: object) -> str:
    file = io.StringIO()
    Console(file=file, width=width, **options).print(view)  # type: ignore[arg-type]
    return file.getvalue()


def test_it_shows_every_stage_the_step_and_the_time_left() -> None:
    lines = drawn(in_the_middle(Clock())).splitlines()
    assert [line.split()[:2] for line in lines[:3]] == [["=", "profile"], ["▸", "rate"], ["·", "train"]]
    assert "does rate (images changed)" in lines[1]
    assert "about 60 s" in lines[2]
    assert all(word in lines[3] for word in ("supernets", "120/480", "loss 0.412"))
    assert lines[4].strip() == "about 2 min left"


@pytest.mark.parametrize("width", [20, 40, 80, 200])
def test_no_line_is_wider_than_the_terminal_and_none_is_broken(width: int) -> None:
    lines = drawn(in_the_middle(Clock()), width).splitlines()
    assert len(lines) == 5
    assert max(map(len, lines)) <= width


def test_at_40_columns_the_stages_and_the_time_left_can_still_be_read() -> None:
    text = drawn(in_the_middle(Clock()), 40)
    assert all(words in text for words in ("= profile kept (unchanged)", "▸ rate    since 10 s", "· train   about 60 s"))
    assert all(words in text for words in ("supernets", "120/480", "about 2 min left"))


def test_a_finished_journey_is_a_list_of_what_took_how_long() -> None:
    clock = Clock()
    view = in_the_middle(clock)
    view(StageEvent(RATE, "finished", "", 100.0))
    view(StageEvent(TRAIN, "started", ""))
    view(StageEvent(TRAIN, "finished", "", 40.0))
    view.close()
    assert [line.rstrip() for line in drawn(view).splitlines()] == [
        "= profile kept (unchanged)",
        "✓ rate    done in 2 min",
        "✓ train   done in 40 s",
    ]


def test_colour_is_left_out_where_it_is_not_wanted(monkeypatch: pytest.MonkeyPatch) -> None:
    view = in_the_middle(Clock())
    monkeypatch.delenv("NO_COLOR", raising=False)
    coloured = drawn(view, force_terminal=True, color_system="standard")
    monkeypatch.setenv("NO_COLOR", "1")
    plain = drawn(view, force_terminal=True, color_system="standard")
    assert re.search(COLOUR, coloured)
    assert not re.search(COLOUR, plain)


def test_a_terminal_without_unicode_gets_other_marks() -> None:
    class Ascii(io.StringIO):
        encoding = "ascii"  # type: ignore[assignment]

    file = Ascii()
    Console(file=file, width=80).print(in_the_middle(Clock()))
    assert file.getvalue().isascii()
    assert "> rate" in file.getvalue()


def test_a_bar_without_stages_leaves_nothing_and_a_notice_stays() -> None:
    file = io.StringIO()
    with live_view(Console(file=file, width=60, force_terminal=True)) as view:
        view(Progress("training", 1, 2, notice="a smaller batch was taken"))
    *_, last = file.getvalue().rsplit("\x1b[2K", 1)
    assert "note: a smaller batch was taken" in file.getvalue()
    assert "training" not in last


def test_a_log_gets_a_line_a_stage_and_one_now_and_then(capsys: pytest.CaptureFixture[str]) -> None:
    clock = Clock()
    view = PlainView(clock)
    view(planned(PROFILE, RATE, TRAIN, kept=("profile",)))
    view(StageEvent(PROFILE, "skipped", "unchanged"))
    view(StageEvent(RATE, "started", "images changed"))
    for done in range(1, 41):
        clock.now += 1
        view(Progress("supernets", done, 40, "loss 0.4"))
    view(StageEvent(RATE, "finished", "", 40.0))
    said = capsys.readouterr()
    assert said.out == ""
    assert said.err.splitlines() == [
        "profile  kept (unchanged)",
        "rate     does rate (2 of 3; images changed; about 2 min left)",
        "  supernets: 15/40 loss 0.4 (about 2 min left)",
        "  supernets: 30/40 loss 0.4 (about 2 min left)",
        "rate     done in 40 s",
    ]


def test_rounds_of_stages_are_counted_on(capsys: pytest.CaptureFixture[str]) -> None:
    view = PlainView(Clock())
    for stages in ((PROFILE, RATE), (TRAIN,)):
        view(planned(*stages))
        for stage in stages:
            view(StageEvent(stage, "started", "new"))
    assert [line.partition("(")[2].partition(";")[0] for line in capsys.readouterr().err.splitlines()] == [
        "1 of 2", "2 of 2", "3 of 3"
    ]  # fmt: skip


def test_where_there_is_no_terminal_lines_are_plain(capsys: pytest.CaptureFixture[str]) -> None:
    with journey_view() as view:
        assert isinstance(view, PlainView)


def test_quiet_means_no_view_and_no_remark(capsys: pytest.CaptureFixture[str]) -> None:
    be_quiet(True)
    with journey_view() as view:
        view(Progress("training", 1, 1, notice="a smaller batch"))
    note("next: something")
    assert capsys.readouterr() == ("", "")


@pytest.mark.parametrize("arguments", [["--quiet", "spaces"], ["spaces", "--quiet"], ["-q", "spaces", "-q"]])
def test_quiet_can_stand_before_or_behind_the_command(arguments: list[str]) -> None:
    aloud, quietly = CliRunner().invoke(app, ["spaces"]), CliRunner().invoke(app, arguments)
    assert quietly.exit_code == 0
    assert quietly.stdout == aloud.stdout != ""
    assert quietly.stderr == ""
    assert "next:" in aloud.stderr


def test_quiet_works_with_json_and_inside_a_group(tmp_path: object) -> None:
    said = CliRunner().invoke(app, ["tables", "--folder", str(tmp_path), "--json"])
    assert json.loads(said.stdout)["tables"] == []
    shown = CliRunner().invoke(app, ["tables", "show", "--quiet", "--help"])
    assert shown.exit_code == 0
    assert "--quiet" in shown.output


def test_an_error_is_said_however_quiet(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    from dna_deploy.cli.app import main

    monkeypatch.setattr("sys.argv", ["dna-deploy", "--quiet", "verify", "nowhere.onnx"])
    with pytest.raises(SystemExit) as stop:
        main()
    assert stop.value.code == 2
    assert "error: there is no model nowhere.onnx" in capsys.readouterr().err
