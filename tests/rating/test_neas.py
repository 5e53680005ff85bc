"""NEAS: branches behind a shared beginning learn side by side, unlike options are preferred, and one graph gives one answer."""

from __future__ import annotations

import itertools
import random
from pathlib import Path
from typing import Any

import pytest
import torch
import torch.nn.functional as F

from dna_deploy.data.batches import Batch
from dna_deploy.errors import InfeasibleError, TableError, UsageError
from dna_deploy.export.formats.onnx_graph import export_onnx
from dna_deploy.export.runtimes.onnx_runtime import run_once
from dna_deploy.learning.compute import Compute
from dna_deploy.learning.phase import StepView
from dna_deploy.nets.batch_norm import batch_statistics
from dna_deploy.nets.network import Network
from dna_deploy.nets.supernets.whole import OneShotSupernet
from dna_deploy.progress import Progress
from dna_deploy.rating.rater import make_rater
from dna_deploy.rating.raters.neas.config import EnsembleConfig
from dna_deploy.rating.raters.neas.ensembles import BranchLoss, Ensemble, EnsembleSupernet, evolve
from dna_deploy.rating.raters.neas.rater import Neas
from dna_deploy.rating.raters.shrinking.left import Budget
from dna_deploy.records.changed_space import EnsembleSpace
from dna_deploy.spaces.catalog import find_chain
from dna_deploy.spaces.options import Option, alternatives, options_of, slots
from dna_deploy.values import read_values
from tests.search.instances import random_table
from tests.spaces.chains import PHOTOS
from tests.toy import SPACE, toy_data

TABLE = random_table(SPACE, random.Random(0))
NETWORKS = ("8:k3e1,p1/12:p1/16:p1,k5e2", "8:k3e1,p1/16:k3e1,p1,k5e2/16:k3e1,k3e1")
ENSEMBLE = Ensemble(1, tuple(map(SPACE.parse, NETWORKS)))


def supernet() -> tuple[OneShotSupernet, EnsembleSupernet]:
    with torch.random.fork_rng():
        torch.manual_seed(0)
        net = OneShotSupernet(SPACE, share_depths=True).train()
        return net, EnsembleSupernet(net, 2).train()


def batch() -> Batch:
    data, positions = toy_data(), torch.arange(8)
    return Batch(data.normalisation(data.train.images(positions)), positions, data.train)


def test_drawn_ensembles_share_what_is_before_the_split_and_every_split_comes() -> None:
    drawn = [Ensemble.draw(SPACE, 3, random.Random(seed)) for seed in range(60)]
    assert {ensemble.split for ensemble in drawn} == {1, 2}
    for ensemble in drawn:
        assert len(ensemble.networks) == 3
        assert len({network.parts[: ensemble.split] for network in ensemble.networks}) == 1
        for network in ensemble.networks:
            SPACE.check(network)
    rng = random.Random(0)
    for ensemble, other in itertools.pairwise(drawn):
        changed = ensemble.changed(SPACE, other, rng)
        assert len({network.parts[: changed.split] for network in changed.networks}) == 1
        for network in changed.networks:
            SPACE.check(network)


def test_branches_have_heads_of_their_own_and_what_is_shared_runs_once() -> None:
    net, ensembles = supernet()
    path, images = ensembles.path(ENSEMBLE), batch().inputs
    runs: list[int] = []
    path.shared.register_forward_hook(lambda *_: runs.append(1))
    with torch.no_grad(), batch_statistics(net), batch_statistics(ensembles):
        first, second = path(images)
        torch.testing.assert_close(first, net.path(ENSEMBLE.networks[0])(images))
        assert not torch.allclose(second, net.path(ENSEMBLE.networks[1])(images))  # another head
        torch.testing.assert_close(path.answer(images), (first + second) / 2)
    assert len(runs) == 2


