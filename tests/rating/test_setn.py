"""SETN: the evaluator learns on held-out images and never touches a weight; its likelihoods multiply over blocks."""

from __future__ import annotations

import random
from pathlib import Path
from typing import Any

import pytest
import torch
import torch.nn.functional as F

from dna_deploy.errors import DivergedError, TableError, UsageError
from dna_deploy.learning.compute import Compute
from dna_deploy.learning.tensor_file import TensorFile
from dna_deploy.nets.batch_norm import batch_statistics
from dna_deploy.nets.supernets.whole import OneShotSupernet
from dna_deploy.rating.rater import make_rater
from dna_deploy.rating.raters.one_shot.training import build_one_shot
from dna_deploy.rating.raters.setn.config import SetnConfig
from dna_deploy.rating.raters.setn.evaluator import Evaluator
from dna_deploy.rating.raters.setn.rater import Setn
from dna_deploy.search import Constraint, Latency, Macs, search
from dna_deploy.spaces.catalog import find_chain
from dna_deploy.spaces.catalog.nats_size import NATS_SIZE
from tests.rating import test_one_shot
from tests.search.instances import random_table
from tests.spaces.chains import PHOTOS
from tests.toy import SPACE, toy_data

CONFIG = SetnConfig(epochs=3, batch=16, rating_batch=20, calibration_images=32, evaluator_every=2, evaluator_rate=0.5)
NETWORKS = test_one_shot.NETWORKS


def rater(folder: Path, **changes: Any) -> Setn:
    made = make_rater(
        "setn", SPACE, toy_data(), CONFIG.model_copy(update=changes), folder, compute=Compute(checkpoint_seconds=0)
    )
    assert isinstance(made, Setn)
    return made


def supernet(folder: Path) -> OneShotSupernet:
    return build_one_shot(test_one_shot.work(folder)).train()


def tensors(folder: Path) -> dict[str, torch.Tensor]:
    return dict(TensorFile.read(folder / "one-shot.safetensors").tensors)


def test_weights_are_those_of_a_supernet_without_an_evaluator_bit_for_bit(tmp_path: Path) -> None:
    rater(tmp_path / "setn").train()
    make_rater("one-shot", SPACE, toy_data(), test_one_shot.CONFIG, tmp_path / "one-shot").train()
    alone, beside = tensors(tmp_path / "one-shot"), tensors(tmp_path / "setn")
    weights = {name for name in alone if name.startswith("module.")}
    assert all(torch.equal(alone[name], beside[name]) for name in weights)
    assert {name.split(".")[1] for name in beside.keys() - alone.keys() if name.startswith("module.")} == {"evaluator"}


def test_asking_for_the_table_trains_as_training_does(tmp_path: Path) -> None:
    rater(tmp_path / "trained").train()
    rater(tmp_path / "asked").table()
    trained, asked = tensors(tmp_path / "trained"), tensors(tmp_path / "asked")
    assert all(torch.equal(trained[name], asked[name]) for name in trained)
    untrained = supernet(tmp_path).state_dict()
    assert not torch.equal(asked["module.stem.0.0.weight"], untrained["stem.0.0.weight"])


def test_the_evaluator_sees_held_out_images_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[torch.Tensor] = []
    forward = Evaluator.forward
    monkeypatch.setattr(Evaluator, "forward", lambda self, net, images: seen.append(images) or forward(self, net, images))
    made = rater(tmp_path)
    made.train()
    data = made.work.data
    held_out = data.normalisation(data.rating.images(torch.arange(len(data.rating)))).flatten(1)
    assert len(seen) == 5  # every other one of nine steps
    for images in seen:
        assert bool((torch.cdist(images.flatten(1), held_out).min(1).values < 0.1).all())


def test_what_it_runs_is_the_mean_of_all_networks_where_mixing_is_linear(tmp_path: Path) -> None:
    """With one width a block and one layer a cell, and a head without anything that is not linear, mixtures are means."""
    space = PHOTOS
    net = OneShotSupernet(space, share_depths=True).train()
    evaluator, images = Evaluator(net, 0), torch.randn(6, 3, 64, 64)
    evaluator.logits["block1-trunk1-layer1"].data = torch.tensor([0.3, -1.0])
    with torch.no_grad(), batch_statistics(net):
        shares = evaluator.log_likelihoods(net, 0).exp()
        paths = [net.path(network) for network in space.architectures()]
        mixed = sum(share * path[:-1](images) for share, path in zip(shares, paths, strict=True))
        torch.testing.assert_close(evaluator(net, images), net.heads["8"](mixed))


def test_a_certain_evaluator_runs_one_network(tmp_path: Path) -> None:
    """Where one choice of every slot has all the likelihood, what is run is the network of these choices."""
    net, images = supernet(tmp_path), torch.randn(4, 1, 12, 12)
    for network in NETWORKS:
        evaluator = Evaluator(net, 0)
        for index, (cell, path) in enumerate(SPACE.index.paths(network), 1):
            evaluator.logits[f"block{index}"].data[cell] = 200.0
            for place, operation in zip(net.routes[index - 1][cell].places, path, strict=True):
                evaluator.logits[place].data[operation] = 200.0
        with torch.no_grad(), batch_statistics(net):
            torch.testing.assert_close(evaluator(net, images), net.path(network)(images))


