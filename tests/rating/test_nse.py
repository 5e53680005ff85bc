"""NSE: layers of several branches, gates that know milliseconds, a front that is never dropped, and fresh operations."""

from __future__ import annotations

import itertools
import random
from pathlib import Path
from typing import Any

import pytest
import torch

from dna_deploy.errors import InfeasibleError, TableError, UsageError
from dna_deploy.learning.compute import Compute
from dna_deploy.nets.batch_norm import batch_statistics
from dna_deploy.nets.network import Network
from dna_deploy.nets.supernets.whole import OneShotSupernet
from dna_deploy.progress import Progress
from dna_deploy.rating.rater import make_rater
from dna_deploy.rating.raters.nse.config import EvolvingConfig
from dna_deploy.rating.raters.nse.front import networks_within, succession
from dna_deploy.rating.raters.nse.rater import Nse
from dna_deploy.rating.raters.nse.subsets import Gates, Live
from dna_deploy.records.changed_space import FrontNetwork, GrownSpace
from dna_deploy.spaces.catalog import find_chain
from dna_deploy.spaces.options import with_branches
from tests.search.instances import random_table
from tests.spaces.chains import TOY_CATALOGUE
from tests.toy import SPACE, toy_data

CODES = ("k3e1", "k5e2", "p1", "conv3", "k3e3")
SMALL = TOY_CATALOGUE.with_head()
TABLE = random_table(SMALL, random.Random(0))
BUDGET_S = 0.012


def live() -> Live:
    space = with_branches(SMALL, [[("k3e1",), ("k5e2",), ("p1",)]] * 3)
    seconds = ((1e-3, 2e-3, 3e-3), (1e-3, 1e-3, 1e-3), (4e-3, 2e-3, 1e-3))
    with torch.random.fork_rng():
        torch.manual_seed(0)
        return Live(OneShotSupernet(space, share_depths=True).train(), seconds, 1e-3)


def test_a_network_of_branches_is_the_plain_network_of_its_space() -> None:
    nets, images = live(), torch.randn(4, 1, 12, 12)
    space = with_branches(SMALL, [[("k3e1", "p1")], [()], [("k5e2",)]])
    (architecture,) = space.architectures()
    assert str(architecture) == "8:k3e1_p1,skip/12:k5e2"
    plain, shared = Network(space, architecture).train(), nets.network(((0, 2), (), (1,)))
    weights = dict(zip(plain.state_dict(), shared.state_dict().values(), strict=True))
    plain.load_state_dict(weights)
    with batch_statistics(plain), batch_statistics(shared):
        torch.testing.assert_close(plain(images), shared(images))
    assert nets.latency_s(((0, 2), (), (1,))) == pytest.approx(1e-3 + 1e-3 + 3e-3 + 2e-3)


def test_layers_that_change_the_shape_are_never_left_out() -> None:
    nets = live()
    assert nets.keeps_shape == [False, True, False]
    drawn = [nets.draw(random.Random(seed), 0.2) for seed in range(200)]
    assert all(network[0] and network[2] for network in drawn)
    assert any(not network[1] for network in drawn)
    assert any(len(network[0]) > 1 for network in drawn)


def test_the_expected_latency_is_the_mean_over_all_networks_by_their_gates() -> None:
    gates = Gates(nets := live())
    for number, logits in enumerate(gates.logits):
        logits.data = torch.tensor([0.5, -1.0, 0.3 * number])
    mean = 0.0
    for branches in itertools.product((False, True), repeat=9):
        shares = [float(torch.sigmoid(logit)) for logits in gates.logits for logit in logits.detach()]
        probability = torch.tensor([share if on else 1 - share for share, on in zip(shares, branches, strict=True)]).prod()
        network = tuple(tuple(at for at in range(3) if branches[3 * layer + at]) for layer in range(3))
        mean += float(probability) * nets.latency_s(network)
    assert float(gates.expected_s().detach()) == pytest.approx(mean, rel=1e-5)