def test_branches_learn_side_by_side_and_share_their_gradient_at_the_split() -> None:
    net, ensembles = supernet()
    images = batch()
    path = ensembles.path(ENSEMBLE)
    with batch_statistics(net), batch_statistics(ensembles):
        loss = BranchLoss(0.1).loss(StepView(0, ENSEMBLE, path, images))
        torch.autograd.backward(loss)
        gradient = next(net.stem.parameters()).grad
        assert gradient is not None
        shared = gradient.clone()
        tail = next(path.tails[0].parameters()).grad
        assert tail is not None
        net.zero_grad()
        features = path.shared(images.inputs)
        scores = [branch(features) for branch in path.tails]
        plain = sum(F.cross_entropy(each, images.labels(), label_smoothing=0.1) for each in scores)
        torch.autograd.backward(plain)  # type: ignore[arg-type]
    torch.testing.assert_close(loss, plain)
    torch.testing.assert_close(2 * shared, next(net.stem.parameters()).grad)
    torch.testing.assert_close(tail, next(path.tails[0].parameters()).grad)


def test_latency_counts_what_is_shared_once() -> None:
    budget = Budget(lambda layer: TABLE.row(layer.key), 1.0, "a second")
    one, two = (SPACE.sections(network) for network in ENSEMBLE.networks)
    layers = [*one.stem, *one.blocks[0], *one.blocks[1], *one.blocks[2], *one.head, *two.blocks[1], *two.blocks[2], *two.head]
    assert ENSEMBLE.cost(SPACE, budget) == pytest.approx(sum(TABLE.row(layer.key) for layer in layers))


@pytest.mark.parametrize("number", range(7))
def test_alternatives_of_a_slot_are_alike_before_it(number: int) -> None:
    slot = [several for several in slots(SPACE).values() if len(several) > 1][number]
    found = alternatives(SPACE, slot, random.Random(number))
    assert [option for option, _, _ in found] == slot
    begins = set()
    for option, network, end in found:
        assert option in set(options_of(SPACE, network))
        layers = SPACE.place(network)
        index, stem = slot[0].block, len(SPACE.stem_layers)
        earlier = sum(len(part.split(",")) for part in network.parts[:index])
        own = len(network.parts[index].split(",")) if option.layer is None else option.layer + 1
        assert end == stem + earlier + own
        begins.add(layers[: stem + earlier + (option.layer or 0)])
    assert len(begins) == 1


def test_the_best_ensemble_of_a_planted_landscape_is_searched() -> None:
    rng, judged = random.Random(0), list[Ensemble]()

    def judge(ensemble: Ensemble) -> float:
        judged.append(ensemble)
        return sum(network.line.count("p1") for network in ensemble.networks) / 12

    def draw() -> Ensemble:
        return Ensemble.draw(SPACE, 2, rng)

    best, accuracy = evolve(draw, lambda ensemble, other: ensemble.changed(SPACE, other, rng), judge, 150, rng)
    assert len(judged) == len(set(judged)) == 150
    assert accuracy == max(map(judge, list(judged)))
    assert accuracy > max(judge(draw()) for _ in range(37))
    assert best in judged


SMALL = {"epochs": 4, "batch": 16, "rating_batch": 20, "calibration_images": 32, "keep": 500, "rounds": 2, "alone": 0.5}
FEW = {"children": 4, "searched": 6}


def rater(folder: Path, space: Any = SPACE, **changes: Any) -> Neas:
    config = EnsembleConfig.model_validate({**SMALL, **FEW, **changes})
    made = make_rater("neas", space, toy_data(), config, folder, compute=Compute(checkpoint_seconds=0))
    assert isinstance(made, Neas)
    return made


class KilledError(Exception):
    """Stands for a kill: nothing after it runs."""


@pytest.mark.parametrize("at", [4, 8])
def test_interrupted_it_goes_on_to_the_same_ensemble(tmp_path: Path, at: int) -> None:
    def kill(progress: Progress) -> None:
        if progress.done == at:
            raise KilledError

    whole = rater(tmp_path / "whole").changed()
    with pytest.raises(KilledError):
        rater(tmp_path / "killed").train(kill)
    resumed = rater(tmp_path / "killed").changed()
    assert (resumed.networks, resumed.split, resumed.accuracy) == (whole.networks, whole.split, whole.accuracy)


