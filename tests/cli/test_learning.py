"""The commands of the learning side: what they print, leave behind, and say to bad input."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from dna_deploy.errors import UsageError
from dna_deploy.records.rating_table import RatingTable
from dna_deploy.spaces.catalog import find_chain
from tests.cli.made import LINES, fails, run, write_ratings
from tests.data.made import class_folders


def test_teachers_lists_what_there_is_and_what_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("dna_deploy.cli.commands.teachers._is_installed", lambda package: package != "timm")
    rows = {row["teacher"]: row for row in json.loads(run("teachers", "--json"))["teachers"]}
    assert rows["residual"]["ready"]
    assert rows["largest"]["ready"]
    assert rows["timm:MODEL"] == {**rows["timm:MODEL"], "ready": False, "why": "pip install timm"}
    assert "pip install timm" in run("teachers")


@pytest.mark.slow
def test_rank_check_prints_every_score_with_its_interval(tmp_path: Path) -> None:
    write_ratings(tmp_path / "ratings.json")
    csv = tmp_path / "accuracies.csv"
    csv.write_text("architecture,accuracy\n" + "".join(f"{line},0.{80 + n},0.{81 + n}\n" for n, line in enumerate(LINES)))
    found = json.loads(run("rank-check", str(csv), "--ratings", str(tmp_path / "ratings.json"), "--json"))
    assert (found["networks"], found["noise_ceiling_tau"]) == (6, pytest.approx(1))
    assert [score["score"] for score in found["scores"]] == ["block rating", "operator counts", "parameters", "MACs", "chance"]
    printed = run("rank-check", str(csv), "--ratings", str(tmp_path / "ratings.json"), "--plot", str(tmp_path / "ranks.png"))
    assert (tmp_path / "ranks.png").read_bytes().startswith(b"\x89PNG")
    assert "block rating, better to the right" in printed
    assert printed.count("•") >= 5


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("24:k3e1/40:k3e1/80:k3e1", "no architecture with accuracies"),
        ("0.91", "no architecture with accuracies"),
        ("24:k3e1/40:k3e1/80:k9e9,0.9", "unknown operation 'k9e9'"),
        ("24:k3e1/40:k3e1/80:k3e1,nan", "no architecture with accuracies"),
    ],
)
def test_rank_check_names_the_line_it_cannot_read(tmp_path: Path, line: str, message: str) -> None:
    (tmp_path / "accuracies.csv").write_text(line + "\n")
    assert message in fails("rank-check", str(tmp_path / "accuracies.csv")).message


@pytest.mark.torch
@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--space", "fashoin"), "unknown space 'fashoin'"),
        (("--dataset", "fashion-mnits"), "unknown dataset 'fashion-mnits'"),
        (("--dataset", "no/such/folder"), "there is no folder no/such/folder"),
        (("--teacher", "residaul"), "there is no teacher 'residaul'"),
        (("--teacher", "timm:resnet81"), "timm has no model 'resnet81'"),
        (("--teacher", "efficientnet-lite:0"), "takes colour images; the space takes 1 channel"),
        (("--device", "gpu"), "unknown device 'gpu'"),
        (("--edges", "round"), "--edges 'round'"),
        (("--learning-rate", "-1"), "--learning-rate -1.0"),
    ],
)
def test_rate_refuses_what_it_cannot_use_in_one_line(tmp_path: Path, arguments: tuple[str, ...], message: str) -> None:
    error = fails("rate", "--folder", str(tmp_path), "--out", str(tmp_path / "ratings.json"), *arguments)
    assert message in error.message
    assert error.hint
    assert isinstance(error, UsageError)
    assert list(tmp_path.rglob("*.json")) == []


@pytest.mark.torch
def test_train_refuses_an_architecture_of_another_space(tmp_path: Path) -> None:
    assert "has 2 blocks" in fails("train", "24:k3e1/40:k3e1", "--out", str(tmp_path / "trained")).message


@pytest.mark.slow
def test_rate_and_train_on_a_folder_of_images(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    class_folders(tmp_path / "images", "cat", "dog", images=40)
    common = ("--dataset", "images", "--space", "fashion")
    run(
        "rate",
        *common,
        "--epochs",
        "1",
        "--rating-images",
        "8",
        "--teacher-epochs",
        "1",
        "--images",
        "40",
        "--teacher-images",
        "40",
    )
    table = RatingTable.read(tmp_path / "ratings" / "fashion.json")
    table.check_space(find_chain("fashion").with_head())  # ten classes or two: candidates of a block are the same
    trained = json.loads(run("train", LINES[0], *common, "--epochs", "2", "--batch", "16", "--json"))["trained"]
    (accuracy,) = trained["test"]
    assert (trained["classes"], accuracy["name"], accuracy["images"]) == (["cat", "dog"], "accuracy", 8)
