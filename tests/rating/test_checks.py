"""The deterministic checks that prove an implementation of block-wise rating (dna_family 7.2)."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import weakref
from collections import Counter
from pathlib import Path

import psutil
import pytest
import torch
import torch.nn.functional as F

from dna_deploy.data.batches import in_order
from dna_deploy.learning.compute import Compute
from dna_deploy.nets.batch_norm import batch_statistics
from dna_deploy.nets.network import Network
from dna_deploy.nets.supernets.blocks import SupernetBlock
from dna_deploy.nets.teachers.teacher import Teacher
from dna_deploy.progress import silent
from dna_deploy.rating.raters.dna.block_rating import BatchRatings, rate_batch, relative_l1
from dna_deploy.rating.raters.dna.rating import rate_space
from dna_deploy.rating.raters.dna.spreading import run_blocks
from dna_deploy.rating.raters.dna.training import build_supernet, train_blocks
from tests.rating.made import KilledError, some_features, work
from tests.toy import CONFIG, SPACE, toy_data, toy_teacher


def operations_of(cell: torch.nn.Module) -> list[torch.nn.Module]:
    """Every operation of a supernet's trunk."""
    return [operation for operations in cell.layers for operation in operations]  # type: ignore[union-attr]


def naive_ratings(supernet: SupernetBlock, before: torch.Tensor, after: torch.Tensor, index: int = 1) -> list[float]:
    """Every candidate run on its own, from the block's input to its output."""
    ratings = []
    for number, cell in enumerate(SPACE.blocks[index].cells):
        for choice in cell.candidates():
            path = tuple(operations.index(op) for operations, op in zip(cell.layers, choice.operations, strict=True))
            with torch.no_grad(), batch_statistics(supernet):
                ratings.append(float(relative_l1(after, supernet(before, number, path))))
    return ratings


@torch.no_grad()
def test_a_student_into_which_the_teacher_is_copied_has_loss_and_rating_zero() -> None:
    network = Network(SPACE, SPACE.parse("8:k5e2,p1/16:k3e1,k5e2,p1/16:k5e2,k3e1"))
    teacher = Teacher.freeze("network", "network", network, SPACE.input)
    supernet = build_supernet(SPACE, 1, teacher, CONFIG.model_copy(update={"edges": "teacher"}))
    for depth, operation in enumerate((0, 1, 2)):
        supernet.trunks[1].layers[depth][operation].load_state_dict(network.blocks[1][depth].state_dict())  # type: ignore
    data = toy_data()
    images = next(in_order(data.rating, data, 40)).inputs
    before, after = teacher.features(images)[:2]
    assert float(F.mse_loss(supernet.eval()(before, 1, (0, 1, 2)), after)) == 0
    with batch_statistics(network):  # the student's batch norms see the batch: so must the teacher's
        before, after = teacher.features(images)[:2]
    ratings = rate_batch(supernet, before, after)
    assert ratings[3 + (0 * 9 + 1 * 3 + 2)] == 0
    assert (ratings > 0).sum() == len(ratings) - 1


@torch.no_grad()
def test_ratings_ignore_a_common_scale_of_teacher_and_student_and_see_the_students_own() -> None:
    supernet = build_supernet(SPACE, 1, toy_teacher(), CONFIG)
    before, after = some_features(1)
    ratings = rate_batch(supernet, before, after)
    for leave in supernet.exits.values():
        leave.weight.mul_(8)  # type: ignore[operator, union-attr]
        leave.bias.mul_(8)  # type: ignore[operator, union-attr]
    assert torch.equal(rate_batch(supernet, before, 8 * after), ratings)
    assert float((rate_batch(supernet, before, after) - ratings).abs().min()) > 0.1


def test_rating_ignores_a_common_scale_and_sees_the_students_own() -> None:
    wanted, found = torch.randn(8, 4, 5, 5), torch.randn(8, 4, 5, 5)
    torch.testing.assert_close(relative_l1(1000 * wanted, 1000 * found), relative_l1(wanted, found))
    assert abs(float(relative_l1(wanted, 2 * found) - relative_l1(wanted, found))) > 0.1


