"""Every command in the documentation works: run in the order of its page, with the stand-ins of `stand_ins`."""

from __future__ import annotations

import re
import shlex
import shutil
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from typer.main import get_command
from typer.testing import CliRunner

from dna_deploy.cli.app import app
from dna_deploy.latency.runners import RUNNERS
from dna_deploy.targets.target_file import find_target
from tests.docs.commands import (
    DOCS,
    ROOT,
    Command,
    TargetText,
    blocks_of,
    commands_of,
    inline_commands_of,
    lines_of,
    pages,
    steps_of,
)
from tests.docs.stand_ins import FOLDER_OF_SUPERNETS, NOT_RUN, SMALL_JOURNEY, WORDS
from tests.docs.walk import PROGRAMS, Walk, run_small, with_stand_ins
from tests.latency.ssh_server import HAS_SSHD, WITHOUT_SSHD, other_machine

PHOTOS_A_CLASS = 110
COMMITTED_TABLE = "latency_tables/fashion.cpu-1thread.json"
ELSEWHERE = ("scp ", "ssh-copy-id ", "ssh://")
"""Marks of a line that needs another machine."""

HOW_TO = DOCS / "how-to"
CALIBRATE, TRAINING, CI_GATE, JETSON = (HOW_TO / f"{name}.md" for name in ("calibrate", "training", "ci-gate", "jetson"))
WALKED = [page for page in pages() if any(line.text not in NOT_RUN for line in lines_of(page)) and page != CALIBRATE]


def name(page: Path) -> str:
    return str(page.relative_to(ROOT))


def draw_photos(folder: Path, *, step: int = 70, noise: float = 40.0) -> None:
    """Three classes of noise whose brightness differs by ``step`` and overlaps, as the tutorial's folder of images."""
    rng = np.random.default_rng(0)
    for number_of_class, label in enumerate(("boots", "bags", "shirts")):
        brightness = 110 + (number_of_class - 1) * step
        (folder / label).mkdir(parents=True)
        for number in range(PHOTOS_A_CLASS):
            pixels = rng.integers(0, 70, (32, 40)) + brightness + rng.normal(0, noise)
            Image.fromarray(pixels.clip(0, 255).astype(np.uint8)).save(folder / label / f"{number:04}.png")


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with the reader's images, and the current folder; settings from the environment make journeys small."""
    folder = tmp_path / "project"
    draw_photos(folder / "photos")
    (tmp_path / "stick").mkdir()
    monkeypatch.chdir(folder)
    for key, value in SMALL_JOURNEY.items():
        monkeypatch.setenv(key, value)
    return folder