def test_gates_weigh_branches_and_those_of_the_second_network_learn_by_their_gates_alone() -> None:
    gates, images = Gates(nets := live()), torch.randn(6, 1, 12, 12)
    with batch_statistics(nets.supernet):
        scores = gates(images, ((0,), (), (1,)), ((2,), (), (1,)))
        scores.square().sum().backward()
        torch.testing.assert_close(gates(images, ((0,), (), (1,)), ((0,), (), (1,))), nets.network(((0,), (), (1,)))(images))
    first, second = (list(nets.options[0][number].parameters()) for number in (0, 2))
    assert all(weight.grad is not None for weight in first)
    assert all(weight.grad is None for weight in second)
    gradient = gates.logits[0].grad
    assert gradient is not None
    assert bool(gradient[0] != 0)
    assert bool(gradient[2] != 0)
    assert bool(gradient[1] == 0)


def test_what_the_front_holds_is_never_dropped_and_something_fresh_comes() -> None:
    rng = random.Random(0)
    for _ in range(50):
        names = [f"o{number}" for number in range(12)]
        rng.shuffle(names)
        codes, waiting = (tuple(names[:4]),) * 2, (tuple(names[4 : 4 + rng.randrange(9)]),) * 2
        front = [
            FrontNetwork(layers=(tuple(rng.sample(codes[0], rng.randrange(1, 4))), ()), latency_s=1, accuracy=0.5)
            for _ in range(rng.randrange(1, 4))
        ]
        following, left = succession(front, codes, waiting, 4)
        held = {code for network in front for code in network.layers[0]}
        assert held <= set(following[0])
        assert all(following)
        for layer in range(2):
            fresh = set(following[layer]) - set(codes[layer])
            assert len(fresh) >= min(1, len(waiting[layer]))
            assert set(left[layer]) == set(waiting[layer]) - fresh


def test_networks_that_are_judged_keep_the_budget_and_an_impossible_one_names_the_fastest() -> None:
    everything = ((0, 1, 2),) * 3
    drawn = networks_within(nets := live(), everything, 9e-3, 40, random.Random(0))
    assert len(drawn) == len(set(drawn)) == 40
    assert all(nets.latency_s(network) <= 9e-3 for network in drawn)
    with pytest.raises(InfeasibleError, match="takes 2 ms or less") as caught:
        networks_within(nets, everything, 2e-3, 40, random.Random(0))
    assert "3 ms" in caught.value.hint


def rater(folder: Path, **changes: Any) -> Nse:
    TABLE.write(folder / "table.json")
    values = {"epochs": 2, "batch": 16, "rating_batch": 20, "live": 3, "networks": 12, "table": folder / "table.json"}
    config = EvolvingConfig.model_validate({**values, "budget": f"{1e3 * BUDGET_S}ms", **changes})
    made = make_rater("nse", SMALL, toy_data(), config, folder / "run", compute=Compute(checkpoint_seconds=0))
    assert isinstance(made, Nse)
    return made


@pytest.fixture(scope="module")
def grown(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, GrownSpace]:
    folder = tmp_path_factory.mktemp("nse")
    return folder, rater(folder).changed()


def test_in_the_rounds_every_operation_is_trained(grown: tuple[Path, GrownSpace]) -> None:
    folder, record = grown
    assert record.round >= 2
    assert not any(record.waiting)
    assert all(set(importances) == set(CODES) for importances in record.importances)
    first = GrownSpace.read(folder / "run" / "round-1.space.json")
    for before, now, waiting in zip(first.live, record.importances, first.waiting, strict=True):
        assert set(before) | set(waiting) <= set(now)


def test_the_front_keeps_the_budget_and_nobody_on_it_is_beaten(grown: tuple[Path, GrownSpace]) -> None:
    front = grown[1].front
    assert all(network.latency_s <= BUDGET_S for network in front)
    for slower, faster in itertools.combinations(reversed(front), 2):
        assert faster.latency_s <= slower.latency_s
        assert faster.accuracy < slower.accuracy


