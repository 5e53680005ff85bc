"""What every method of rating leaves, survives and refuses in the same way: DNA, DNA++ and the one-shot baseline."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn

from dna_deploy.errors import DivergedError, OutOfMemoryError, TableError, UsageError
from dna_deploy.learning.compute import Compute
from dna_deploy.learning.tensor_file import TensorFile
from dna_deploy.nets.supernets.whole import OneShotSupernet
from dna_deploy.progress import OnProgress, Progress, silent
from dna_deploy.rating.rater import make_rater
from dna_deploy.rating.raters.dna.training import train_blocks
from dna_deploy.rating.raters.dna_pp.collapse import FILE_NAME as EMBEDDINGS
from dna_deploy.rating.raters.dna_pp.rating import _rate_views, population_of, rate_all_blocks, rate_batch, rating_views
from dna_deploy.rating.raters.dna_pp.stitched import ChainedStage
from dna_deploy.rating.raters.dna_pp.training import build_population, train_population
from dna_deploy.rating.raters.one_shot.rater import OneShot
from dna_deploy.rating.raters.one_shot.training import build_one_shot, one_shot_state, one_shot_work, train_one_shot
from dna_deploy.records.training_history import TrainingHistory
from dna_deploy.report.evidence import select
from dna_deploy.report.findings import gather
from dna_deploy.report.sections.curves import curves_section
from dna_deploy.report.write import plots_of
from dna_deploy.spaces.architecture import Architecture
from tests.learning.gradients import check_portions
from tests.rating import test_cream, test_one_shot, test_population, test_setn
from tests.rating.made import work as block_work
from tests.toy import CONFIG, SPACE, toy_data

SAVING = Compute(checkpoint_seconds=0)
NETWORKS = test_one_shot.NETWORKS


def train_dna(folder: Path, on_progress: OnProgress = silent, **changes: Any) -> object:
    done = block_work(folder, config=CONFIG.model_copy(update=changes), compute=SAVING)
    return train_blocks(done, range(len(SPACE.blocks)), on_progress)


def train_dna_plus_plus(folder: Path, on_progress: OnProgress = silent, **changes: Any) -> object:
    return train_population(test_population.work(folder, **changes), on_progress)


def train_baseline(folder: Path, on_progress: OnProgress = silent, **changes: Any) -> object:
    return train_one_shot(test_one_shot.work(folder, **changes), on_progress)


def train_cream(folder: Path, on_progress: OnProgress = silent, **changes: Any) -> None:
    config = test_cream.CONFIG.model_copy(update=changes)
    make_rater("cream-top1", SPACE, toy_data(), config, folder, compute=SAVING).train(on_progress)


def train_matched_cream(folder: Path, on_progress: OnProgress = silent, **changes: Any) -> None:
    test_cream.rater(folder, "cream", **changes).train(on_progress)


def train_setn(folder: Path, on_progress: OnProgress = silent, **changes: Any) -> None:
    config = test_setn.CONFIG.model_copy(update=changes)
    make_rater("setn", SPACE, toy_data(), config, folder, compute=SAVING).train(on_progress)


@dataclass(frozen=True)
class Method:
    """How a method trains, what it calls what it trains, and where it saves that."""

    train: Callable[..., object]
    checkpoints: tuple[str, ...]
    histories: tuple[str, ...]
    subjects: tuple[str, ...]


BLOCKS = ("block 1", "block 2", "block 3")
BLOCK_HISTORIES = ("history-1.json", "history-2.json", "history-3.json")
SETN_HISTORIES = ("training-history.json", "history-evaluator.json")
METHODS = {
    "dna": Method(train_dna, tuple(f"supernet-{n}.safetensors" for n in (1, 2, 3)), BLOCK_HISTORIES, BLOCKS),
    "dna++": Method(train_dna_plus_plus, ("population.safetensors",), BLOCK_HISTORIES, BLOCKS),
    "one-shot": Method(train_baseline, ("one-shot.safetensors",), ("training-history.json",), ("one-shot supernet",)),
    "cream-top1": Method(train_cream, ("one-shot.safetensors",), ("training-history.json",), ("one-shot supernet",)),
    "cream": Method(
        train_matched_cream,
        ("one-shot.safetensors",),
        ("training-history.json", "history-matching.json"),
        ("one-shot supernet", "matching"),
    ),
    "setn": Method(train_setn, ("one-shot.safetensors",), SETN_HISTORIES, ("one-shot supernet", "evaluator")),
}


@pytest.fixture(params=METHODS)
def method(request: pytest.FixtureRequest) -> Method:
    return METHODS[request.param]


class KilledError(Exception):
    """Stands for a kill: nothing after it runs."""


def killed(at: int) -> OnProgress:
    def kill(progress: Progress) -> None:
        if progress.done == at:
            raise KilledError

    return kill


def histories(method: Method, folder: Path) -> list[dict[str, object]]:
    return [TrainingHistory.read(folder / name).model_dump(exclude={"provenance"}) for name in method.histories]


def test_a_killed_and_resumed_training_leaves_the_history_of_an_uninterrupted_one(method: Method, tmp_path: Path) -> None:
    heard: list[Progress] = []
    method.train(tmp_path / "whole", heard.append)
    with pytest.raises(KilledError):
        method.train(tmp_path / "killed", killed(2))
    until = [TrainingHistory.read(tmp_path / "killed" / name) for name in method.histories]
    assert [[point.step for point in history.losses] for history in until] == [[1, 2]] * len(until)
    method.train(tmp_path / "killed")
    assert histories(method, tmp_path / "killed") == histories(method, tmp_path / "whole")
    for number, name in enumerate(method.histories):
        found = TrainingHistory.read(tmp_path / "whole" / name)
        assert found.subject == method.subjects[number]
        assert [point.step for point in found.losses] == [progress.done for progress in heard]
        assert [f"{point.loss:.3f}" for point in found.losses] == [
            progress.remark.split()[1 + number].strip(",") for progress in heard
        ]


def test_a_lost_history_is_written_again_and_one_that_is_there_is_left(method: Method, tmp_path: Path) -> None:
    method.train(tmp_path)
    before, name = histories(method, tmp_path), method.histories[-1]
    kept = (tmp_path / name).stat().st_mtime_ns
    method.train(tmp_path)
    assert (tmp_path / name).stat().st_mtime_ns == kept
    (tmp_path / name).unlink()
    method.train(tmp_path)
    assert histories(method, tmp_path) == before


def test_a_checkpoint_of_an_earlier_version_without_losses_goes_on(method: Method, tmp_path: Path) -> None:
    with pytest.raises(KilledError):
        method.train(tmp_path, killed(2))
    for name in method.checkpoints:
        file = TensorFile.read(tmp_path / name)
        facts = {key: value for key, value in file.facts.items() if key not in ("losses", "remark", "courses")}
        TensorFile(file.tensors, facts).write(tmp_path / name)
    method.train(tmp_path)
    assert [history["losses"][0]["step"] for history in histories(method, tmp_path)] == [3] * len(method.histories)  # type: ignore[index]


def test_the_report_draws_the_curves_of_a_rating(method: Method, tmp_path: Path) -> None:
    method.train(tmp_path)
    section = curves_section(select(gather([tmp_path])))
    names = {plot.name for plot in plots_of((section,))}
    assert ("training-one-shot-supernet" if method.subjects != BLOCKS else "training-blocks") in names
    assert ("training-embeddings" in names) == (tmp_path / EMBEDDINGS).exists()
    assert "block" not in " ".join(missing.reason for missing in section.missing)


def test_a_checkpoint_with_pickled_code_is_refused(method: Method, tmp_path: Path) -> None:
    name = method.checkpoints[-1]
    torch.save({"step": 3}, tmp_path / name)
    with pytest.raises(UsageError, match=f"{name} is a pickle, which can run code") as caught:
        method.train(tmp_path)
    assert caught.value.hint


def test_what_is_no_number_is_named_and_never_saved(method: Method, tmp_path: Path) -> None:
    what = f"({'|'.join(method.subjects)}|population): (the loss became (nan|inf)|a weight is no longer a number)"
    with pytest.raises(DivergedError, match=rf"{what} at step \d+ of") as caught:
        method.train(tmp_path, learning_rate=1e12, epochs=20)
    assert "the last good checkpoint is kept" in caught.value.hint
    if "at step 1 of" in caught.value.message:  # nothing was good before
        assert not any((tmp_path / name).exists() for name in method.checkpoints)
        return
    for name in method.checkpoints:
        file = TensorFile.read(tmp_path / name)
        assert file.facts["step"] >= 1
        assert all(bool(tensor.isfinite().all()) for key, tensor in file.tensors.items() if key.endswith("weight"))


def test_weights_that_are_no_numbers_are_not_saved_over_good_ones(
    method: Method, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(KilledError):
        method.train(tmp_path, killed(2))
    good = [(tmp_path / name).read_bytes() for name in method.checkpoints]
    step = torch.optim.Adam.step

    def spoilt(optimiser: torch.optim.Adam, *arguments: Any) -> Any:
        result = step(optimiser, *arguments)
        with torch.no_grad():
            optimiser.param_groups[0]["params"][0].view(-1)[0] = torch.inf
        return result

    monkeypatch.setattr(torch.optim.Adam, "step", spoilt)
    with pytest.raises(DivergedError, match=r"(a weight is no longer a number|the loss became (nan|inf)) at step 3"):
        method.train(tmp_path)
    assert [(tmp_path / name).read_bytes() for name in method.checkpoints] == good


class Large(nn.Sequential):
    """Does not fit in memory with more than eight images."""

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        if len(images) > 8:
            raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 1.50 GiB")
        return super().forward(images)  # type: ignore[no-any-return]


class Larger(nn.Sequential):
    """Never fits."""

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 1.50 GiB")


def make_paths(kind: type[nn.Sequential], monkeypatch: pytest.MonkeyPatch) -> None:
    """Paths of a one-shot supernet that run out of memory."""
    path = OneShotSupernet.path
    monkeypatch.setattr(OneShotSupernet, "path", lambda supernet, architecture: kind(*path(supernet, architecture)))


def test_one_shot_meets_short_memory_with_portions_and_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    make_paths(Large, monkeypatch)
    heard: list[Progress] = []
    OneShot(test_one_shot.work(tmp_path)).score(NETWORKS, heard.append)
    training, rating = [progress.notice for progress in heard if progress.notice]
    assert training.startswith("memory is short: batches of 16 are run in portions of 8")
    assert rating.startswith("memory is short: batches of 20 are run in portions of 5")
    assert training in TrainingHistory.read(tmp_path / "training-history.json").measure


def test_gradients_of_portions_of_a_one_shot_batch_add_up_to_the_batchs(tmp_path: Path) -> None:
    work = test_one_shot.work(tmp_path)
    check_portions(one_shot_state(work, build_one_shot(work)))


def test_memory_that_no_portion_of_one_shot_fits_is_an_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    make_paths(Larger, monkeypatch)
    with pytest.raises(
        OutOfMemoryError, match="training the one-shot supernet with batches of 2 images does not fit"
    ) as caught:
        train_one_shot(test_one_shot.work(tmp_path))
    assert "take a smaller batch" in caught.value.hint


def test_a_population_that_does_not_fit_in_memory_names_a_smaller_batch(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> None:
        raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 1.50 GiB")

    monkeypatch.setattr("dna_deploy.rating.raters.dna_pp.training.centre_of", refuse)
    with pytest.raises(OutOfMemoryError, match="training the population with batches of 16 images does not fit") as caught:
        train_population(test_population.work(tmp_path))
    assert "take a smaller batch, such as 8" in caught.value.hint


def test_a_population_is_rated_in_portions_where_memory_is_short(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def large(population: Any, index: int, features: torch.Tensor, wanted: torch.Tensor) -> torch.Tensor:
        if len(features) > 10:
            raise RuntimeError("DefaultCPUAllocator: can't allocate memory: you tried to allocate 99 bytes")
        return rate_batch(population, index, features, wanted)

    monkeypatch.setattr("dna_deploy.rating.raters.dna_pp.rating.rate_batch", large)
    heard: list[Progress] = []
    table = rate_all_blocks(test_population.population_work(SPACE, toy_data(), test_population.CONFIG, tmp_path), heard.append)
    (notice,) = (progress.notice for progress in heard if progress.notice)
    assert notice.startswith("memory is short: batches of 20 are run in portions of 10")
    table.check_space(SPACE)


@torch.no_grad()
def test_ratings_of_a_population_in_portions_are_means_over_portions(tmp_path: Path) -> None:
    done = test_population.work(tmp_path)
    population, views = build_population(done), next(rating_views(done))
    found = _rate_views(done, population, [0], views, 2)[0]
    rows = []
    for images in (slice(0, 10), slice(10, 20)):
        both = torch.cat([views[:20][images], views[20:][images]])
        centre, _ = population_of(done, population, 0, both)
        rows.append(rate_batch(population, 0, both[:10], centre[10:]))
    torch.testing.assert_close(found, torch.stack(rows).mean(0))


@pytest.mark.parametrize(("field", "what"), [("method", "method"), ("dataset", "images")])
def test_ratings_of_another_method_or_data_set_are_refused_by_a_population(tmp_path: Path, field: str, what: str) -> None:
    work = test_population.population_work(SPACE, toy_data(), test_population.CONFIG, tmp_path)
    table = rate_all_blocks(test_population.population_work(SPACE, work.data, work.config, tmp_path))
    with pytest.raises(TableError, match=f"the {what} of the ratings, another, are not those of the supernets") as caught:
        ChainedStage(work, table.model_copy(update={field: "another"}))
    assert caught.value.hint == "rate again"


def test_without_a_teacher_three_ranks_are_averaged_and_the_distance_is_from_the_centre(tmp_path: Path) -> None:
    work = test_population.population_work(SPACE, toy_data(is_labelled=False), test_population.CONFIG, tmp_path)
    refined = ChainedStage(
        work, rate_all_blocks(test_population.population_work(SPACE, work.data, work.config, tmp_path))
    ).refine(NETWORKS)
    assert (refined.divergence_from, refined.ranked_by) == ("centre", ("divergence", "rating", "parameters"))
    assert {network.agreement for network in refined.networks} == {None}


def test_a_network_of_another_space_is_refused_by_the_baseline(tmp_path: Path) -> None:
    work = one_shot_work(SPACE, toy_data(), test_one_shot.CONFIG, tmp_path)
    with pytest.raises(UsageError, match="has 2 blocks"):
        OneShot(work).score([Architecture.of(NETWORKS[0].parts[:2])])
    assert list(tmp_path.iterdir()) == []
