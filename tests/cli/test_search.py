"""The commands of search at a terminal: what they say, how wide, and what they do when they are stopped or fed bad rows."""

from __future__ import annotations

import json
import random
import subprocess
import sys
from pathlib import Path

import pytest

from dna_deploy.cli.app import main
from dna_deploy.cli.commands.front import _view
from dna_deploy.records.files import _body_digest
from dna_deploy.records.score import RATING
from dna_deploy.records.search_outcome import SearchOutcome
from dna_deploy.search import Latency
from dna_deploy.search.cost_model import CostModel
from dna_deploy.search.front import trade_off
from dna_deploy.spaces.catalog import find_chain
from dna_deploy.spaces.chain import ChainSpace
from tests.search.instances import random_ratings, random_table

FASHION, MBCONV = find_chain("fashion").with_head(), find_chain("mbconv").with_head()
TABLE = Path("latency_tables/fashion.a.json")


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with ratings that carry errors and tables of two devices, as the current folder."""
    made_up(FASHION, tmp_path)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def made_up(space: ChainSpace, folder: Path) -> None:
    rng = random.Random(0)
    for target in ("a", "b"):
        random_table(space, rng, target).write(folder / "latency_tables" / f"{space.name}.{target}.json")
    random_ratings(space, rng, error=0.05).write(folder / "ratings" / f"{space.name}.json")


def run(command: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> tuple[int, str, str]:
    """Exit code, standard output, standard error."""
    monkeypatch.setattr(sys, "argv", ["dna-deploy", *command.split()])
    with pytest.raises(SystemExit) as stop:
        main()
    captured = capsys.readouterr()
    return int(str(stop.value.code)), captured.out, captured.err


def test_search_says_what_was_preferred_and_what_it_cost(
    project: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    code, text, _ = run("search --latency 10ms@a", capsys, monkeypatch)
    outcome = SearchOutcome.read(Path("outcome.json"))
    optimum = outcome.passed_over
    assert code == 0
    assert optimum is not None
    assert f"{outcome.best.rating:.5g} ± 0.087, a tie: {outcome.best.rating - optimum.rating:.2g} behind the optimum" in text
    assert "less than the optimum; --optimum takes that" in text
    assert f"best rated\n{optimum.rating:.5g}  {optimum.architecture}" in text
    assert "gap 0 of the optimum" in text
    _, text, _ = run("search --latency 10ms@a --optimum", capsys, monkeypatch)
    assert SearchOutcome.read(Path("outcome.json")).best.architecture == optimum.architecture
    assert "cheaper tie with it" in text


def test_nothing_is_wider_than_80_columns(
    project: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    made_up(MBCONV, project)
    for command in (
        "search --space mbconv --latency 18ms@a --top 3",
        "front latency@a --space mbconv",
        "portfolio --space mbconv --latency 18ms@a --latency 18ms@b --within 5%",
    ):
        code, text, _ = run(command, capsys, monkeypatch)
        assert code == 0
        assert [line for line in text.splitlines() if len(line) > 80] == []


def test_front_lists_what_the_api_finds(
    project: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    _, text, _ = run("front latency@a latency@b --macs 4M --rows 5", capsys, monkeypatch)
    _, whole, _ = run("front latency@a latency@b --macs 4M --json", capsys, monkeypatch)
    found = json.loads(whole)
    count = len(found["points"])
    assert found["axes"] == ["latency p50@a", "latency p50@b"]
    assert f"{count:,} networks, 5 shown, of 1.96e+07 in the space: exact, none is missing" in text
    assert len(text.splitlines()) == 2 + 5 + 2
    best = min(point["rating"] for point in found["points"])
    assert f"{best:.5g}" in text or count > 5
    assert all(sum(layer.macs for layer in FASHION.place(FASHION.parse(point["architecture"]))) <= 4e6
               for point in found["points"])  # fmt: skip


def test_a_budget_of_the_fastest_network_to_the_last_digit_is_feasible(
    project: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    _, whole, _ = run("front latency@a --json", capsys, monkeypatch)
    fastest = json.loads(whole)["points"][0]
    code, _, _ = run(f"search --latency {fastest['costs'][0]!r}s@a", capsys, monkeypatch)
    assert code == 0
    assert SearchOutcome.read(Path("outcome.json")).best.architecture == fastest["architecture"]
    code, _, text = run(f"search --latency {fastest['costs'][0] * (1 - 1e-9)!r}s@a", capsys, monkeypatch)
    assert code == 3
    assert f"the fastest network takes {fastest['costs'][0] * 1e3:.3f}"[:-1] in text


def test_front_that_was_thinned_says_by_how_much(project: Path) -> None:
    rng = random.Random(0)
    axes = (Latency("a"), Latency("b"))
    tables = [random_table(FASHION, rng, "a"), random_table(FASHION, rng, "b")]
    model = CostModel.build(FASHION, random_ratings(FASHION, rng), tables, axes)
    thinned = trade_off(model, axes, (), most_labels=40)
    assert f"costs at most {thinned.epsilon:.2g} of its costs more" in _view(thinned, FASHION, 5, RATING)


@pytest.mark.parametrize("axes", ["rating", "macs macs", "latency@a rating"])
def test_front_refuses_axes_that_are_no_costs(
    project: Path, axes: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    code, _, text = run(f"front {axes}", capsys, monkeypatch)
    assert code == 2
    assert "cannot be traded for the rating" in text


def test_a_bound_without_a_unit_that_is_known_is_refused_before_files_are_looked_for(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    code, _, text = run("search --latency 20parsec", capsys, monkeypatch)
    assert code == 2
    assert "20parsec" in text


def test_portfolio_serves_both_devices(
    project: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    command = "portfolio --space fashion --latency 10ms@a --latency 10ms@b --within 2%"
    code, text, _ = run(command, capsys, monkeypatch)
    _, whole, _ = run(f"{command} --json", capsys, monkeypatch)
    found = json.loads(whole)
    assert code == 0
    assert f"fewest networks within the allowed loss: {len(found['fewest'])}" in text
    assert sorted(device for shared in found["fewest"] for device in shared["devices"]) == ["a", "b"]
    assert all(shared["loss"] <= 0.02 for shared in found["fewest"])
    for shared in found["fewest"]:
        places = {place["target"]: place["latency_s"] for place in shared["network"]["targets"]}
        assert all(places[device] <= 0.010 for device in shared["devices"])


RATE = """
import os, signal
signal.signal(signal.SIGINT, signal.default_int_handler)  # jobs that a shell put in the background are born deaf to it
calls = 0
def rate(network):
    global calls
    calls += 1
    if calls == {stop}:
        os.kill(os.getpid(), signal.SIGINT)
    return float(len(str(network)))
