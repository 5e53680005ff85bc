"""``dna-deploy fit`` as a user types it. Times are told from sizes, so that no test depends on this machine's."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import partial
from pathlib import Path

import jsonschema
import numpy as np
import onnxruntime
import pytest
import torch
from PIL import Image
from torch import nn

from dna_deploy.cli.json_outputs import output_schema
from dna_deploy.errors import InfeasibleError, TableError, UsageError
from dna_deploy.fit.judging import Judge, Mean
from dna_deploy.fit.mending import Deployed, deployed, refitted
from dna_deploy.pipeline.fit import wholes
from dna_deploy.pipeline.fit.contest import Contest
from dna_deploy.pipeline.fit.precision import INT8
from dna_deploy.records.fitted_model import FittedModel
from dna_deploy.records.folder_lock import folder_lock
from dna_deploy.records.latency_table import LatencyTable
from dna_deploy.records.model_card import Absent
from tests.cli.made import fails, run
from tests.pipeline.made_fit import time_by_macs

_NET = """
import torch
from tests.fit.made import TinyResNet
def build():
    torch.manual_seed(0)
    return TinyResNet()
"""
CALL = ("fit", "--model", "my_net.py:build", "--input", "3x16x16", "--images", "photos", "--rated-images", "16")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One for all tests: what is exported once serves them all."""
    folder = tmp_path_factory.mktemp("project")
    (folder / "my_net.py").write_text(_NET)
    rng = np.random.default_rng(0)
    for part, count in (("train", 24), ("test", 8)):
        for label in range(4):
            pictures = folder / "photos" / part / f"class{label}"
            pictures.mkdir(parents=True)
            for number in range(count):
                pixels = rng.integers(0, 90, (16, 16, 3), dtype=np.uint8)
                pixels[:, 4 * label : 4 * label + 4] += 150
                Image.fromarray(pixels).save(pictures / f"{number}.png")
    return folder


@pytest.fixture(autouse=True)
def project(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(folder / "cache"))
    monkeypatch.chdir(folder)
    time_by_macs(monkeypatch)


@pytest.mark.slow
def test_a_model_comes_out_within_its_budget_with_its_files_its_card_and_its_baselines() -> None:
    printed = json.loads(
        run(*CALL, "--latency", "70%", "--labels", "--epochs", "1", "--unit-steps", "2", "--out", "out", "--json")
    )
    jsonschema.validate(printed, output_schema("fit"))
    card = FittedModel.read(Path("out/fitted-model.json"))
    assert printed["is_kept"] and card.is_kept and card.standing.measured_s <= card.asked_s
    assert card.asked_s == pytest.approx(0.7 * card.original_s)
    assert any(unit.choice != "keep" for unit in card.units)
    assert all(unit.divergence == pytest.approx(0, abs=1e-6) for unit in card.units if unit.choice == "keep")
    assert card.absent["layer1.0 kernel1"] == "it cannot be timed: it is told so"
    assert (card.grade, card.table) == ("B", LatencyTable.read(next(Path("latency_tables").glob("own-*.json"))).digest)
    names = [baseline.name for baseline in card.baselines if baseline.name != "search"]
    assert names == ["uniform width", "greedy drop", "all skips, uniform width", "random feasible", "lower resolution", INT8]
    rounded = card.baselines[-1].standing
    assert not isinstance(rounded, Absent) and rounded.before and rounded.agreement > 0.5 and rounded.after is None
    reached = [baseline.standing for baseline in card.baselines[:-1] if not isinstance(baseline.standing, Absent)]
    assert reached and all(standing.measured_s <= card.asked_s * 1.2 and standing.after for standing in reached)
    session = onnxruntime.InferenceSession("out/model.onnx")
    image = np.random.default_rng(1).standard_normal((1, 3, 16, 16), np.float32)
    np.save("image.npy", image)
    program = (
        "import sys; sys.path.insert(0, 'out'); sys.modules['dna_deploy'] = None\n"
        "import numpy, torch; from network import Network\n"
        "print(Network()(torch.from_numpy(numpy.load('image.npy'))).tolist())\n"
    )
    plain = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    np.testing.assert_allclose(json.loads(plain.stdout), session.run(None, {"input": image})[0], rtol=1e-3, atol=1e-4)


def test_a_budget_that_is_none_is_refused_before_anything_is_loaded() -> None:
    for budget, words in (("120%", "not a share between 0% and 100%"), ("fast", "fast"), ("20", "no unit")):
        assert words in fails(*CALL, "--latency", budget).message


def test_a_model_that_is_fast_enough_is_left_alone() -> None:
    error = fails(*CALL, "--latency", "1s", "--out", "out")
    assert isinstance(error, UsageError) and "keeps 1.00 s already" in error.message


