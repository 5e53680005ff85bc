"""Where people run it: editors that leave marks, terminals without signs, folders that may not be written."""

from __future__ import annotations

import codecs
import errno
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from dna_deploy.cli import app
from dna_deploy.errors import UsageError
from dna_deploy.latency.isolation import temporary_folder
from dna_deploy.pipeline.settings import Settings
from dna_deploy.pipeline.settings_file import load_settings, settings_text
from dna_deploy.records.accuracy_list import read_accuracies
from dna_deploy.records.files import write_atomically
from dna_deploy.spaces.catalog.fashion import FASHION
from dna_deploy.targets.target_file import read_target
from dna_deploy.texts import decode_text
from tests.data.made import class_folders

TABLE = Path(__file__).parents[2] / "latency_tables" / "fashion.cpu-1thread.json"
ENCODINGS = ("utf-8", "utf-8-sig", "utf-16")
"""As editors save files; the last two begin with a byte-order mark."""


def command(*arguments: str, cwd: Path, **environment: str) -> subprocess.CompletedProcess[bytes]:
    """A command in an environment that holds next to nothing: no home, no locale."""
    env = {"PATH": os.environ["PATH"], **environment}
    whole = [sys.executable, "-m", "dna_deploy.cli.app", *arguments]
    return subprocess.run(whole, cwd=cwd, env=env, capture_output=True, check=False)


@pytest.mark.parametrize("encoding", ENCODINGS)
def test_files_with_a_byte_order_mark_are_read(tmp_path: Path, encoding: str) -> None:
    settings = Settings(space="fashion", latency="20ms")
    (tmp_path / "dna-deploy.toml").write_text(settings_text(settings), encoding=encoding)
    assert load_settings(tmp_path / "dna-deploy.toml") == settings
    (tmp_path / "target.toml").write_text("threads = 2\n", encoding=encoding)
    assert read_target(tmp_path / "target.toml").target.threads == 2
    (tmp_path / "known.csv").write_text("24:k3e1/40:k5e3,p1/80:k3e3,0.9\n", encoding=encoding)
    (known,) = read_accuracies(tmp_path / "known.csv", FASHION)
    assert known.accuracies == (0.9,)
    planned = command("run", "--dry-run", "--json", cwd=tmp_path)
    assert planned.returncode == 0, planned.stderr


def test_other_encodings_are_named_with_their_file(tmp_path: Path) -> None:
    with pytest.raises(UnicodeDecodeError):
        decode_text("50 \u20ac".encode("cp1252"))
    assert decode_text(codecs.BOM_UTF8 + b"a") == "a"
    path = tmp_path / "target.toml"
    path.write_bytes("# caf\u00e9\n".encode("latin-1"))
    with pytest.raises(UsageError, match=r"target\.toml"):
        read_target(path)


@pytest.mark.parametrize("arguments", [("tables", "show", str(TABLE)), ("targets",), ("spaces",), ("search", "--help")])
def test_a_terminal_that_lacks_signs_shows_others(tmp_path: Path, arguments: tuple[str, ...]) -> None:
    said = command(*arguments, cwd=tmp_path, PYTHONIOENCODING="ascii", PYTHONUTF8="0", LC_ALL="C")
    assert said.returncode == 0, said.stderr
    assert said.stdout.isascii()


def test_a_result_that_cannot_be_written_is_one_line_and_a_closed_output_is_none(tmp_path: Path) -> None:
    for redirected, code in (("> /dev/full", 2), (">&-", 0)):
        shell = f"{sys.executable} -m dna_deploy.cli.app spaces {redirected}"
        said = subprocess.run(shell, shell=True, cwd=tmp_path, capture_output=True, check=False)
        assert (said.returncode, b"Traceback" in said.stderr) == (code, False), said.stderr
        assert (b"cannot write the result to standard output: No space left" in said.stderr) == bool(code)


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (OSError(errno.ENOSPC, "No space left on device", "/x/y"), "cannot write /x/y: No space left on device"),
        (OSError(errno.EROFS, "Read-only file system"), "cannot write a file: Read-only file system"),
        (FileNotFoundError(errno.ENOENT, "No usable temporary directory found in ['/tmp']"), "No usable temporary directory"),
        (MemoryError(), "there is not enough memory"),
    ],
)
def test_what_a_library_meets_where_there_is_no_room_is_one_line(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], error: Exception, words: str
) -> None:
    def fail(**how: object) -> None:
        raise error

    monkeypatch.setattr(app, "app", fail)
    with pytest.raises(SystemExit) as caught:
        app.main()
    assert caught.value.code == 2
    assert words in capsys.readouterr().err


@pytest.mark.slow
def test_paths_with_spaces_quotes_and_many_letters_are_only_paths(tmp_path: Path) -> None:
    folder = tmp_path / 'it\'s a "folder" \u00fc' / ("long" * 50)
    folder.mkdir(parents=True)
    assert command("init", "--space", "fashion", cwd=folder).returncode == 0
    planned = command("run", str(folder), "--dry-run", "--json", cwd=tmp_path)
    assert planned.returncode == 0, planned.stderr
    assert command("profile", "nothing.kit", cwd=folder).returncode == 4


@pytest.mark.parametrize(("number", "hint"), [(errno.ENOSPC, "free some space"), (errno.EACCES, "choose another folder"),
                                              (errno.EROFS, "choose another folder")])  # fmt: skip
def test_what_cannot_be_written_says_what_helps(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int, hint: str
) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(tempfile, "NamedTemporaryFile", refuse)
    with pytest.raises(UsageError, match="cannot write") as caught:
        write_atomically(tmp_path / "file", b"")
    assert caught.value.hint.startswith(hint)


def test_a_full_temporary_folder_is_said_with_the_way_out(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(tempfile, "mkdtemp", refuse)
    with pytest.raises(UsageError, match="cannot make a temporary folder: No space left") as caught, temporary_folder():
        pass
    assert "TMPDIR" in caught.value.hint


@pytest.mark.torch
@pytest.mark.parametrize("line", ["train 24:k3e1/40:k3e1/80:k3e1 --dataset photos --batch 4", "export 24:k3e1/40:k3e1/80:k3e1"])
def test_a_folder_whose_name_is_not_utf_8_is_refused_by_name_before_work(tmp_path: Path, line: str) -> None:
    class_folders(tmp_path / "photos", "cat", "dog")
    folder = os.fsdecode(b"out\xff")
    refused = command(*line.split(), "--space", "fashion", "--out", folder, "--quiet", cwd=tmp_path)
    assert refused.returncode == 2
    assert refused.stdout == b""
    first, hint = refused.stderr.decode("utf-8", "replace").splitlines()
    assert first.startswith("error: the name out")
    assert first.endswith(" is not UTF-8, which weights and models need")
    assert hint == "hint: choose another name"


@pytest.mark.torch
def test_a_training_of_one_epoch_prints_its_result_and_no_words_of_a_library(tmp_path: Path) -> None:
    class_folders(tmp_path / "photos", "cat", "dog")
    line = "train 24:k3e1/40:k3e1/80:k3e1 --space fashion --dataset photos --batch 8 --epochs 1 --quiet --json"
    trained = command(*line.split(), cwd=tmp_path, XDG_CACHE_HOME=str(tmp_path / "cache"), PYTHONWARNINGS="always")
    assert trained.returncode == 0, trained.stderr
    assert trained.stderr == b""
    assert json.loads(trained.stdout)["command"] == "train"