def test_latencies_of_the_front_are_sums_of_measured_rows(grown: tuple[Path, GrownSpace]) -> None:
    calibration = TABLE.calibration("p50")
    for network in grown[1].front:
        space = with_branches(SMALL, [[codes] for codes in network.layers])
        (architecture,) = space.architectures()
        rows = 0.0
        for layer in space.place(architecture):
            parts = getattr(layer.operation, "operations", (layer.operation,))
            keys = [type(layer)(part, layer.input, layer.out_channels, layer.stride).key for part in parts]
            rows += sum(TABLE.row(key) for key in keys if not key.startswith("pool("))
        assert network.latency_s == pytest.approx(calibration.offset_s + calibration.scale * rows)


def test_interrupted_in_a_round_or_between_two_it_goes_on_to_the_same_front(
    grown: tuple[Path, GrownSpace], tmp_path: Path
) -> None:
    def kill(progress: Progress) -> None:
        if progress.step == "supernet of round 2" and progress.done == 3:
            raise KilledError

    with pytest.raises(KilledError):
        rater(tmp_path).changed(kill)
    assert (tmp_path / "run" / "round-1.space.json").exists()
    (record,) = [rater(tmp_path).changed()]
    assert (record.front, record.importances) == (grown[1].front, grown[1].importances)


class KilledError(Exception):
    """Stands for a kill: nothing after it runs."""


def test_its_table_likes_what_gates_like(grown: tuple[Path, GrownSpace]) -> None:
    made = rater(grown[0])
    table = made.table()
    table.check_space(SMALL)
    gates = grown[1].importances[2]
    ratings = {code: table.of_choice(SMALL, 1, f"12:{code}") for code in CODES}
    assert sorted(CODES, key=lambda code: -gates[code]) == sorted(CODES, key=ratings.__getitem__)
    assert made.score(list(SMALL.architectures())[:2])[0].value == table.of(SMALL, next(SMALL.architectures()))


def test_what_it_lacks_or_cannot_use_is_refused(tmp_path: Path, grown: tuple[Path, GrownSpace]) -> None:
    with pytest.raises(UsageError, match="evolution needs a budget of measured milliseconds"):
        make_rater("nse", SMALL, toy_data(), EvolvingConfig(), tmp_path)
    with pytest.raises(UsageError, match="block 1 of 'toy' has several cells"):
        make_rater("nse", SPACE, toy_data(), EvolvingConfig(table=tmp_path / "table.json", budget="1ms"), tmp_path)
    with pytest.raises(InfeasibleError, match=r"no network of these operations takes 0\.5 ms or less"):
        rater(tmp_path, budget="0.5ms").changed()
    with pytest.raises(UsageError, match="was made from other settings"):
        rater(grown[0], seed=1).changed()
    with pytest.raises(TableError):
        make_rater("nse", SMALL, toy_data(), EvolvingConfig(table=tmp_path / "none.json", budget="1ms"), tmp_path).train()


def test_a_grown_space_is_found_by_its_name_with_the_operations_of_its_front(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    base, codes = find_chain("catalogue"), (("k3e1",), ("k3e1", "p1"), ("k7e6", "conv3"))
    front = tuple(
        FrontNetwork(layers=(*codes[:2], (), *(codes[number],) * 6), latency_s=0.001 * number, accuracy=0.1 * number)
        for number in range(3)
    )
    record = GrownSpace.model_validate(
        {
            **{"provenance": TABLE.provenance, "space": base.name, "space_digest": base.digest, "method": "nse", "round": 1},
            **{"front": front, "live": (), "waiting": (), "importances": (), "inputs": "sha256:0"},
        }
    )
    record.remember()
    space = find_chain(record.name)
    assert space.size() == 3**6
    assert str(space.parse("24:k3e1,k3e1_p1,skip/40:k7e6_conv3,k3e1,k3e1/80:k3e1_p1,k3e1,k3e1"))
    assert len(base.blocks[0].cells[0].layers[0]) >= 12
