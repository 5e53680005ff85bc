"""Whatever the user gets wrong: one clear line with the values, a hint, the right exit code, no traceback, no half file."""

from __future__ import annotations

import os
import random
import resource
import subprocess
import sys
from pathlib import Path

import onnx
import pytest
from PIL import Image

from dna_deploy.cli.app import main
from dna_deploy.records.latency_table import LatencyTable
from dna_deploy.spaces.catalog import find_chain
from tests.search.instances import random_ratings, random_table

FASHION = find_chain("fashion").with_head()
LINE = "24:k3e1/40:k3e1/80:k3e1"


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with a latency table and ratings for `fashion`, and the current folder of the test."""
    rng = random.Random(0)
    random_table(FASHION, rng, "device").write(tmp_path / "latency_tables" / "fashion.device.json")
    random_ratings(FASHION, rng).write(tmp_path / "ratings" / "fashion.json")
    (tmp_path / "broken.onnx").write_bytes(b"\x08\x07not a model")
    (tmp_path / "pointer.onnx").write_bytes(b"version https://git-lfs.github.com/spec/v1\noid sha256:0\n")
    (tmp_path / "photos" / "cat").mkdir(parents=True)
    (tmp_path / "photos" / "cat" / "1.png").write_bytes(b"no image")
    for name in ("cat", "dog"):
        (tmp_path / "tiny" / name).mkdir(parents=True)
        Image.new("L", (4, 4)).save(tmp_path / "tiny" / name / "1.png")
    (tmp_path / "shards").mkdir()
    (tmp_path / "shards" / "train-0.tar").write_bytes(b"rubbish")
    (tmp_path / "pickle.pt").write_bytes(b"\x80\x02}q\x00.")
    (tmp_path / "notes.txt").write_text("hello")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def said(arguments: list[str], capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> tuple[int, str]:
    monkeypatch.setattr(sys, "argv", ["dna-deploy", *arguments])
    with pytest.raises(SystemExit) as stop:
        main()
    captured = capsys.readouterr()
    assert captured.out == ""
    return int(str(stop.value.code)), captured.err


NEEDS_TORCH = ("rate", "train", "export")
MISTAKES = [
    ("search --space fasion --latency 20ms", 2, "unknown space 'fasion'", "did you mean 'fashion'?"),
    ("search --latency 20ms promise", 2, "--latency stands before 'promise'", "write it behind"),
    ("search -q promise --macs 4M", 2, "a promise is one latency budget, not 0", "--latency 20ms"),
    ("tables --json show notes.txt", 2, "--json stands before 'show'", "write it behind"),
    ("search promise --macs 4M", 2, "a promise is one latency budget, not 0", "--latency 20ms"),
    ("portfolio --macs 4M", 2, "0 devices cannot be grouped", "give 1 to 12 latency budgets"),
    ("search --space fashion --latency 20", 2, "duration '20' has no unit", "write it like 20ms"),
    ("search --space fashion --latency -1ms", 2, "duration '-1ms' is not positive", "write it like 20ms"),
    ("search --space fashion --latency 0ms", 2, "duration '0ms' is not positive", "write it like 20ms"),
    ("search --space fashion --latency nan", 2, "duration 'nan'", "write it like 20ms"),
    ("search --space fashion --latency 1ns", 3, "1.00 ns", "the fastest"),
    ("search --space fashion --latency 20ms@jetson", 4, "'jetson'", ""),
    ("search --space mbconv --latency 20ms --ratings ratings/fashion.json", 4, "for space 'fashion'", "rate"),
    ("search --space fashion --latency 20ms --table notes.txt", 4, "notes.txt is not JSON", "make it again"),
    ("search --space fashion --latency 1ms --table ratings/fashion.json", 4, "a 'rating-table', not a 'latency-table'", ""),
    ("search --space fashion --latency 20ms --table nowhere.json", 4, "cannot read latency-table nowhere.json", ""),
    ("rate --space fashion --dataset fashion-minst", 2, "unknown dataset 'fashion-minst'", "did you mean 'fashion-mnist'?"),
    ("rate --space fashion --dataset ./nowhere", 2, "nowhere", ""),
    ("rate --space fashion --dataset ./photos", 2, "photos", ""),
    ("rate --space fashion --teacher resnet5000", 2, "resnet5000", ""),
    ("rate --space fashion --teacher pickle.pt", 2, "teacher pickle.pt is a pickle", "save the weights as safetensors"),
    ("rate --space fashion --dataset ./tiny", 2, "cat/1.png has 4x4 pixels; at least 8x8 are needed", "remove the file"),
    ("rate --method dna++ --dataset ./photos", 2, "photos", ""),
    ("rate --method dna++ --dataset ./tiny", 2, "cat/1.png has 4x4 pixels", "remove the file"),
    ("rate --method one-shot --dataset ./photos", 2, "photos", ""),
    ("rate --method dna++ --supernet-sets 2", 2, "method 'dna++' has no setting --supernet-sets", "known: epochs, batch"),
    ("rate --method one-shot --dataset ./tiny", 2, "cat/1.png has 4x4 pixels", "remove the file"),
    ("rate --space fashion --dataset ./shards", 2, "shards/train-0.tar is no tar archive", "plain tar files"),
    ("rate --space fashion --precision float8", 2, "--precision 'float8'", "autocast"),
    ("rate --space fashion --feature-cache 4", 2, "size '4' has no unit", "write it like 12MiB"),
    ("profile --space fashion --target jetsno", 2, "there is no target 'jetsno'", ""),
    ("rate --space fashion --teacher larget", 2, "there is no teacher 'larget'", "largest, residual"),
    ("profile broken.onnx", 4, "broken.onnx", ""),
    ("profile nowhere.kit", 4, "nowhere.kit", ""),
    ("train nowhere.json", 4, "nowhere.json", ""),
    (f"train {LINE}x --space fashion", 2, "unknown operation 'k3e1x'", "did you mean 'k3e1'?"),
    ("export nowhere.json", 4, "nowhere.json", ""),
    (f"export {LINE} --space mbconv", 2, "has 3 blocks", "its space has 6"),
    ("verify broken.onnx --latency 1ms", 2, "broken.onnx", ""),
    ("verify pointer.onnx --latency 1ms", 2, "pointer.onnx is a pointer of Git LFS", "git lfs pull"),
    ("verify nowhere.onnx --latency 1ms", 2, "there is no model nowhere.onnx", "dna-deploy export"),
    ("verify nowhere.onnx --input 3x8x8 --input 3x9x9", 2, "an input without a name is given twice", "by its name"),
    ("verify nowhere.onnx --tune --on ssh://pi", 2, "--tune tries settings of this machine", "run verify --tune there"),
    ("run nowhere.toml", 2, "cannot read nowhere.toml", "dna-deploy init"),
    ("init --space fasion", 2, "unknown space 'fasion'", "did you mean 'fashion'?"),
    ("init --latency 20", 2, "duration '20' has no unit", "write it like 20ms"),
    ("demo --latency 120%", 2, "'120%'", "40%"),
]  # fmt: skip


@pytest.mark.parametrize(
    ("command", "code", "message", "hint"),
    [
        pytest.param(*mistake, marks=pytest.mark.torch) if mistake[0].startswith(NEEDS_TORCH) else mistake
        for mistake in MISTAKES
    ],
)
def test_mistakes_get_one_line_a_hint_and_an_exit_code(
    project: Path, command: str, code: int, message: str, hint: str,
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    before = sorted(path for path in project.rglob("*") if path.is_file())
    exit_code, text = said(command.split(), capsys, monkeypatch)
    lines = [line for line in text.splitlines() if line.startswith(("error: ", "hint: "))]
    assert exit_code == code, text
    assert lines, text
    assert message in lines[0], text
    assert hint in lines[-1], text
    assert "Traceback" not in text
    assert sorted(path for path in project.rglob("*") if path.is_file()) == before


def test_a_hand_edited_table_is_refused(
    project: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    path = project / "latency_tables" / "fashion.device.json"
    table = LatencyTable.read(path)
    first = f'"latency_s": {table.rows[0].latency_s}'
    path.write_text(path.read_text().replace(first, '"latency_s": 1e-09', 1))
    code, text = said(["search", "--space", "fashion", "--latency", "1ms"], capsys, monkeypatch)
    assert (code, "does not match its own digest" in text) == (4, True)


def test_a_truncated_table_is_refused(
    project: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    path = project / "latency_tables" / "fashion.device.json"
    path.write_bytes(path.read_bytes()[:1000])
    code, text = said(["search", "--space", "fashion", "--latency", "1ms"], capsys, monkeypatch)
    assert (code, "is not JSON" in text) == (4, True)


def test_a_full_disk_leaves_no_half_written_file(project: Path) -> None:
    """The limit on file size stands for the disk: writes beyond it fail in the middle."""
    command = [
        sys.executable,
        "-m",
        "dna_deploy.cli.app",
        "search",
        "--space",
        "fashion",
        "--latency",
        "1s",
        "-o",
        "found.json",
    ]

    def limit() -> None:
        import signal

        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (500, 500))

    ran = subprocess.run(command, capture_output=True, text=True, check=False, preexec_fn=limit)
    assert ran.returncode == 2, ran.stderr
    assert "error: cannot write found.json: File too large" in ran.stderr
    assert not [path for path in project.iterdir() if "found" in path.name]


def test_a_missing_runtime_is_named_with_what_installs_it(project: Path) -> None:
    value = onnx.helper.make_tensor_value_info
    graph = onnx.helper.make_graph(
        [onnx.helper.make_node("Relu", ["input"], ["output"])], "relu",
        [value("input", onnx.TensorProto.FLOAT, [1, 2])], [value("output", onnx.TensorProto.FLOAT, [1, 2])],
    )  # fmt: skip
    onnx.save(onnx.helper.make_model(graph, ir_version=10, opset_imports=[onnx.helper.make_opsetid("", 18)]), "relu.onnx")
    folder = project / "profiles" / "npu"
    folder.mkdir(parents=True)
    (folder / "target.toml").write_text('runtime = "openvino"\nprovider = "CPU"\n')
    (project / "missing" / "openvino").mkdir(parents=True)
    absent = "raise ModuleNotFoundError(\"No module named 'openvino'\", name='openvino')"
    (project / "missing" / "openvino" / "__init__.py").write_text(absent)
    command = [sys.executable, "-m", "dna_deploy.cli.app", "verify", "relu.onnx", "--target", "npu"]
    environment = {**os.environ, "PYTHONPATH": str(project / "missing")}
    ran = subprocess.run(command, capture_output=True, text=True, check=False, env=environment)
    assert ran.returncode == 5, ran.stderr
    assert "openvino" in ran.stderr
    assert "hint: " in ran.stderr
    assert "Traceback" not in ran.stderr