"""


def command_line(arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "dna_deploy.cli.app", *arguments.split()]
    return subprocess.run(command, capture_output=True, text=True, check=False, timeout=100)


@pytest.mark.slow
def test_search_with_is_interrupted_in_one_line_and_resumes_from_its_log(project: Path) -> None:
    search = "search with mine:rate --latency 10ms@a --strategy random --evaluations 24 --log log.jsonl"
    (project / "mine.py").write_text(RATE.format(stop=10))
    stopped = command_line(search)
    assert (stopped.returncode, stopped.stdout) == (130, "")
    assert stopped.stderr == "interrupted; what is finished is kept, the same command goes on\n"
    assert not Path("outcome.json").exists()
    assert len(Path("log.jsonl").read_text().splitlines()) == 1 + 9
    before = Path("log.jsonl").read_text()
    (project / "mine.py").write_text(RATE.format(stop=1000))
    resumed = command_line(search)
    assert resumed.returncode == 0, resumed.stderr
    assert Path("log.jsonl").read_text().startswith(before)
    assert len(Path("log.jsonl").read_text().splitlines()) == 1 + 24
    assert "24 networks" in SearchOutcome.read(Path("outcome.json")).proof.method
    assert "nothing is proven" in resumed.stdout


def test_search_with_finds_a_file_of_the_current_folder_and_says_where_there_is_none(
    project: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "path", [*sys.path])
    (project / "rated_here.py").write_text("rate = lambda network: float(len(str(network)))\n")
    search = "--space fashion --latency 10ms@a --strategy random --evaluations 4"
    assert run(f"search with rated_here:rate {search}", capsys, monkeypatch)[0] == 0
    code, _, said = run(f"search with nowhere {search}", capsys, monkeypatch)
    assert (code, "there is no folder nowhere" in said, "MODULE:NAME" in said) == (2, True, True)


INTERRUPTED = """
import os, signal, sys
signal.signal(signal.SIGINT, signal.default_int_handler)
from dna_deploy.search.solver import labels
wanted, seen = labels.non_dominated, []
def interrupting(*arguments):
    seen.append(1)
    if len(seen) == 5:
        os.kill(os.getpid(), signal.SIGINT)
    return wanted(*arguments)
labels.non_dominated = interrupting
from dna_deploy.cli.app import main
sys.argv = ["dna-deploy", "front", "latency@a", "latency@b", "macs", "size@a", "--space", "fashion"]
main()
"""


def test_a_long_exact_search_is_interrupted_in_one_line(project: Path) -> None:
    ran = subprocess.run([sys.executable, "-c", INTERRUPTED], capture_output=True, text=True, check=False, timeout=100)
    assert (ran.returncode, ran.stdout) == (130, "")
    assert ran.stderr == "interrupted; what is finished is kept, the same command goes on\n"


def spoilt(path: Path, old: str, new: str) -> None:
    """Changes a record and gives it the digest that the change asks for: what is wrong is the number alone."""
    text = path.read_text()
    body = json.loads(text.replace(old, new, 1))
    del body["digest"]
    path.write_text(json.dumps({"digest": _body_digest(body), **body}))


@pytest.mark.parametrize("value", ["NaN", "Infinity", "-Infinity", "-0.001", "0"])
def test_a_latency_row_that_no_clock_can_give_is_refused_at_load(
    project: Path, value: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    first = json.loads(TABLE.read_text())["rows"][0]["latency_s"]
    spoilt(TABLE, f'"latency_s": {first}', f'"latency_s": {value}')
    code, out, text = run("search --latency 10ms@a", capsys, monkeypatch)
    assert (code, out) == (4, "")
    assert "fashion.a.json is not a valid latency-table: rows.0.latency_s" in text


@pytest.mark.parametrize(("field", "value"), [("ratings", "NaN"), ("ratings", "Infinity"), ("standard_errors", "-1.0"),
                                              ("standard_errors", "NaN")])  # fmt: skip
def test_a_rating_that_is_no_number_is_refused_at_load(
    project: Path, field: str, value: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    path = Path("ratings/fashion.json")
    first = json.loads(path.read_text())["blocks"][0]["cells"][0][field][0]
    spoilt(path, f'"{field}": [\n      {first}', f'"{field}": [\n      {value}')
    code, out, text = run("search --latency 10ms@a", capsys, monkeypatch)
    assert (code, out) == (4, "")
    assert "fashion.json is not a valid rating-table: blocks.0.cells.0" in text
