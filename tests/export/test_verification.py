"""A model is measured for real, without torch and without onnx, and misses or keeps what was asked."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from dna_deploy.errors import PromiseError, UnstableMeasurementError, UsageError
from dna_deploy.export.checks.verification import Promise, Verification, find_promise
from dna_deploy.export.delivery import deliver
from dna_deploy.export.source import Source
from dna_deploy.records.doubt import Doubt
from dna_deploy.records.model_card import AskedLatency, MeasuredLatency, ModelCard
from dna_deploy.targets.target_file import default_target
from dna_deploy.units import Duration
from tests.export.made import card, measurement
from tests.export.networks import TINY, tiny
from tests.spaces.chains import FASHION

BASE_INSTALL = """
import sys
for name in ("torch", "torchvision", "timm", "onnx", "onnxscript", "safetensors", "openvino"):
    sys.modules[name] = None
from dna_deploy.cli.app import main
main()
"""


def verification(asked: str | None, microseconds: int = 100) -> Verification:
    promise = Promise(Duration.parse(asked) if asked else None, "p90")
    return Verification(Path("model.onnx"), None, measurement(microseconds=microseconds), promise)


@pytest.fixture(scope="module")
def delivered(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("delivered") / "out"
    return deliver(Source(FASHION, tiny()), folder).model


def verify(model: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """`dna-deploy verify` as a device with the base install would run it."""
    command = [sys.executable, "-W", "error", "-c", BASE_INSTALL, "verify", str(model), "--accept-noise", *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=False, cwd=model.parent)


@pytest.mark.slow
def test_base_install_measures_a_model_and_completes_its_card(delivered: Path) -> None:
    ran = verify(delivered, "--latency", "10s", "--quantile", "p90", "--json")
    assert ran.returncode == 0, ran.stderr
    found = json.loads(ran.stdout)
    assert found["is_kept"] is True
    assert found["architecture"] == TINY
    assert 0 < found["p50_s"] <= found["measured_s"] == found["p90_s"] < 10
    assert found["samples"] >= 64
    written = ModelCard.read(delivered.with_suffix(".card.json"))
    assert written.promise == "kept"
    assert written.asked == AskedLatency(latency_s=10.0, quantile="p90", target="cpu-1thread")
    assert isinstance(written.measured, MeasuredLatency)
    assert written.measured.quantile_s == found["measured_s"]


@pytest.mark.slow
def test_a_missed_promise_is_exit_code_8_wherever_it_was_made(delivered: Path, tmp_path: Path) -> None:
    model = Path(shutil.copytree(delivered.parent, tmp_path / "copy")) / delivered.name
    said = verify(model, "--latency", "10ns", "--rounds", "4")
    assert said.returncode == 8
    assert "missed" in said.stdout
    assert "over 10.0 ns" in said.stderr
    by_card = verify(model, "--rounds", "4", "--json")
    assert by_card.returncode == 8, "the card holds what was asked before"
    assert json.loads(by_card.stdout)["is_kept"] is False
    assert verify(model, "--fail-over", "10s", "--rounds", "4").returncode == 0, "another limit was given"


@pytest.mark.slow
def test_a_refused_measurement_leaves_the_card_as_it_was(delivered: Path, tmp_path: Path) -> None:
    model = Path(shutil.copytree(delivered.parent, tmp_path / "copy")) / delivered.name
    cards = [model.with_suffix(".card.json"), model.with_suffix(".card.md")]
    before = [path.read_bytes() for path in cards]
    (tmp_path / "profiles/crowded").mkdir(parents=True)
    (tmp_path / "profiles/crowded/target.toml").write_text("threads = 2\n")
    command = [
        sys.executable,
        "-c",
        BASE_INSTALL,
        "verify",
        str(model),
        "--rounds",
        "4",
        "--target",
        "crowded",
        "--latency",
        "10s",
    ]
    crowded = ("taskset", "-c", str(min(os.sched_getaffinity(0))))  # two threads on one processor have grade D
    ran = subprocess.run([*crowded, *command], capture_output=True, text=True, check=False, cwd=tmp_path)
    assert ran.returncode == 6, ran.stderr
    assert "updated" not in ran.stderr
    assert [path.read_bytes() for path in cards] == before


@pytest.mark.slow
def test_a_file_is_measured_for_its_own_batch_and_precision_or_not_at_all(delivered: Path, tmp_path: Path) -> None:
    (tmp_path / "profiles/eight").mkdir(parents=True)
    (tmp_path / "profiles/eight/target.toml").write_text("batch = 8\n")
    (tmp_path / "profiles/rounded").mkdir()
    (tmp_path / "profiles/rounded/target.toml").write_text('precision = "int8"\n')
    folder = ("--profiles", str(tmp_path / "profiles"), "--rounds", "4", "--latency", "10s")
    ran = verify(delivered, "--target", "eight", *folder)
    assert (ran.returncode, ran.stdout) == (2, "")
    assert "model.onnx takes 1 image at once; the target 'eight' measures 8 images" in ran.stderr
    ran = verify(delivered, "--target", "rounded", *folder)
    assert (ran.returncode, ran.stdout) == (2, "")
    assert "model.onnx is in fp32; the target 'rounded' measures int8" in ran.stderr
    eight = deliver(Source(FASHION, tiny()), tmp_path / "batch of 8", batch=8).model
    measured = json.loads(verify(eight, "--target", "eight", "--json", *folder).stdout)
    assert measured["inputs"] == ["input 8x1x28x28"]
    assert measured["batch"] == 8
    assert "takes 8 images at once" in verify(eight, *folder).stderr
    anything = deliver(Source(FASHION, tiny()), tmp_path / "any batch", batch=None).model
    for target, batch in (("eight", 8), ("cpu-1thread", 1)):
        assert json.loads(verify(anything, "--target", target, "--json", *folder).stdout)["batch"] == batch


def test_a_promise_made_for_another_target_is_no_promise_here() -> None:
    here = default_target()
    for other, message in (
        (AskedLatency(latency_s=0.02, target="orin"), "20.0 ms was asked for target orin; target cpu-1thread would"),
        (AskedLatency(latency_s=0.02, batch=8), "was asked for batch 8; batch 1 would"),
        (AskedLatency(latency_s=0.02, precision="int8"), "was asked for precision int8; precision fp32 would"),
    ):
        with pytest.raises(UsageError, match=message):
            Promise(Duration(0.02), written=other).check_target(here)
    Promise(Duration(0.02), written=AskedLatency(latency_s=0.02, target=here.name)).check_target(here)
    Promise(Duration(0.02), written=AskedLatency(latency_s=0.02)).check_target(here)


@pytest.mark.slow
def test_slower_than_allowed_is_exit_code_8_with_the_values(delivered: Path) -> None:
    ran = verify(delivered, "--fail-over", "10ns", "--rounds", "4")
    assert ran.returncode == 8
    assert "error: model.onnx takes" in ran.stderr
    assert "over 10.0 ns" in ran.stderr
    assert "Traceback" not in ran.stderr


@pytest.mark.slow
@pytest.mark.parametrize(
    ("content", "arguments", "code", "message"),
    [
        (b"not a model", (), 2, "ONNX Runtime cannot load"),
        (None, (), 2, "there is no model"),
        (b"", ("--latency", "20"), 2, "has no unit"),
        (b"", ("--fail-over", "nan"), 2, "is not finite"),
        (b"", ("--target", "jetson"), 2, "there is no target 'jetson'"),
        (b"", ("--quantile", "p95"), 2, "unknown quantile 'p95'"),
    ],
)
def test_bad_input_is_one_line_and_the_right_exit_code(
    tmp_path: Path, content: bytes | None, arguments: tuple[str, ...], code: int, message: str
) -> None:
    if content is not None:
        (tmp_path / "model.onnx").write_bytes(content)
    ran = verify(tmp_path / "model.onnx", *arguments)
    assert ran.returncode == code, ran.stderr
    assert message in ran.stderr
    assert ran.stderr.startswith("error: ")
    assert ran.stderr.count("\n") <= 2
    assert ran.stdout == ""


@pytest.mark.slow
def test_card_of_another_model_is_left_alone(delivered: Path, tmp_path: Path) -> None:
    shutil.copy(delivered, tmp_path / "model.onnx")
    card().write(tmp_path / "model.card.json")
    before = (tmp_path / "model.card.json").read_bytes()
    assert verify(tmp_path / "model.onnx", "--rounds", "2").returncode == 0
    assert (tmp_path / "model.card.json").read_bytes() == before


def test_promise_is_judged_at_the_asked_quantile() -> None:
    assert verification("200us").is_kept is True
    assert verification("50us").is_kept is False
    assert verification(None).is_kept is None
    verification("50us").check(Duration.parse("101us"))
    with pytest.raises(PromiseError, match=r"takes 100 us at p90 for an image on 'cpu-1thread', 100.2% over 50.0 us"):
        verification("1s").check(Duration.parse("50us"))


def test_noisy_measurement_is_refused_unless_accepted() -> None:
    doubt = Doubt(name="drift", message="the halves differ by 40 %", advice="stop other programs", grade="F")
    noisy = measurement().model_copy(update={"doubts": (doubt,)})
    with pytest.raises(UnstableMeasurementError, match="grade F: the halves differ") as caught:
        Verification(Path("model.onnx"), None, noisy, Promise()).check_stable()
    assert caught.value.hint == "stop other programs, or accept it with --accept-noise"


def test_what_the_card_promises_is_the_default(tmp_path: Path) -> None:
    (tmp_path / "model.onnx").write_bytes(b"")
    digest = "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
    asked = AskedLatency(latency_s=0.02, quantile="p90")
    card(model_digest=digest, asked=asked).write(tmp_path / "model.card.json")
    assert find_promise(tmp_path / "model.onnx", None, None) == Promise(Duration(0.02), "p90", asked)
    assert find_promise(tmp_path / "model.onnx", Duration(0.03), "p50") == Promise(Duration(0.03), "p50")
    assert find_promise(tmp_path / "other.onnx", None, None) == Promise(None, "p50")
    with pytest.raises(UsageError, match="unknown quantile 'p95'"):
        find_promise(tmp_path / "model.onnx", None, "p95")
