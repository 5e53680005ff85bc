"""What training of supernets leaves and survives: histories, losses that are no numbers, memory that is short."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
import torch
from torch import nn

from dna_deploy.errors import DivergedError, OutOfMemoryError, UsageError
from dna_deploy.learning.compute import Compute
from dna_deploy.learning.history import block_history
from dna_deploy.learning.state import TrainingState
from dna_deploy.learning.tensor_file import TensorFile
from dna_deploy.nets.teachers.teacher import Teacher
from dna_deploy.progress import Progress, silent
from dna_deploy.rating.raters.dna.block_rating import rate_batch
from dna_deploy.rating.raters.dna.rating import rate_space
from dna_deploy.rating.raters.dna.spreading import run_blocks
from dna_deploy.rating.raters.dna.teacher_features import features_of
from dna_deploy.rating.raters.dna.training import block_state, build_supernet, train_blocks, training_batches
from dna_deploy.rating.raters.dna.work import BlockWork, block_work
from dna_deploy.records.training_history import TrainingHistory
from dna_deploy.report.findings import gather
from tests.learning.gradients import check_portions
from tests.rating.made import KilledError, some_features, work
from tests.toy import CONFIG, SPACE, toy_data, toy_teacher

SAVING = Compute(checkpoint_seconds=0)


class Changed(nn.Module):
    """A teacher's network whose features are changed on their way out."""

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.network = network
        self.runs = 0

    def features(self, x: torch.Tensor) -> list[torch.Tensor]:
        self.runs += 1
        return self.changed(self.network.features(x))  # type: ignore[operator]

    def changed(self, features: list[torch.Tensor]) -> list[torch.Tensor]:
        return features


class Broken(Changed):
    """From the fourth batch on, block 2 has a target that is not a number."""

    def changed(self, features: list[torch.Tensor]) -> list[torch.Tensor]:
        if self.runs > 3:
            features[1][0, 0, 0, 0] = torch.nan
        return features


class Large(Changed):
    """Does not fit in memory with more than eight images."""

    def changed(self, features: list[torch.Tensor]) -> list[torch.Tensor]:
        if len(features[0]) > 8:
            raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 1.50 GiB")
        return features


class Larger(Changed):
    """Never fits."""

    def changed(self, features: list[torch.Tensor]) -> list[torch.Tensor]:
        raise RuntimeError("DefaultCPUAllocator: can't allocate memory: you tried to allocate 99 bytes")


def with_network(kind: type[Changed]) -> Teacher:
    teacher = toy_teacher()
    return replace(teacher, network=kind(teacher.network))


def history(folder: Path, index: int) -> TrainingHistory:
    return TrainingHistory.read(block_history(folder, index))


def test_every_block_leaves_the_course_of_its_loss(tmp_path: Path) -> None:
    heard: list[str] = []
    train_blocks(work(tmp_path), [0, 1, 2], lambda progress: heard.append(progress.remark))
    for index in range(3):
        found = history(tmp_path, index)
        assert (found.subject, found.block, found.steps, found.steps_per_epoch) == (f"block {index + 1}", index, 6, 3)
        assert [point.step for point in found.losses] == [1, 2, 3, 4, 5, 6]
        assert [f"{point.loss:.3f}" for point in found.losses] == [remark.split()[1 + index] for remark in heard]
    assert {found.subject for found in gather([tmp_path]).of(TrainingHistory)} == {"block 1", "block 2", "block 3"}


def test_a_history_is_the_same_after_a_kill_and_one_that_is_lost_is_written_again(tmp_path: Path) -> None:
    train_blocks(work(tmp_path / "whole", compute=SAVING), [1], silent)

    def kill(progress: Progress) -> None:
        if progress.done == 4:
            raise KilledError

    with pytest.raises(KilledError):
        train_blocks(work(tmp_path / "killed", compute=SAVING), [1], kill)
    assert [point.step for point in history(tmp_path / "killed", 1).losses] == [1, 2, 3, 4]  # what a report shows meanwhile
    train_blocks(work(tmp_path / "killed", compute=SAVING), [1], silent)
    wanted = history(tmp_path / "whole", 1).model_dump(exclude={"provenance"})
    assert history(tmp_path / "killed", 1).model_dump(exclude={"provenance"}) == wanted
    block_history(tmp_path / "killed", 1).unlink()
    train_blocks(work(tmp_path / "killed"), [1], silent)
    assert history(tmp_path / "killed", 1).model_dump(exclude={"provenance"}) == wanted


def test_a_loss_that_is_no_number_names_the_block_and_leaves_the_last_good_checkpoint(tmp_path: Path) -> None:
    with pytest.raises(DivergedError, match="block 2: the loss became nan at step 4 of 6") as caught:
        train_blocks(work(tmp_path / "broken", teacher=with_network(Broken), compute=SAVING), [0, 1, 2], silent)
    assert "the last good checkpoint is kept" in caught.value.hint
    for number in (1, 2, 3):
        file = TensorFile.read(tmp_path / "broken" / f"supernet-{number}.safetensors")
        assert file.facts["step"] == 3
        assert all(bool(tensor.isfinite().all()) for tensor in file.tensors.values())
    mended = train_blocks(work(tmp_path / "broken"), [1], silent)[1].state_dict()
    whole = train_blocks(work(tmp_path / "whole"), [1], silent)[1].state_dict()
    assert all(torch.equal(mended[name], tensor) for name, tensor in whole.items())


