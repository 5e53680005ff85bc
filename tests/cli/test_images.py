"""What commands say of a folder of images: what was read, what not, and why; before anything takes long."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from dna_deploy.cli.app import main
from tests.data.inputs.pictures import see_through
from tests.data.made import class_folders

pytestmark = pytest.mark.torch


def ran(arguments: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> tuple[int, str]:
    """The exit code of a command, and what it wrote to standard error."""
    monkeypatch.setattr(sys, "argv", ["dna-deploy", *arguments.split()])
    with pytest.raises(SystemExit) as stop:
        main()
    return int(str(stop.value.code or 0)), capsys.readouterr().err


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A project whose folder of photographs has a broken one, an icon, and what a system left."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    photos = class_folders(tmp_path / "photos", "cat", "dog")
    (photos / "cat" / "3.png").write_bytes(b"<html>")
    (photos / "dog" / "icon.png").write_bytes(see_through("RGBA"))
    (photos / ".DS_Store").write_bytes(b"x")
    (tmp_path / "dna-deploy.toml").write_text('dataset = "photos"\nspace = "fashion"\n')
    monkeypatch.chdir(tmp_path)
    return tmp_path


RATE = "rate --dataset photos/ --method dna++ --epochs 1 --batch 4"


def test_broken_images_are_named_before_anything_is_trained(
    project: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    for command in (RATE, "run", "train 24:k3e1/40:k3e1/80:k3e1 --dataset photos/"):
        code, words = ran(command, capsys, monkeypatch)
        assert code == 2
        assert "1 of 25 images in photos cannot be used: cat/3.png is a web page" in words
        assert "--skip-broken" in words
    assert not (project / "runs" / "default" / "latency_tables").exists()


@pytest.mark.slow
def test_with_skip_broken_it_is_said_what_was_read_and_what_was_not(
    project: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    code, words = ran(f"{RATE} --skip-broken --background black", capsys, monkeypatch)
    assert code == 0, words
    assert "photos: 2 classes; images: 18 train, 2 rating, 2 validation, 2 test; 1 that cannot be read were left out" in words
    assert "left out hidden files, and what systems leave behind: 1 (.DS_Store)" in words
    assert "transparent images, shown before black: 1 (dog/icon.png)" in words


def test_a_plan_lists_files_and_opens_none(
    project: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    code, words = ran("run --dry-run", capsys, monkeypatch)
    assert code == 0, words
    assert "photos: 2 classes; images: 23 to learn from, 2 to test on" in words
    assert words.count("the teacher learns for 250 epochs") == 1
    assert "left out hidden files" in words
    assert not (project / "cache" / "dna-deploy" / "images").exists()


def test_a_plan_refuses_the_folder_that_a_run_would_refuse(
    project: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    (project / "photos" / "eel").mkdir()
    for command in ("run --dry-run", "run"):
        code, words = ran(command, capsys, monkeypatch)
        assert (code, "eel holds no images" in words) == (2, True)


def test_a_teacher_that_cannot_be_is_refused_by_plan_and_run_alike(
    project: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    (project / "mine.pth").write_bytes(b"<html>")
    for line, message in (
        ('name = "nobody"', "there is no teacher 'nobody'"),
        ('name = "tim:resnet18"', "unknown teacher 'tim'"),
        ('name = "timm:resnet18"\nweights = "gone.pth"', "there is no file of weights"),
    ):
        (project / "dna-deploy.toml").write_text(f'dataset = "photos"\nspace = "fashion"\n[teacher]\n{line}\n')
        for command in ("run --dry-run", "run"):
            code, words = ran(command, capsys, monkeypatch)
            assert (code, message in words) == (2, True), words
    (project / "dna-deploy.toml").write_text('space = "fashion"\n[teacher]\nname = "timm:resnet18"\nweights = "mine.pth"\n')
    code, words = ran("run", capsys, monkeypatch)
    assert (code, "mine.pth is a web page" in words) == (2, True), words