def test_two_do_not_work_in_one_folder(tmp_path: Path) -> None:
    with folder_lock(tmp_path):
        assert "another run is at work in" in fails(*CALL, "--latency", "70%", "--out", str(tmp_path)).message


def test_a_place_that_is_none_is_refused_before_the_model_is_opened() -> None:
    assert "unknown executor 'rai'" in fails(*CALL, "--latency", "70%", "--on", "rai:local").message


def test_a_model_on_smaller_images_says_which_it_takes_and_one_that_keeps_them_not(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Where no unit can be spared: on whole images every network is told to be far off, and equally so."""

    def far_off(
        deploy: Callable[..., Deployed | None], judge: Judge, modules: Mapping[str, nn.Module], **ways: bool
    ) -> Deployed | None:
        made = deploy(judge, modules, **ways)
        return replace(made, joint=Mean(1.0, 0.0)) if made and judge.batches[0].shape[-1] == 16 else made

    for deploy in (deployed, refitted):
        monkeypatch.setattr(wholes, deploy.__name__, partial(far_off, deploy))
    monkeypatch.setattr(Contest, "winner", lambda _contest, contenders, budget_s: contenders[0])
    run(*CALL, "--latency", "70%", "--out", "small")
    run(*CALL, "--latency", "70%", "--keep-size", "--out", "whole")
    small, whole = (FittedModel.read(Path(name) / "fitted-model.json") for name in ("small", "whole"))
    assert small.is_kept and whole.is_kept and whole.takes is None
    for card, folder in ((small, "small"), (whole, "whole")):
        session = onnxruntime.InferenceSession(f"{folder}/model.onnx")
        edge = session.get_inputs()[0].shape[-1]
        assert (card.takes or card.input) == f"3x{edge}x{edge}"
        assert session.run(None, {"input": np.zeros((1, 3, edge, edge), np.float32)})[0].shape == (1, 4)
    assert small.takes in {"3x14x14", "3x12x12"} and small.standing.agreement > 0.5
    assert any(f"it takes images of {small.takes}" in remark for remark in small.remarks)


def test_images_that_are_not_there_are_missed_before_the_model_is_opened(tmp_path: Path) -> None:
    call = ("fit", "--model", "no_such_file.py:build", "--latency", "70%")
    (tmp_path / "empty").mkdir()
    for folder, words in ((tmp_path / "nowhere", "nowhere"), (tmp_path / "empty", "empty")):
        error = fails(*call, "--images", str(folder))
        assert words in error.message and "no_such_file" not in error.message
    assert "unknown dataset 'nowhere'" in fails(*call, "--images", "nowhere").message
    assert "no_such_file" in fails(*call, "--images", "fashion-mnist").message


def test_a_budget_below_what_cannot_change_names_the_fastest() -> None:
    error = fails(*CALL, "--latency", "1%", "--out", "out")
    assert isinstance(error, InfeasibleError) and "the fastest takes" in error.message and "freeze fewer" in error.hint


def test_the_same_command_reads_what_was_rated_before() -> None:
    run(*CALL, "--latency", "70%", "--out", "out")
    files = sorted(Path("out/work").glob("ratings-*/*.json"))
    assert {file.stem for file in files} >= {"wholes", *(f"layer1.{n}" for n in range(3)), "layer2.0", "layer2.1"}
    before = [file.stat().st_mtime_ns for file in files]
    torch.manual_seed(1)
    run(*CALL, "--latency", "70%", "--out", "out")
    assert [file.stat().st_mtime_ns for file in files] == before


def test_a_table_of_another_machine_is_refused() -> None:
    fails(*CALL, "--latency", "1s", "--out", "out")
    path = next(Path("latency_tables").glob("own-*.json"))
    own = LatencyTable.read(path)
    other = own.model_copy(update={"fingerprint": own.fingerprint.model_copy(update={"processor": "another"})})
    other.write(path)
    error = fails(*CALL, "--latency", "70%", "--out", "out")
    own.write(path)
    assert isinstance(error, TableError) and "made on another machine: processor" in error.message


@pytest.mark.slow
def test_run_fits_the_model_that_the_settings_name() -> None:
    Path("dna-deploy.toml").write_text(
        'dataset = "photos"\nlatency = "70%"\nfolder = "run"\n'
        '[model]\nname = "my_net.py:build"\ninput = "3x16x16"\nrated_images = 16\n'
    )
    try:
        assert "--from is of a journey through a space" in fails("run", "--from", "search").message
        printed = json.loads(run("run", "--json"))
    finally:
        Path("dna-deploy.toml").unlink()
    assert printed["is_kept"] and Path("run/model.onnx").is_file()
    assert FittedModel.read(Path("run/fitted-model.json")).model == "my_net.py:build"


def test_nothing_is_done_where_no_images_are_named() -> None:
    assert fails("fit", "--model", "my_net.py:build").message == "no images are named"