@torch.no_grad()
def test_weights_that_are_no_numbers_are_not_saved_over_good_ones(tmp_path: Path) -> None:
    train_blocks(work(tmp_path), [1], silent)
    path = tmp_path / "supernet-2.safetensors"
    good = path.read_bytes()
    state = begun(work(tmp_path), 1)
    state.curves[0].losses.append(0.5)
    next(state.module.parameters()).view(-1)[0] = torch.inf
    with pytest.raises(DivergedError, match="block 2: a weight is no longer a number"):
        state.save("")
    assert path.read_bytes() == good


def begun(block_work: BlockWork, index: int) -> TrainingState:
    supernet = build_supernet(SPACE, index, block_work.teacher, block_work.config)
    return block_state(block_work, index, supernet, training_batches(block_work), features_of(block_work, "", silent))


def test_gradients_of_portions_add_up_to_those_of_the_batch(tmp_path: Path) -> None:
    check_portions(begun(work(tmp_path), 0))


def test_short_memory_is_met_with_portions_and_said_once_and_for_good(tmp_path: Path) -> None:
    heard: list[Progress] = []
    found = run_blocks(work(tmp_path, teacher=with_network(Large)), [1], heard.append)
    notices = [progress.notice for progress in heard if progress.notice]
    assert len(notices) == 2  # of training, of rating
    assert notices[0].startswith("memory is short: batches of 16 are run in portions of 8")
    assert notices[1].startswith("memory is short: batches of 20 are run in portions of 5")
    assert notices[0] in history(tmp_path, 1).measure
    again = run_blocks(work(tmp_path, teacher=with_network(Large)), [1], silent)
    assert torch.equal(found[1].means, again[1].means)


def test_ratings_in_portions_are_means_over_portions(tmp_path: Path) -> None:
    done = work(tmp_path)
    supernet = train_blocks(done, [1], silent)[1]
    found = run_blocks(replace(done, teacher=with_network(Large)), [1], silent)[1].rows[0]
    before, after = some_features(1)  # the first 40 images of the rating slice; a batch has 20
    parts = [rate_batch(supernet, x, y) for x, y in zip(before[:20].split(5), after[:20].split(5), strict=True)]
    torch.testing.assert_close(found, torch.stack(parts).mean(0), atol=1e-5, rtol=1e-4)


def test_memory_that_no_portion_fits_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(OutOfMemoryError, match="training supernets with batches of 2 images does not fit in memory"):
        run_blocks(work(tmp_path, teacher=with_network(Larger)), [1], silent)


def test_a_checkpoint_with_pickled_code_is_refused(tmp_path: Path) -> None:
    torch.save({"step": 3}, tmp_path / "supernet-2.safetensors")
    with pytest.raises(UsageError, match=r"supernet-2\.safetensors is a pickle, which can run code"):
        train_blocks(work(tmp_path), [1], silent)


def test_a_rating_from_cached_features_is_the_same_whatever_lies_there(tmp_path: Path) -> None:
    compute = Compute(feature_cache_bytes=1 << 22)
    first = rate_space(SPACE, toy_teacher(), toy_data(), CONFIG, tmp_path / "a" / "first", compute=compute)
    kept = sorted((tmp_path / "a" / "teacher-features").iterdir())
    assert len(kept) == 6 + 2  # batches of training and of rating
    again = rate_space(SPACE, toy_teacher(), toy_data(), CONFIG, tmp_path / "a" / "again", compute=compute)
    kept[0].write_bytes(b"rubbish")
    heard: list[Progress] = []
    damaged = rate_space(
        SPACE, toy_teacher(), toy_data(), CONFIG, tmp_path / "a" / "damaged", compute=compute, on_progress=heard.append
    )
    assert first.blocks == again.blocks == damaged.blocks
    assert [progress.notice for progress in heard if "the teacher computes these features anew" in progress.notice]
    assert sorted((tmp_path / "a" / "teacher-features").iterdir()) == kept


def test_what_rounds_otherwise_has_a_folder_of_its_own() -> None:
    def identity(compute: Compute | None) -> str:
        return block_work(SPACE, toy_teacher(), toy_data(), CONFIG, Path(), compute).identity

    assert identity(None) == identity(Compute(jobs=2, threads=2, workers=2))
    assert len({identity(Compute(precision="bfloat16")), identity(Compute(feature_cache_bytes=9)), identity(None)}) == 3


def test_training_in_bfloat16_learns_much_the_same(tmp_path: Path) -> None:
    for name, compute in (("plain", Compute()), ("half", Compute(precision="bfloat16"))):
        train_blocks(work(tmp_path / name, compute=compute), [1], silent)
    losses = [[point.loss for point in history(tmp_path / name, 1).losses] for name in ("plain", "half")]
    assert losses[0] != losses[1]
    assert losses[0] == pytest.approx(losses[1], rel=0.05)
