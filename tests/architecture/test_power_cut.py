"""A power cut at any moment leaves every file whole, old or new, takes at most what was not yet said to be kept, and blocks
nothing: after it, the same command goes on."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path
from typing import TypeVar

import pytest
import torch
from torch import nn

from dna_deploy.export.staging import staged
from dna_deploy.latency.journal import Journal
from dna_deploy.latency.sampling import Visit
from dna_deploy.learning.checkpoint import Checkpoint
from dna_deploy.learning.tensor_file import TensorFile
from dna_deploy.pipeline.published import publish
from dna_deploy.pipeline.runner import Stage, run_stages
from dna_deploy.progress import OnProgress
from dna_deploy.records.files import write_atomically
from dna_deploy.records.folder_lock import folder_lock
from dna_deploy.records.result_log import ResultLog
from tests.architecture.power_cut import Left, restore, watched
from tests.pipeline.made import MadeStage
from tests.training.made import SAVING, train

T = TypeVar("T")
OLD, NEW = b"old " * 50, b"newer " * 50
RUN = {"kit": "sha256:1"}
ABOUT: dict[str, object] = {"space": "sha256:1"}


def found(lefts: Iterable[Left], path: str) -> set[bytes | None]:
    """What readers of a path would find; None for no file."""
    return {left.get(path) for left in lefts}


def seen_after(lefts: Iterable[Left], folder: Path, read: Callable[[Path], T]) -> list[T]:
    """What a reader makes of the folder after each cut."""
    return [read(restore(left, folder / str(number))) for number, left in enumerate(lefts)]


def without_hidden(lefts: Iterable[Left]) -> list[Left]:
    """The different states, but for files that were being written: nothing reads those."""
    shown = [{path: held for path, held in left.items() if not Path(path).name.startswith(".")} for left in lefts]
    return [left for number, left in enumerate(shown) if left not in shown[:number]]


def test_the_model_sees_what_is_wrong_with_a_plain_write_and_with_a_rename_alone(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(OLD)
    with watched(tmp_path) as disk:
        (tmp_path / "file").write_bytes(NEW)
        disk.moment()
    assert found(disk.left(), "file") == {OLD, NEW, NEW[:150], bytes(300)}
    with watched(tmp_path) as disk:
        (tmp_path / "part").write_bytes(OLD)
        (tmp_path / "part").replace(tmp_path / "file")
    assert b"" in found(disk.left(), "file")


def test_a_written_file_is_the_old_one_or_the_new_one_and_then_the_new_one(tmp_path: Path) -> None:
    for before, content in ((None, OLD), (OLD, NEW)):
        with watched(tmp_path) as disk:
            write_atomically(tmp_path / "deep" / "deeper" / "file", content)
            assert found(disk.left_now(), "deep/deeper/file") == {content}
        assert found(disk.left(), "deep/deeper/file") == {before, content}


def test_a_published_file_is_the_old_one_or_the_new_one(tmp_path: Path) -> None:
    (tmp_path / "made").write_bytes(NEW)
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "place").write_bytes(OLD)
    with watched(tmp_path / "out") as disk:
        publish(tmp_path / "made", tmp_path / "out" / "place")
        assert found(disk.left_now(), "place") == {NEW}
    assert found(disk.left(), "place") == {OLD, NEW}


def test_a_staged_folder_appears_as_a_whole_and_is_replaced_file_by_file(tmp_path: Path) -> None:
    def write(content: bytes) -> set[tuple[bytes | None, ...]]:
        with watched(tmp_path) as disk:
            with staged(tmp_path / "model", replace=True) as work:
                for name in ("xml", "bin"):
                    (work / name).write_bytes(content)  # as other people's exporters do, who do not sync
            assert found(disk.left_now(), "model/bin") == found(disk.left_now(), "model/xml") == {content}
        return {(left.get("model/bin"), left.get("model/xml")) for left in disk.left()}

    assert write(OLD) == {(None, None), (OLD, OLD)}
    assert write(NEW) == {(OLD, OLD), (NEW, OLD), (NEW, NEW)}


def test_a_checkpoint_is_that_of_one_step_with_its_optimiser(tmp_path: Path) -> None:
    torch.manual_seed(0)
    module, wanted = nn.Linear(3, 2), {}
    optimiser = torch.optim.AdamW(module.parameters())
    with watched(tmp_path / "disk") as disk:
        for step in (1, 2):
            module(torch.ones(1, 3)).sum().backward()
            optimiser.step()
            Checkpoint(tmp_path / "disk" / "checkpoint", "identity").save(step, module, [optimiser])
            wanted[step] = (module.weight.tolist(), optimiser.state_dict()["state"][0]["exp_avg"].tolist())

    def resume(folder: Path) -> int:
        again = nn.Linear(3, 2)
        moments = torch.optim.AdamW(again.parameters())
        step = int(Checkpoint(folder / "checkpoint", "identity").resume(again, [moments])["step"])
        if step:
            assert (again.weight.tolist(), moments.state_dict()["state"][0]["exp_avg"].tolist()) == wanted[step]
        return step

    assert set(seen_after(disk.left(), tmp_path / "ever", resume)) == {0, 1, 2}


@pytest.mark.slow
def test_a_training_goes_on_after_a_cut_at_any_moment_and_ends_with_the_same_weights(tmp_path: Path) -> None:
    with watched(tmp_path / "disk") as disk:
        train(tmp_path / "disk", compute=SAVING)
    whole = TensorFile.read(tmp_path / "disk" / "weights.safetensors").tensors

    def go_on(folder: Path) -> None:
        trained = train(folder, compute=SAVING)
        for name, weights in TensorFile.read(folder / trained.weights).tensors.items():
            assert torch.equal(weights, whole[name]), name

    lefts = without_hidden(disk.left())
    assert len(lefts) > 10
    seen_after(lefts[::2], tmp_path / "after", go_on)


def test_a_journal_loses_at_most_the_round_in_flight(tmp_path: Path) -> None:
    visits = [Visit(number // 2, "ab"[number % 2], (100 + number,)) for number in range(6)]
    path, sure = tmp_path / "disk" / "journal", 0

    def read(folder: Path) -> int:
        with Journal(folder / "journal", RUN) as again:
            assert again.story.visits == visits[: len(again.story.visits)]
            assert len(again.story.other_load) <= (len(again.story.visits) + 1) // 2
            return len(again.story.visits)

    with watched(tmp_path / "disk") as disk, Journal(path, RUN) as journal:
        for number, visit in enumerate(visits, 1):
            journal.visit(visit)
            disk.moment()
            if number % 2 == 0:
                journal.round(0.5, float(number))
                sure = number
            assert min(seen_after(disk.left_now(), tmp_path / f"after-{number}", read)) == sure
    assert set(seen_after(disk.left(), tmp_path / "ever", read)) == set(range(7))


def test_a_log_of_results_loses_at_most_the_one_in_flight(tmp_path: Path) -> None:
    path = tmp_path / "disk" / "log.jsonl"
    wanted = {f"24:k{number}e1": number / 7 for number in range(3)}

    def read(folder: Path) -> int:
        ratings = ResultLog(folder / "log.jsonl", ABOUT).results
        assert list(ratings.items()) == list(wanted.items())[: len(ratings)]
        return len(ratings)

    with watched(tmp_path / "disk") as disk:
        log = ResultLog(path, ABOUT)
        for number, (architecture, rating) in enumerate(wanted.items(), 1):
            log.add(architecture, rating)
            assert seen_after(disk.left_now(), tmp_path / f"after-{number}", read) == [number]
    assert set(seen_after(disk.left(), tmp_path / "ever", read)) == {0, 1, 2, 3}


def two_stages(folder: Path) -> tuple[Stage, Stage]:
    """A stage that writes a file, and one that reads it; each publishes what it made."""

    def stage(name: str, inputs: dict[str, Path], text: str) -> Stage:
        made = folder / "out" / name

        def run(work: Path, on_progress: OnProgress) -> None:
            write_atomically(work / name, b"".join(path.read_bytes() for path in inputs.values()) + text.encode())
            publish(work / name, made)

        return MadeStage(name, "writes", 1.0, lambda: {key: path.read_text() for key, path in inputs.items()}, (made,), run)

    return stage("one", {}, "1"), stage("two", {"one": folder / "out" / "one"}, "2")


def test_a_run_goes_on_after_a_cut_at_any_moment_whatever_is_left_of_its_lock(tmp_path: Path) -> None:
    def go_on(folder: Path) -> bytes:
        run_stages(two_stages(folder), folder, lambda event: None)
        return (folder / "out" / "two").read_bytes()

    with watched(tmp_path / "disk") as disk:
        assert go_on(tmp_path / "disk") == b"12"
    lefts = disk.left()
    assert any(".lock" in left for left in lefts)
    assert set(seen_after(lefts, tmp_path / "after", go_on)) == {b"12"}


def test_a_lock_file_that_a_dead_machine_left_blocks_nobody(tmp_path: Path) -> None:
    (tmp_path / ".lock").write_text("1\nanother-host\n")
    with folder_lock(tmp_path):
        pass