def test_shared_ratings_equal_naive_ones() -> None:
    supernet = build_supernet(SPACE, 1, toy_teacher(), CONFIG)
    before, after = some_features(1)
    shared = rate_batch(supernet, before, after)
    assert len(shared) == SPACE.blocks[1].count()
    torch.testing.assert_close(shared, torch.tensor(naive_ratings(supernet, before, after)).double(), atol=1e-5, rtol=0)


def test_sharing_runs_as_many_layers_as_the_formula_says() -> None:
    supernet = build_supernet(SPACE, 1, toy_teacher(), CONFIG)
    evaluated: Counter[int] = Counter()
    for number, cell in enumerate(supernet.trunks):
        for operation in operations_of(cell):
            operation.register_forward_hook(lambda *_, number=number: evaluated.update([number]))
    rate_batch(supernet, *some_features(1))
    choices = 3
    assert evaluated == {cell: (choices ** (depth + 1) - choices) // (choices - 1) for cell, depth in ((0, 1), (1, 3))}


def test_a_walk_keeps_one_feature_map_a_layer_alive() -> None:
    supernet = build_supernet(SPACE, 1, toy_teacher(), CONFIG)
    before, _ = some_features(1)
    features: list[weakref.ref[torch.Tensor]] = []
    for operation in operations_of(supernet.trunks[1]):
        operation.register_forward_hook(lambda _module, _input, output: features.append(weakref.ref(output)))
    most = 0
    with torch.no_grad(), batch_statistics(supernet):
        for _ in supernet.trunks[1].walk(supernet.entry(before)):  # type: ignore[operator]
            most = max(most, sum(feature() is not None for feature in features))
    assert len(features) == 39
    assert most == 3


def test_cells_that_share_depths_rate_like_each_on_its_own() -> None:
    supernet = build_supernet(SPACE, 0, toy_teacher(), CONFIG)
    assert [trunk.stops for trunk in supernet.plan] == [((1, 0), (2, 1))]
    before, after = some_features(0)
    torch.testing.assert_close(
        rate_batch(supernet, before, after), torch.tensor(naive_ratings(supernet, before, after, 0)).double()
    )


def test_depths_may_have_layers_of_their_own() -> None:
    supernet = build_supernet(SPACE, 0, toy_teacher(), CONFIG.model_copy(update={"share_depths": False}))
    assert [trunk.stops for trunk in supernet.plan] == [((1, 0),), ((2, 1),)]


def test_training_one_block_leaves_the_others_bit_identical(tmp_path: Path) -> None:
    together = train_blocks(work(tmp_path / "together"), [0, 1, 2], silent)
    alone = train_blocks(work(tmp_path / "alone"), [1], silent)
    assert list(alone) == [1]
    assert not (tmp_path / "alone" / "supernet-1.safetensors").exists()
    for name, tensor in alone[1].state_dict().items():
        assert torch.equal(tensor, together[1].state_dict()[name]), name


def test_training_changes_weights_and_lowers_the_loss(tmp_path: Path) -> None:
    losses: list[str] = []
    train_blocks(work(tmp_path, config=CONFIG.model_copy(update={"epochs": 20})), [1], lambda p: losses.append(p.remark))
    first, last = (float(remark.split()[1]) for remark in (losses[0], losses[-1]))
    assert last < 0.8 * first


def test_the_teacher_is_untouched(tmp_path: Path) -> None:
    teacher = toy_teacher()
    before = {name: tensor.clone() for name, tensor in teacher.network.state_dict().items()}
    rate_space(SPACE, teacher, toy_data(), CONFIG, tmp_path)
    for name, tensor in teacher.network.state_dict().items():
        assert torch.equal(tensor, before[name]), name
    assert all(parameter.grad is None for parameter in teacher.network.parameters())


def test_batch_norms_are_as_before_after_rating() -> None:
    supernet = build_supernet(SPACE, 1, toy_teacher(), CONFIG).train()
    norms = [module for module in supernet.modules() if isinstance(module, torch.nn.BatchNorm2d)]
    buffers = {name: buffer.clone() for name, buffer in supernet.named_buffers()}
    rate_batch(supernet, *some_features(1))
    assert all(norm.training and norm.track_running_stats and norm.momentum == 0.1 for norm in norms)
    assert all(torch.equal(buffer, buffers[name]) for name, buffer in supernet.named_buffers())


def test_stale_batch_norm_statistics_would_rate_differently() -> None:
    supernet = build_supernet(SPACE, 1, toy_teacher(), CONFIG)
    before, after = some_features(1)
    fresh = rate_batch(supernet, before, after)
    with torch.no_grad():
        stale = torch.stack([relative_l1(after, y) for _, y in supernet.eval().walk(before)]).double()
    assert float((fresh - stale).abs().min()) > 1e-4


def test_no_label_reaches_the_rating(tmp_path: Path) -> None:
    table = rate_space(SPACE, toy_teacher(), toy_data(is_labelled=False), CONFIG, tmp_path)
    assert table.images == 40


def test_the_same_seed_writes_the_same_table_and_another_seed_does_not(tmp_path: Path) -> None:
    first, again, other = (
        rate_space(SPACE, toy_teacher(), toy_data(), CONFIG.model_copy(update={"seed": seed}), tmp_path / name)
        for name, seed in (("first", 0), ("again", 0), ("other", 1))
    )
    assert first.model_dump(exclude={"provenance"}) == again.model_dump(exclude={"provenance"})
    assert first.blocks != other.blocks


@pytest.mark.slow
def test_processes_rate_like_one_process(tmp_path: Path) -> None:
    one = rate_space(SPACE, toy_teacher(), toy_data(), CONFIG, tmp_path / "one")
    two = rate_space(SPACE, toy_teacher(), toy_data(), CONFIG, tmp_path / "two", compute=Compute(jobs=2))
    assert one.blocks == two.blocks
    for name in ("supernet-1.safetensors", "supernet-3.safetensors", "ratings-2.safetensors"):
        assert (tmp_path / "one" / name).read_bytes() == (tmp_path / "two" / name).read_bytes(), name


@pytest.mark.parametrize("events", [1, 3, 5, 7, 9, 11])
def test_a_resumed_rating_ends_like_an_uninterrupted_one(tmp_path: Path, events: int) -> None:
    saving = Compute(checkpoint_seconds=0)
    whole = rate_space(SPACE, toy_teacher(), toy_data(), CONFIG, tmp_path / "whole", compute=saving)
    heard = 0

    def kill(_: object) -> None:
        nonlocal heard
        heard += 1
        if heard == events:
            raise KilledError

    with pytest.raises(KilledError):
        rate_space(SPACE, toy_teacher(), toy_data(), CONFIG, tmp_path / "killed", on_progress=kill, compute=saving)
    resumed = rate_space(SPACE, toy_teacher(), toy_data(), CONFIG, tmp_path / "killed", compute=saving)
    assert resumed.blocks == whole.blocks


@pytest.mark.parametrize("edges", ["adaptors", "teacher"])
def test_both_kinds_of_edges_rate_every_candidate(tmp_path: Path, edges: str) -> None:
    config = CONFIG.model_copy(update={"edges": edges, "epochs": 1})
    table = rate_space(SPACE, toy_teacher(), toy_data(), config, tmp_path)
    table.check_space(SPACE)
    assert [len(cell.ratings) for block in table.blocks for cell in block.cells] == [3, 9, 3, 27, 9]


def test_standard_errors_are_those_of_the_mean_over_batches(tmp_path: Path) -> None:
    found = run_blocks(work(tmp_path), [2], silent)[2]
    rows = torch.stack(found.rows)
    assert rows.shape == (2, 9)
    torch.testing.assert_close(found.standard_errors, (rows[0] - rows[1]).abs() / 2)


def ratings_of(rows: list[list[float]], folder: Path) -> BatchRatings:
    return BatchRatings(folder / "ratings.safetensors", "", [torch.tensor(row).double() for row in rows])


def test_an_order_is_settled_by_differences_on_the_same_images_not_by_the_spread_of_images(tmp_path: Path) -> None:
    hard_and_easy_images = [[0.1 + 0.1 * batch, 0.12 + 0.1 * batch + 1e-4 * (batch % 2), 0.9] for batch in range(6)]
    assert ratings_of(hard_and_easy_images, tmp_path).is_settled(2)
    assert not ratings_of(hard_and_easy_images, tmp_path).is_settled(0)
    assert not ratings_of(hard_and_easy_images[:3], tmp_path).is_settled(2)
    contradicting = [[0.1, 0.11 + 0.05 * (-1) ** batch, 0.9] for batch in range(6)]
    assert not ratings_of(contradicting, tmp_path).is_settled(1)


def test_rating_stops_once_the_order_is_settled_and_says_on_how_many_images(tmp_path: Path) -> None:
    config = CONFIG.model_copy(update={"rating_batch": 4, "settled_top": 1})
    table = rate_space(SPACE, toy_teacher(), toy_data(), config, tmp_path)
    every = rate_space(SPACE, toy_teacher(), toy_data(), config.model_copy(update={"settled_top": 0}), tmp_path / "every")
    assert table.images < every.images == 40
    again = rate_space(SPACE, toy_teacher(), toy_data(), config, tmp_path)
    assert again.blocks == table.blocks


SCRIPT = """
import os, signal, sys
from pathlib import Path
from dna_deploy.learning.compute import Compute
from dna_deploy.rating.raters.dna.rating import rate_space
from tests.toy import CONFIG, SPACE, toy_data, toy_teacher

heard = 0

def kill(progress):
    global heard
    heard += 1
    if heard == 6:
        os.kill(os.getpid(), signal.SIGKILL)

if __name__ == "__main__":
    compute = Compute(jobs=2, checkpoint_seconds=0)
    config = CONFIG.model_copy(update={"epochs": int(sys.argv[2])})
    rate_space(SPACE, toy_teacher(), toy_data(), config, Path(sys.argv[1]), on_progress=kill, compute=compute)
"""


def is_marked(process: psutil.Process, folder: Path) -> bool:
    """Whether the process, or the one that started it, was given the mark."""
    try:
        return process.environ().get("MARK") == str(folder)
    except psutil.Error:
        return False


def killed_rating(folder: Path, epochs: int) -> None:
    """A rating in two processes, started and killed in the middle; every process it had started must end by itself."""
    script = folder.with_suffix(".py")
    script.write_text(SCRIPT)
    environment = {**os.environ, "PYTHONPATH": str(Path.cwd()), "MARK": str(folder)}
    ran = subprocess.run([sys.executable, str(script), str(folder), str(epochs)], check=False, env=environment)
    assert ran.returncode == -signal.SIGKILL
    _, alive = psutil.wait_procs([one for one in psutil.process_iter() if is_marked(one, folder)], timeout=20)
    for process in alive:
        process.kill()
    assert not alive


@pytest.mark.slow
def test_a_killed_rating_takes_its_processes_along(tmp_path: Path) -> None:
    killed_rating(tmp_path / "long", epochs=5000)


@pytest.mark.slow
def test_a_killed_rating_goes_on(tmp_path: Path) -> None:
    killed_rating(tmp_path / "killed", CONFIG.epochs)
    whole = rate_space(SPACE, toy_teacher(), toy_data(), CONFIG, tmp_path / "whole")
    assert rate_space(SPACE, toy_teacher(), toy_data(), CONFIG, tmp_path / "killed").blocks == whole.blocks
