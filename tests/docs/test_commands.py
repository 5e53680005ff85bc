"""Every command in the documentation works: run in order in a small project, or, where it needs a device, parsed."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from typer.main import get_command
from typer.testing import CliRunner

from dna_deploy.cli.app import app
from dna_deploy.errors import TableError
from dna_deploy.latency.runners import RUNNERS
from dna_deploy.targets.target_file import find_target
from tests.docs.commands import ROOT, Command, blocks_of, commands_of, inline_commands_of, lines_of, pages

SMALL = {
    "profile": ("--rounds", "24", "--accept-noise"),
    "verify": ("--rounds", "24", "--accept-noise"),
    "export": ("--images", "20"),
    "train": ("--epochs", "1", "--images", "200"),
    "rate": ("--epochs", "1", "--images", "100", "--rating-images", "50", "--teacher-epochs", "1", "--teacher-images", "200"),
    "evolve": (
        "--dataset",
        "photos",
        "--rounds",
        "1",
        "--epochs",
        "1",
        "--images",
        "100",
        "--train-epochs",
        "1",
        "--train-images",
        "100",
    ),
    "report": ("--no-png",),
}
"""What is appended to a command of a page, so that it ends soon; the last of two equal flags counts."""

SMALL_JOURNEY = {
    "DNA_DEPLOY_PROFILE_ROUNDS": "24",
    "DNA_DEPLOY_PROFILE_VALIDATION_NETWORKS": "2",
    "DNA_DEPLOY_TEACHER_EPOCHS": "1",
    "DNA_DEPLOY_TEACHER_IMAGES": "100",
    "DNA_DEPLOY_RATE_EPOCHS": "1",
    "DNA_DEPLOY_RATE_IMAGES": "100",
    "DNA_DEPLOY_RATE_RATING_IMAGES": "50",
    "DNA_DEPLOY_RATE_JOBS": "1",
    "DNA_DEPLOY_TRAIN_EPOCHS": "1",
    "DNA_DEPLOY_TRAIN_IMAGES": "100",
    "DNA_DEPLOY_TRAIN_VALIDATION_IMAGES": "50",
}
ELSEWHERE = ("pip ", "make ", "scp ", "ssh-copy-id ", "sudo ", "torchrun ")
"""What a page may tell the reader to run besides dna-deploy, on machines that these tests are not."""

WITH_COMMANDS = [page for page in pages() if commands_of(page, "bash")]


def name(page: Path) -> str:
    return str(page.relative_to(ROOT))


def draw_photos(folder: Path) -> None:
    """Three classes of noise of different brightness, as the tutorial's folder of images."""
    rng = np.random.default_rng(0)
    for brightness, label in ((40, "boots"), (110, "bags"), (180, "shirts")):
        (folder / label).mkdir(parents=True)
        for number in range(110):
            pixels = rng.integers(0, 70, (32, 40)) + brightness
            Image.fromarray(pixels.astype(np.uint8)).save(folder / label / f"{number:04}.png")


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with the reader's images, and the current folder; settings from the environment make journeys small."""
    draw_photos(tmp_path / "photos")
    monkeypatch.chdir(tmp_path)
    for key, value in SMALL_JOURNEY.items():
        monkeypatch.setenv(key, value)
    return tmp_path


def run_small(command: Command) -> None:
    """Runs a command in this process, which spares the imports of a new one."""
    arguments = [*command.arguments, *SMALL.get(command.arguments[0], ())]
    try:
        ran = CliRunner().invoke(app, arguments, catch_exceptions=False)
    except TableError as verdict:
        # Whether this machine is at this moment what it was when the table was made is not the page's claim.
        assert command.arguments[:2] == ("tables", "recheck"), f"{command}\n{verdict}"
        assert "rows take" in verdict.message
        return
    assert ran.exit_code == 0, f"{command}\n{ran.output}"


@pytest.mark.slow
@pytest.mark.parametrize("page", WITH_COMMANDS, ids=name)
def test_the_commands_of_a_page_run_in_order(page: Path, project: Path) -> None:
    for command in commands_of(page, "bash"):
        run_small(command)


@pytest.mark.slow
def test_the_table_of_the_readme_walks_the_journey_from_kit_to_verify(project: Path) -> None:
    """In the space `fashion`, since rating `mbconv` takes a GPU or patience; `init` and `run` are those of the tutorial."""
    readme = (ROOT / "README.md").read_text()
    calls = [
        shlex.split(text.replace("mbconv", "fashion")) for text in re.findall(r"^\| `(dna-deploy [^`]*)`", readme, re.MULTILINE)
    ]
    stages = [Command(ROOT / "README.md", tuple(call[1:])) for call in calls]
    assert [one.arguments[0] for one in stages][:7] == ["kit", "profile", "rate", "search", "train", "export", "verify"]
    for command in (one for one in stages if one.arguments[0] not in ("init", "run")):
        run_small(command)
    assert (project / "model" / "model.card.json").exists()


def test_targets_of_make_that_pages_name_are_there() -> None:
    named = {line.split()[1] for page in pages() for line in lines_of(page, "console") if line.startswith("make ")}
    known = set(re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    assert {"demo", "test"} <= named <= known


@pytest.mark.parametrize("page", pages(), ids=name)
def test_blocks_hold_nothing_that_is_not_checked(page: Path) -> None:
    unknown = [line for line in lines_of(page, "bash") if not line.startswith("dna-deploy ")]
    unknown += [line for line in lines_of(page, "console") if not line.startswith(("dna-deploy ", *ELSEWHERE))]
    assert page.name == "README.md" or not unknown


@pytest.mark.parametrize("page", pages(), ids=name)
def test_commands_for_other_machines_and_in_sentences_can_be_parsed(page: Path) -> None:
    for command in (*commands_of(page, "console"), *inline_commands_of(page), *commands_of(page, "bash")):
        assert parse_problem(command) == "", str(command)


def test_a_flag_that_does_not_exist_is_found() -> None:
    assert "No such option" in parse_problem(Command(ROOT, ("run", "--drily")))


def parse_problem(command: Command) -> str:
    """What the command line says against a command; ``--help`` stops it after parsing its flags."""
    ran = CliRunner().invoke(app, [*command.arguments, "--help"], env={"COLUMNS": "200", "NO_COLOR": "1"})
    return "" if ran.exit_code == 0 else ran.output


def test_every_command_is_in_the_documentation() -> None:
    written = {
        command.arguments[0]
        for page in pages()
        for command in (*commands_of(page, "bash"), *commands_of(page, "console"), *inline_commands_of(page))
    }
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
