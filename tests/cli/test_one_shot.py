"""The one-shot baseline from the command line: trained once, then asked by search and rank-check."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.cli.made import LINES, fails, run, write_ratings
from tests.data.made import class_folders

pytestmark = pytest.mark.torch

BASELINES = ("operator counts", "parameters", "MACs", "chance")


METHODS = {"one-shot": (), "cream": ("--board", "2", "--alone=0"), "cream-top1": ("--board", "2", "--alone=0")}
"""Methods that train a supernet of the whole space, with settings of their own."""


@pytest.fixture(scope="module", params=METHODS)
def trained(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> dict[str, object]:
    """What `rate` says with one of these methods on a folder of a few images."""
    folder = tmp_path_factory.mktemp("one-shot")
    class_folders(folder / "images", "cat", "dog", images=20)
    small = ("--epochs", "1", "--images", "20", "--rating-images", "8", "--batch", "10")
    arguments = ("--dataset", str(folder / "images"), "--folder", str(folder / "runs"), *small, *METHODS[request.param])
    return json.loads(run("rate", "--method", request.param, *arguments, "--json"))  # type: ignore[no-any-return]


def test_rate_trains_a_one_shot_supernet_and_shows_what_it_knows(trained: dict[str, object]) -> None:
    networks = trained["networks"]
    assert isinstance(networks, list)
    assert len(networks) == 8
    assert all(0 <= network["accuracy"] <= 1 for network in networks)
    assert Path(str(trained["folder"]), "one-shot.safetensors").exists()


def test_search_rates_with_a_one_shot_supernet(trained: dict[str, object], tmp_path: Path) -> None:
    arguments = ("with", str(trained["folder"]), "--macs", "4M", "--evaluations", "4", "--strategy", "random")
    found = json.loads(run("search", *arguments, "-o", str(tmp_path / "outcome.json"), "--json"))["outcome"]
    assert 0 <= found["best"]["rating"] <= 1
    assert "networks rated" in found["proof"]["method"]
    (log,) = Path(str(trained["folder"])).glob("searched-*.jsonl")
    rated = log.read_text()
    assert len(rated.splitlines()) == 1 + 4
    log.write_text("\n".join(rated.splitlines()[:3]) + "\n[24:k3e1")  # as a kill leaves it after two
    again = json.loads(run("search", *arguments, "-o", str(tmp_path / "again.json"), "--json"))["outcome"]
    assert (again["best"], log.read_text()) == (found["best"], rated)


def test_search_refuses_the_supernet_of_another_space(trained: dict[str, object]) -> None:
    error = fails("search", "with", str(trained["folder"]), "--space", "mbconv", "--macs", "400M")
    assert "is of space 'fashion', not 'mbconv'" in error.message


def test_rank_check_puts_the_one_shot_rating_beside_the_block_rating(trained: dict[str, object], tmp_path: Path) -> None:
    write_ratings(tmp_path / "ratings.json")
    csv = tmp_path / "accuracies.csv"
    csv.write_text("".join(f"{line},0.{80 + number}\n" for number, line in enumerate(LINES)))
    arguments = ("--ratings", str(tmp_path / "ratings.json"), "--run", str(trained["folder"]))
    found = json.loads(run("rank-check", str(csv), *arguments, "--json"))
    assert [score["score"] for score in found["scores"]] == [
        "block rating",
        f"{trained['method']}, accuracy",
        f"{trained['method']}, cross entropy",
        *BASELINES,
    ]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--method", "one-shto"), "unknown rater 'one-shto'"),
        (("--method", "one-shot", "--teacher", "timm:resnet18"), "method one-shot has no teacher"),
        (("--method", "one-shot", "--jobs", "2"), "method one-shot runs in one process, not in several"),
        (("--method", "one-shot", "--learning-rate", "-1"), "--learning-rate -1.0"),
        (("--method", "one-shot", "--label-smooting", "0"), "method 'one-shot' has no setting --label-smooting"),
        (("--method", "dna++", "--label-smoothing", "0"), "method 'dna++' has no setting --label-smoothing"),
        (("--method", "one-shot", "--warm-up"), "--warm-up has no value"),
        (("--method", "one-shot", "--share-widths", "--warm-up", "0.1"), "--share-widths has no value"),
    ],
)
def test_rate_refuses_what_a_method_cannot_use(tmp_path: Path, arguments: tuple[str, ...], message: str) -> None:
    error = fails("rate", "--folder", str(tmp_path), *arguments)
    assert message in error.message
    assert error.hint