@pytest.mark.parametrize(
    "space", [SPACE, find_chain("fashion").with_head(), NATS_SIZE.with_head()], ids=lambda space: space.name
)
def test_likelihoods_of_a_blocks_candidates_sum_to_one(space: Any) -> None:
    net = OneShotSupernet(space, share_depths=True)
    evaluator = Evaluator(net, 3)
    for index, count in enumerate(space.index.counts):
        likelihoods = evaluator.log_likelihoods(net, index).exp().detach()
        assert len(likelihoods) == count
        assert float(likelihoods.sum()) == pytest.approx(1, abs=1e-4)


class Noise(torch.nn.Module):
    """Features of a block that say nothing of what it is given."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return 5 * torch.randn(len(x), 8, 6, 6)


def test_it_learns_which_choice_is_better(tmp_path: Path) -> None:
    """An operation that gives noise instead of features is soon thought unlikely."""
    net = supernet(tmp_path)
    data, evaluator = toy_data(), Evaluator(net, 0)
    place = net.routes[0][0].places[0]
    net.options(place, 8)[2] = Noise()
    optimiser = torch.optim.Adam(evaluator.parameters(), 0.1)
    positions = torch.arange(40)
    images, labels = data.normalisation(data.rating.images(positions)), data.rating.labels(positions)
    for _ in range(20):
        with batch_statistics(net):
            loss = F.cross_entropy(evaluator(net, images), labels)
        optimiser.zero_grad()
        torch.autograd.backward(loss)
        optimiser.step()
    assert float(evaluator.logits[place].detach().softmax(0)[2]) < 1 / 4


def test_the_best_within_a_budget_are_the_most_likely_found_exactly_then_the_most_accurate(tmp_path: Path) -> None:
    made = rater(tmp_path)
    table = made.table()
    budget = sorted(float(SPACE.sections(network).macs) for network in SPACE.architectures())[1000]
    outcome = search(SPACE, table, [], [Constraint(Macs(), at_most=budget)], top=5, prefer_cheaper=False)
    within = [network for network in SPACE.architectures() if SPACE.sections(network).macs <= budget]
    by_hand = sorted(within, key=lambda network: table.of(SPACE, network))[:5]
    assert outcome.shortlist == tuple(map(str, by_hand))
    refined = made.second_stage(table).refine(by_hand)
    accuracies = [network.accuracy for network in refined.networks]
    assert accuracies == sorted((score.value for score in made.score(by_hand)), reverse=True)
    assert refined.divergence_from == "labels"
    likelihoods = [score.further[-1].value for score in made.score(by_hand)]
    assert likelihoods == pytest.approx([-table.of(SPACE, network) for network in by_hand], abs=1e-5)


def test_proposals_keep_a_measured_latency(tmp_path: Path) -> None:
    latencies = random_table(SPACE, random.Random(0))
    seconds = sorted(latencies.predict(SPACE, network).seconds for network in SPACE.architectures())
    found = search(SPACE, rater(tmp_path).table(), [latencies], [Constraint(Latency(), at_most=seconds[500])], top=20)
    assert all(latencies.predict(SPACE, SPACE.parse(line)).seconds <= seconds[500] + 1e-9 for line in found.shortlist)


def test_an_evaluator_that_is_no_number_is_named_and_not_saved(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    forward = Evaluator.forward

    def spoilt(self: Evaluator, net: OneShotSupernet, images: torch.Tensor) -> torch.Tensor:
        return forward(self, net, images) * (torch.nan if (tmp_path / "one-shot.safetensors").exists() else 1)

    monkeypatch.setattr(Evaluator, "forward", spoilt)
    with pytest.raises(DivergedError, match="evaluator: the loss became nan at step 3 of 9"):
        rater(tmp_path).train()
    assert all(bool(tensor.isfinite().all()) for tensor in tensors(tmp_path).values())


def test_a_checkpoint_of_another_method_is_refused(tmp_path: Path) -> None:
    make_rater("one-shot", SPACE, toy_data(), test_one_shot.CONFIG, tmp_path).train()
    with pytest.raises(UsageError, match="was made from other settings"):
        rater(tmp_path).train()


def test_tied_widths_are_refused() -> None:
    tied = find_chain("windowed")
    net = object.__new__(OneShotSupernet)
    torch.nn.Module.__init__(net)
    net.space = tied.with_head()
    with pytest.raises(UsageError, match="the blocks of 'windowed' are coupled by widths"):
        Evaluator(net, 0)


def test_ratings_of_other_images_are_refused(tmp_path: Path) -> None:
    made = rater(tmp_path)
    table = made.table()
    with pytest.raises(TableError, match="the images of the ratings"):
        made.second_stage(table.model_copy(update={"dataset": "others"}))