@pytest.fixture(scope="module")
def calibrated(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What the page about calibration leaves in the project of a reader who has profiled."""
    folder = tmp_path_factory.mktemp("calibrated")
    draw_photos(folder / "photos", step=90, noise=20.0)  # so that a short training is enough not to guess
    (folder / COMMITTED_TABLE).parent.mkdir()
    shutil.copy(ROOT / COMMITTED_TABLE, folder / COMMITTED_TABLE)
    with pytest.MonkeyPatch.context() as patch:
        walk = Walk(folder, folder, patch)
        assert all(walk.take(step) for step in steps_of(CALIBRATE))
    return folder


@pytest.mark.slow
def test_the_commands_about_calibration_run_in_order(calibrated: Path) -> None:
    assert (calibrated / "ratings" / "fashion.calibrated.json").exists()
    assert (calibrated / "outcome.json").exists()


@pytest.mark.slow
@pytest.mark.parametrize("page", WALKED, ids=name)
def test_the_commands_of_a_page_run_in_order(
    page: Path, project: Path, monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest
) -> None:
    if page == TRAINING:  # it goes on with its outcome and supernets
        shutil.copytree(request.getfixturevalue("calibrated"), project, dirs_exist_ok=True)
    if page == CI_GATE:  # its workflow runs on the Jetson, in a project that holds the target
        (target,) = (step for step in steps_of(JETSON) if isinstance(step, TargetText))
        Walk(project, project, monkeypatch).take(target)
    if any(mark in line.text for line in lines_of(page) for mark in ELSEWHERE):
        walk = Walk(project, request.getfixturevalue("other_home"), monkeypatch)
    else:
        walk = Walk(project, project, monkeypatch)
    left_out = [step for step in steps_of(page) if not walk.take(step)]
    assert {step.text for step in left_out} <= set(NOT_RUN)


@pytest.fixture
def other_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """The home on the other machine, which is this one by ssh."""
    if not HAS_SSHD:
        pytest.skip(WITHOUT_SSHD)
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "stick").symlink_to(tmp_path / "stick")
    with other_machine(tmp_path / "other", monkeypatch) as machine:
        yield machine.home


@pytest.mark.slow
def test_the_table_of_the_readme_walks_the_journey_from_kit_to_verify(project: Path) -> None:
    """In the space `fashion`, since rating `mbconv` takes a GPU or patience.

    `init` and `run` are those of the tutorial, `units`, `fit` and `shelf` those of the page about a model of one's own.
    """
    readme = (ROOT / "README.md").read_text()
    calls = [shlex.split(with_stand_ins(text))[1:] for text in re.findall(r"^\| `(dna-deploy [^`]*)`", readme, re.MULTILINE)]
    assert [call[0] for call in calls][:7] == ["kit", "profile", "rate", "search", "train", "export", "verify"]
    for call in (one for one in calls if one[0] not in ("init", "run", "units", "fit", "shelf")):
        run_small(call)
    assert (project / "model" / "model.card.json").exists()


def test_every_line_is_run_or_listed_with_a_reason() -> None:
    texts = {line.text for page in pages() for line in lines_of(page)}
    not_run = {text for text in texts if shlex.split(text)[0] not in ("dna-deploy", *PROGRAMS)}
    assert not_run == set(NOT_RUN)


def test_every_stand_in_stands_for_something() -> None:
    text = "".join(page.read_text() for page in pages())
    assert [written for written in (*WORDS, FOLDER_OF_SUPERNETS) if written not in text] == []


def test_commands_are_in_blocks_that_are_run() -> None:
    for page in pages():
        for line in "".join(blocks_of(page, "text")).splitlines():
            assert not line.removeprefix("$ ").startswith(("dna-deploy ", *PROGRAMS)), f"{page}: {line}"


def test_targets_of_make_that_pages_name_are_there() -> None:
    named = {line.words[1] for page in pages() for line in lines_of(page) if line.words[0] == "make"}
    known = set(re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    assert {"demo", "test"} <= named <= known


@pytest.mark.parametrize("page", pages(), ids=name)
def test_commands_in_blocks_and_sentences_can_be_parsed_as_they_are_written(page: Path) -> None:
    for command in (*commands_of(page), *inline_commands_of(page)):
        assert parse_problem(command) == "", str(command)


def test_a_flag_that_does_not_exist_is_found() -> None:
    assert "No such option" in parse_problem(Command(ROOT, ("run", "--drily")))


def parse_problem(command: Command) -> str:
    """What the command line says against a command; ``--help`` stops it after parsing its flags."""
    ran = CliRunner().invoke(app, [*command.arguments, "--help"], env={"COLUMNS": "200", "NO_COLOR": "1"})
    return "" if ran.exit_code == 0 else ran.output


def test_every_command_is_in_the_documentation() -> None:
    written = {command.arguments[0] for page in pages() for command in (*commands_of(page), *inline_commands_of(page))}
    assert set(get_command(app).commands) <= written


def target_files() -> list[str]:
    """The target files that pages show."""
    return [block for page in pages() for block in blocks_of(page, "toml") if block.startswith("runtime =")]


def test_there_are_target_files_in_the_documentation() -> None:
    assert len(target_files()) >= 3


@pytest.mark.parametrize("text", target_files())
def test_a_target_file_of_the_documentation_can_be_read(text: str, tmp_path: Path) -> None:
    (tmp_path / "device").mkdir()
    (tmp_path / "device" / "target.toml").write_text(text)
    found = find_target("device", tmp_path).target
    assert found.runtime in (*RUNNERS, "onnx-reference")  # the latter is that of the example package