def test_diversity_is_measured_on_equal_features_and_counts_in_what_is_dropped(tmp_path: Path) -> None:
    made = rater(tmp_path / "whole", keep=10**9)
    made.train()
    net, slot = made.net, slots(SPACE)[(2, "16x2", 0)]
    places = net.options(net.routes[2][0].places[0], 12)
    places[1] = places[0]  # two options that do the same
    for seed in range(3):
        by_option = made._diversities(random.Random(seed))
        twins, other = [by_option[option] for option in slot[:2]], by_option[slot[2]]
        if max(twins) < other:
            break
    else:
        pytest.fail("options that do the same are not less diverse than another one")
    assert by_option.keys() >= {Option(2, "16x2", 1, "p1")}
    diverse, plain = (rater(tmp_path / str(weight), diversity=weight) for weight in (3.0, 0.0))
    diverse.train()
    plain.train()
    assert plain.left.dropped
    assert plain.left.dropped != diverse.left.dropped


def test_what_is_found_keeps_the_budget_and_an_impossible_one_is_refused(tmp_path: Path) -> None:
    TABLE.write(tmp_path / "table.json")
    seconds = sorted(TABLE.predict(SPACE, network).seconds for network in SPACE.architectures())
    budget = f"{1e3 * seconds[-1]:.6f}ms"
    record = rater(tmp_path / "some", table=tmp_path / "table.json", budget=budget).changed()
    ensemble = Ensemble(record.split, tuple(map(SPACE.parse, record.networks)))
    calibration = TABLE.calibration("p50")
    rows = ensemble.cost(SPACE, Budget(lambda layer: TABLE.row(layer.key), 1.0))
    assert calibration.offset_s + calibration.scale * rows <= seconds[-1]
    tight = f"{1e3 * seconds[0] * 1.001:.6f}ms"
    with pytest.raises(InfeasibleError, match="ensembles of 'toy' keeps"):
        rater(tmp_path / "none", table=tmp_path / "table.json", budget=tight).changed()


def test_an_ensemble_of_one_and_a_space_of_one_block_are_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="branches"):
        read_values(EnsembleConfig, {"branches": 1}, "the settings")
    with pytest.raises(UsageError, match="'photos' has one block"):
        rater(tmp_path, PHOTOS)


def test_an_ensemble_is_a_space_of_one_network_with_one_averaged_answer(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    base = find_chain("fashion")
    lines = ("24:k3e1/40:k3e3,p1/80:k5e6", "24:k3e1/32:p1,p1/80:p1,k7e6")
    record = EnsembleSpace(
        provenance=TABLE.provenance, space="fashion", space_digest=base.digest, method="neas", split=1, networks=lines,
        accuracy=0.5,
    )  # fmt: skip
    record.remember()
    space = find_chain(record.name).with_head()
    (network,) = space.architectures()
    built = Network(space, network).eval()
    images = torch.randn(3, 1, 28, 28)
    tails = built.head[0].parts  # type: ignore[index, union-attr]
    features = built.blocks[0](built.stem(images))
    torch.testing.assert_close(built(images), (tails[0](features) + tails[1](features)) / 2)  # type: ignore[index, operator]
    path = tmp_path / "ensemble.onnx"
    graph = export_onnx(built, space.inputs, 3)
    path.write_bytes(graph.SerializeToString())
    assert len(graph.graph.output) == 1
    torch.testing.assert_close(
        torch.from_numpy(run_once(path, images.numpy())[0]), built(images).detach(), rtol=1e-3, atol=1e-4
    )
    ones, twos = (base.with_head().sections(base.parse(line)) for line in lines)
    shared = sum(layer.macs for layer in (*ones.stem, *ones.blocks[0]))
    apart = sum(layer.macs for each in (ones, twos) for block in each.blocks[1:] for layer in block)
    assert sum(layer.macs for layer in space.place(network)) == shared + apart + sum(
        layer.macs for each in (ones, twos) for layer in each.head
    )
    with pytest.raises(TableError, match="do not share their first 2 blocks"):
        _ = record.model_copy(update={"split": 2}).chain


def test_a_checkpoint_of_another_method_is_refused(tmp_path: Path) -> None:
    rater(tmp_path).train()
    with pytest.raises(UsageError, match="was made from other settings"):
        rater(tmp_path, branches=3).train()
