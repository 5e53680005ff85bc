"""Methods that propose, prune and shrink from the command line: what they leave goes the way of everything else."""

from __future__ import annotations

import json
import random
from pathlib import Path

import pytest

from dna_deploy.records.latency_table import LatencyTable
from dna_deploy.spaces.catalog import find_chain, find_space
from tests.cli.made import LINES, fails, run
from tests.data.made import class_folders
from tests.search.instances import random_table

pytestmark = pytest.mark.torch

SMALL = ("--dataset", "images", "--images", "24", "--rating-images", "8", "--batch", "4", "--calibration-images", "8")


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("shrink")
    class_folders(folder / "images", "cat", "dog", images=20)
    whole = find_chain("fashion")
    random_table(whole.with_head(whole.head_for(2)), random.Random(0)).write(folder / "table.json")
    return folder


@pytest.fixture(autouse=True)
def _project(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(project / "cache"))
    monkeypatch.chdir(project)


def test_proposals_of_an_evaluator_are_searched_exactly_and_refined() -> None:
    rated = json.loads(run("rate", "--method", "setn", "--epochs", "1", *SMALL, "--json"))
    arguments = ("--table", "table.json", "--ratings", rated["table"], "--latency", "1s")
    outcome = json.loads(run("search", *arguments, "--top", "4", "--refine", rated["folder"], "--json"))["outcome"]
    assert outcome["proof"]["gap"] == 0
    assert len(outcome["others"]) == 3
    Path("accuracies.csv").write_text("".join(f"{line},0.{80 + number}\n" for number, line in enumerate(LINES)))
    scores = json.loads(run("rank-check", "accuracies.csv", "--ratings", rated["table"], "--run", rated["folder"], "--json"))
    names = [score["score"] for score in scores["scores"]]
    assert names[:4] == ["block rating", "setn, accuracy", "setn, cross entropy", "setn, log likelihood"]
    assert scores["scores"][0]["tau"]["value"] == pytest.approx(scores["scores"][3]["tau"]["value"])


def test_a_space_is_pruned_to_one_network_that_the_exact_search_finds_too() -> None:
    arguments = ("--method", "ddpnas", "--epochs", "27", *SMALL, "--sweeps", "1")
    shrunk = json.loads(run("shrink", *arguments, "-o", "last.space.json", "--json"))
    assert (shrunk["networks"], shrunk["networks_before"]) == (1, find_chain("fashion").size())
    rated = json.loads(run("rate", *arguments, "--json"))  # nothing is trained again
    assert rated["folder"] == shrunk["folder"]
    found = json.loads(run("search", "--ratings", rated["table"], "--macs", "1G", "--optimum", "--json"))["outcome"]
    (network,) = find_chain("last.space.json").architectures()
    assert found["best"]["architecture"] == str(network)


def test_a_space_is_shrunk_within_a_budget_and_what_is_left_is_profiled_rated_and_searched() -> None:
    budget = ("--table", "table.json", "--budget", "1s")
    arguments = ("--method", "angle", "--epochs", "2", *SMALL, "--keep", "5000", "--rounds", "2", "--children", "50")
    shrunk = json.loads(run("shrink", *arguments, *budget, "--json"))
    assert 0 < shrunk["networks"] <= 5000
    name = shrunk["space"]
    assert find_space(name).size() == shrunk["networks"]
    table = LatencyTable.read(next(Path("latency_tables").glob(f"{name}.*.json")))
    assert table.space == name
    rated = json.loads(run("rate", "--space", name, "--method", "one-shot", "--epochs", "1", *SMALL, "--json"))
    search = ("--space", name, "--latency", "1s", "--evaluations", "3", "--strategy", "random", "--json")
    outcome = json.loads(run("search", "with", rated["folder"], *search))["outcome"]
    find_chain("fashion").check(find_chain(name).parse(outcome["best"]["architecture"]))


def test_a_space_grows_layers_of_branches_that_are_profiled_and_searched_like_any_other() -> None:
    whole = find_chain("catalogue")
    random_table(whole.with_head(whole.head_for(2)), random.Random(0)).write(Path("catalogue.json"))
    arguments = ("--space", "catalogue", "--method", "nse", "--epochs", "1", *SMALL, "--rounds", "1", "--networks", "6")
    grown = json.loads(run("grow", *arguments, "--table", "catalogue.json", "--budget", "1s", "--judged", "8", "--json"))
    assert grown["command"] == "grow"
    space = find_chain(grown["space"])
    assert any("_" in str(choice) for choice in space.index.candidates(0))
    rated = json.loads(run("rate", "--space", space.name, "--method", "one-shot", "--epochs", "1", *SMALL, "--json"))
    search = ("--space", space.name, "--macs", "1G", "--evaluations", "2", "--strategy", "random", "--json")
    outcome = json.loads(run("search", "with", rated["folder"], *search))["outcome"]
    placed = space.with_head().place(space.parse(outcome["best"]["architecture"]))
    assert outcome["best"]["macs"] == sum(layer.macs for layer in placed)


def test_networks_that_answer_together_become_a_space_of_one_network() -> None:
    few = ("--rounds", "1", "--children", "2", "--searched", "3", "--judged", "8", "--keep", "1000000")
    shown = run("grow", "--method", "neas", "--epochs", "1", *SMALL, *few, "-o", "pair.space.json")
    assert "in the head" in shown.splitlines()[-1]
    space = find_chain("pair.space.json")
    assert space.size() == 1
    assert space.usual_head[0].operation.code.startswith("tails")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--method", "one-shot"), "method 'one-shot' changes no space"),
        (("--method", "nothing"), "unknown rater 'nothing'"),
        (("--method", "angle"), "how many networks are to be left?"),
        (("--method", "angle", "--keep", "9", "--budget", "3ms"), "a budget of 3ms by the table None says nothing"),
        (("--method", "angle", "--keep", "9", "--budget", "1us", "--table", "table.json"), "no network of 'fashion' keeps 1us"),
        (("--method", "ddpnas", "--epochs", "1"), "6 steps are too few to train"),
    ],
)
def test_what_cannot_be_shrunk_is_refused(arguments: tuple[str, ...], message: str) -> None:
    assert message in fails("shrink", "--epochs", "1", *SMALL, *arguments).message
