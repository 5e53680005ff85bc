"""Whole networks stitched from trained blocks: the second stage of a search."""

from __future__ import annotations

import math
import os
import random
import shutil
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from scipy.stats import entropy, rankdata

from dna_deploy.data.batches import in_order
from dna_deploy.errors import TableError, UsageError
from dna_deploy.nets.batch_norm import batch_statistics
from dna_deploy.nets.inherit import inherited_network
from dna_deploy.nets.teachers.teacher import load_teacher, write_teacher
from dna_deploy.progress import silent
from dna_deploy.rating.rater import Rater, open_rater
from dna_deploy.rating.raters.dna.rater import Dna
from dna_deploy.rating.raters.dna.rating import rate_space
from dna_deploy.rating.raters.dna.second_stage import StitchedStage, by_mean_rank
from dna_deploy.rating.raters.dna.stitched import LEAST_KNOWN, StitchedRating, StitchedScores, rate_stitched, share_told
from dna_deploy.rating.raters.dna.training import train_blocks
from dna_deploy.rating.raters.dna.work import BlockWork, block_work, sets_of
from dna_deploy.records.rating_run import RatingRun, RunTeacher
from dna_deploy.records.rating_table import BlockRatings, RatingTable
from dna_deploy.spaces.architecture import Architecture
from tests.rating.made import identity_in, work
from tests.toy import CONFIG, SPACE, toy_data, toy_teacher

NETWORKS = [SPACE.sample(random.Random(seed)) for seed in range(8)]


@torch.no_grad()
def test_stitched_divergence_is_that_of_the_chained_blocks_from_the_teachers_beliefs(tmp_path: Path) -> None:
    done = work(tmp_path)
    found = rate_stitched(done, NETWORKS, with_labels=True)
    supernets = train_blocks(done, [0, 1, 2], silent)
    for rating in found:
        said, teacher, labels = list[torch.Tensor](), list[torch.Tensor](), list[torch.Tensor]()
        for batch in in_order(done.data.rating, done.data, CONFIG.rating_batch):
            x = batch.inputs
            for index, choice in enumerate(rating.architecture.parts):
                with batch_statistics(supernets[index]):
                    x = supernets[index](x, *SPACE.index.path_of(index, choice))
            said.append(done.teacher.network.head(x))
            teacher.append(done.teacher.network(batch.inputs))
            labels.append(batch.labels())
        scores, wanted, right = torch.cat(said), torch.cat(teacher), torch.cat(labels)
        shifted = scores + (wanted.mean(0) - scores.mean(0))
        beliefs = wanted.softmax(1)
        each = F.kl_div(F.log_softmax(shifted / rating.temperature, 1), beliefs, reduction="none").sum(1)
        assert rating.divergence == pytest.approx(float(each.mean()), abs=1e-6)
        assert rating.standard_error == pytest.approx(float(each.std()) / 40**0.5, abs=1e-6)
        for other in (0.5, 1.0, 2.0, 8.0):
            elsewhere = F.kl_div(F.log_softmax(shifted / other, 1), beliefs, reduction="batchmean")
            assert rating.divergence <= float(elsewhere) + 1e-6
        assert rating.accuracy == pytest.approx(float((shifted.argmax(1) == right).double().mean()))
        assert rating.agreement == pytest.approx(float((shifted.argmax(1) == wanted.argmax(1)).double().mean()))


def test_scale_and_offsets_of_a_network_do_not_count() -> None:
    torch.manual_seed(0)
    teacher = torch.randn(50, 4)
    teacher -= teacher.mean(0)
    scores = teacher + torch.randn(50, 4)
    elsewhere = 4 * scores + torch.tensor([5.0, -3.0, 0.0, 1.0])
    first, second = NETWORKS[:2]
    said = StitchedScores({first: scores, second: elsewhere}, teacher, None)
    one, other = said.rating(first), said.rating(second)
    assert (other.divergence, other.agreement) == (pytest.approx(one.divergence, abs=1e-5), one.agreement)
    assert other.temperature == 4 * one.temperature


def test_what_is_known_is_the_information_that_the_network_has_of_the_teachers_beliefs() -> None:
    torch.manual_seed(1)
    teacher = 2 * torch.randn(300, 5).double()
    beliefs = teacher.softmax(1).numpy()
    told = np.mean([entropy(belief, beliefs.mean(0)) for belief in beliefs]) / math.log(5)
    assert share_told(teacher) == pytest.approx(told)
    knowing, blind = rated(teacher, teacher), rated(torch.zeros(300, 5).double(), teacher)
    assert (knowing.known, knowing.divergence) == (pytest.approx(told), pytest.approx(0, abs=1e-9))
    assert blind.knows_nothing
    assert not knowing.knows_nothing
    assert (knowing.score, blind.score, blind.counted_agreement) == (knowing.known, 0.0, 0.0)


def test_of_a_teacher_that_tells_nothing_even_its_double_knows_nothing() -> None:
    torch.manual_seed(2)
    unsure = 0.1 * torch.randn(300, 5)
    double = rated(unsure, unsure)
    assert double.agreement == 1
    assert double.knows_nothing
    assert (double.score, double.counted_agreement) == (0.0, 0.0)


def test_who_knows_nothing_is_said_and_ordered_by_block_sum_and_size(tmp_path: Path) -> None:
    table, said = rate_space(SPACE, toy_teacher(), toy_data(), CONFIG, tmp_path, on_progress=silent), list[str]()
    stage = StitchedStage((work(tmp_path, identity=identity_in(tmp_path)),), table)
    found = stage.refine(NETWORKS, lambda progress: said.append(progress.notice))
    ratings, parameters = ([getattr(one, of) for one in found.networks] for of in ("rating", "parameters"))
    assert all(network.known < LEAST_KNOWN for network in found.networks)  # the toy's teacher was never trained
    expected = (9 + rankdata(ratings) + rankdata([-count for count in parameters])) / 4
    assert [network.mean_rank for network in found.networks] == pytest.approx(expected.tolist())
    assert [notice for notice in said if notice] == [
        "no network knows what the teacher believes, so that block sum and size decide: supernets need more training, or the "
        "teacher was not trained for such images"
    ]


def test_a_teacher_that_tells_nothing_is_named_before_anything_is_trained(tmp_path: Path) -> None:
    said = list[str]()
    rate_space(SPACE, toy_teacher(), toy_data(), CONFIG, tmp_path, on_progress=lambda one: said.append(one.notice))
    assert said[0].endswith("of what an answer can tell: was it trained for such images?")
    assert not any(said[1:])


def rated(scores: torch.Tensor, teacher: torch.Tensor) -> StitchedRating:
    return StitchedScores({NETWORKS[0]: scores}, teacher, None).rating(NETWORKS[0])


def test_networks_whose_scores_have_no_room_together_are_rated_one_after_another(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    done = work(tmp_path)
    together = rate_stitched(done, NETWORKS, with_labels=True)
    monkeypatch.setattr("dna_deploy.rating.raters.dna.stitched.ROOM", 3 * 40 * toy_teacher().classes * 4)
    steps = list[int]()
    apart = rate_stitched(done, NETWORKS, with_labels=True, on_progress=lambda one: steps.append(one.done))
    assert apart == together
    assert steps.count(1) == 3


def test_stitched_ratings_touch_no_label_unless_asked(tmp_path: Path) -> None:
    found = rate_stitched(work(tmp_path, data=toy_data(is_labelled=False)), NETWORKS[:2])
    assert [rating.accuracy for rating in found] == [None, None]


def test_networks_outside_the_space_and_empty_lists_are_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="no network to rate"):
        rate_stitched(work(tmp_path), [])
    with pytest.raises(UsageError, match="has 2 blocks"):
        rate_stitched(work(tmp_path), [Architecture.of(NETWORKS[0].parts[:2])])


def test_refined_networks_are_ordered_by_the_mean_of_four_ranks(tmp_path: Path) -> None:
    table, chance = rate_space(SPACE, toy_teacher(), toy_data(), CONFIG, tmp_path), random.Random(5)
    shares = [chance.uniform(0.0, 0.5) for _ in NETWORKS[2:]] + [0.002, -0.01]  # the last two know nothing
    stitched = [
        StitchedRating(network, 1 - share, 0.1, 1.0, known=share, agreement=chance.random())
        for network, share in zip(NETWORKS, shares, strict=True)
    ]
    refined = by_mean_rank(SPACE, table, stitched, teacher=table.teacher, data=toy_data()).networks
    assert [network.mean_rank for network in refined] == sorted(network.mean_rank for network in refined)
    columns = (
        [-network.known if network.known > 0.01 else 0.0 for network in refined],
        [-network.agreement if network.known > 0.01 else 0.0 for network in refined],
        [network.rating for network in refined],
        [-network.parameters for network in refined],
    )
    assert [network.mean_rank for network in refined] == pytest.approx(
        np.mean([rankdata(of) for of in columns], axis=0).tolist()
    )


def test_several_sets_of_supernets_are_averaged(tmp_path: Path) -> None:
    taught = load_teacher(teacher_file(tmp_path))
    two = CONFIG.model_copy(update={"supernet_sets": 2})
    whole = rate_space(SPACE, taught, toy_data(), two, tmp_path / "run")
    works = sets_of(block_work(SPACE, taught, toy_data(), CONFIG, tmp_path / "run"), 2)
    assert [work.folder for work in works] == [tmp_path / "run", tmp_path / "run" / "set-2"]
    tables = [rate_space(SPACE, taught, toy_data(), work.config, tmp_path / str(place)) for place, work in enumerate(works)]
    architecture = NETWORKS[0]
    apart = [table.of(SPACE, architecture) for table in tables]
    assert apart[0] != apart[1]
    assert whole.of(SPACE, architecture) == pytest.approx(sum(apart) / 2)
    stitched = [rate_stitched(work, NETWORKS) for work in works]
    refined = StitchedStage(works, whole).refine(NETWORKS)
    assert refined.sets == 2
    for network in refined.networks:
        first, second = (of[[str(one) for one in NETWORKS].index(network.architecture)] for of in stitched)
        assert network.divergence == pytest.approx((first.divergence + second.divergence) / 2)
        assert network.agreement == pytest.approx((first.agreement + second.agreement) / 2)
        over_sets = abs(first.divergence - second.divergence) / 2
        assert network.standard_error == pytest.approx(
            math.hypot((first.standard_error + second.standard_error) / 2, over_sets)
        )


def test_a_set_of_supernets_of_another_teacher_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("dna_deploy.records.space_record.find_space", lambda name: SPACE)
    monkeypatch.setattr("dna_deploy.rating.rater.load_data", lambda *_: toy_data())
    taught = load_teacher(teacher_file(tmp_path))
    rate_space(SPACE, taught, toy_data(), CONFIG.model_copy(update={"supernet_sets": 3}), tmp_path / "run")
    works = open_rater(tmp_path / "run", Dna).sets
    assert len({work.config.seed for work in works}) == len({work.identity for work in works}) == 3
    path = tmp_path / "run" / "set-3" / "rating-run.json"
    run = RatingRun.read(path)
    run.model_copy(update={"teacher": RunTeacher(file="gone", digest="another")}).write(path)
    with pytest.raises(TableError, match="set-3 holds supernets of another teacher, or of other images"):
        open_rater(tmp_path / "run", Dna).sets  # noqa: B018


@pytest.mark.parametrize(("field", "what"), [("teacher", "teacher"), ("dataset", "images")])
def test_ratings_of_another_teacher_or_data_set_are_refused(tmp_path: Path, field: str, what: str) -> None:
    table = rate_space(SPACE, toy_teacher(), toy_data(), CONFIG, tmp_path).model_copy(update={field: "another"})
    with pytest.raises(TableError, match=f"the {what} of the ratings, another, are not those of the supernets"):
        StitchedStage((work(tmp_path, identity=identity_in(tmp_path)),), table)


def teacher_file(folder: Path) -> Path:
    """An untrained teacher that a run can name."""
    write_teacher(folder / "teacher.safetensors", toy_teacher().network, SPACE.input, name="untrained", facts={})
    return folder / "teacher.safetensors"


def test_a_run_of_a_space_that_has_no_name_cannot_be_opened(tmp_path: Path) -> None:
    work(tmp_path).write_run()
    with pytest.raises(TableError, match="cannot read rating-run"):
        open_rater(tmp_path, Rater)


@torch.no_grad()
def test_an_extracted_network_computes_what_its_path_does(tmp_path: Path) -> None:
    done = work(tmp_path)
    supernets = train_blocks(done, [0, 1, 2], silent)
    architecture = SPACE.parse("8:k5e2,p1/16:k3e1,p1,k5e2/16:k5e2,k3e1")
    network, fresh = inherited_network(SPACE, architecture, supernets)
    assert fresh == ()
    images = next(in_order(done.data.rating, done.data, 8)).inputs
    network.eval()
    for index, supernet in supernets.items():
        supernet.eval()
        cell, path = SPACE.index.path_of(index, architecture.parts[index])
        before = images if index == 0 else torch.randn(8, toy_teacher().shapes[index - 1].channels, 6 // index, 6 // index)
        entered = supernet.entry(before)
        extracted = network.blocks[index](network.stem(before) if index == 0 else entered)
        emitted = supernet.exits[architecture.parts[index].partition(":")[0]](extracted)
        torch.testing.assert_close(emitted, supernet(before, cell, path), atol=1e-5, rtol=0)


def test_layers_of_another_width_keep_their_fresh_weights(tmp_path: Path) -> None:
    supernets = train_blocks(work(tmp_path), [0, 1, 2], silent)
    _, fresh = inherited_network(SPACE, SPACE.parse("8:p1/12:k3e1/16:k5e2,k3e1"), supernets)
    assert fresh == ("blocks.2.0",)


KILLED = """
import os, signal, sys
from pathlib import Path
from dna_deploy.rating.raters.dna import shortlist
from dna_deploy.rating.raters.dna.second_stage import StitchedStage
from tests.rating.test_stitched import NETWORKS, untrained_table
from tests.rating.made import work

folder = Path(sys.argv[1])
shortlist.TOGETHER = 2

def kill(progress):
    if sum(len(log.read_text().splitlines()) - 1 for log in folder.glob("stitched-*.jsonl")) >= 4:
        os.kill(os.getpid(), signal.SIGKILL)

if __name__ == "__main__":
    StitchedStage((work(folder),), untrained_table()).refine(NETWORKS, kill)
"""


def untrained_table() -> RatingTable:
    """Ratings of one's own, as a stage of the toy's work takes them."""
    counts = zip(SPACE.block_numbers, SPACE.index.counts, strict=True)
    blocks = (BlockRatings.of(SPACE, number, list(map(float, range(count))), [0.0] * count) for number, count in counts)
    return work(Path()).table(40, blocks)


@pytest.mark.slow
def test_what_a_killed_second_stage_has_rated_is_not_rated_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder, script, table = tmp_path / "killed", tmp_path / "killed.py", untrained_table()
    train_blocks(work(folder), [0, 1, 2], silent)
    shutil.copytree(folder, tmp_path / "whole")
    script.write_text(KILLED)
    environment = {**os.environ, "PYTHONPATH": str(Path.cwd())}
    ran = subprocess.run([sys.executable, str(script), str(folder)], check=False, env=environment)
    assert ran.returncode == -signal.SIGKILL
    rated = list[Architecture]()

    def rate(work: BlockWork, architectures: list[Architecture], **how: Any) -> tuple[StitchedRating, ...]:
        rated.extend(architectures)
        return rate_stitched(work, architectures, **how)

    monkeypatch.setattr("dna_deploy.rating.raters.dna.shortlist.rate_stitched", rate)
    resumed = StitchedStage((work(folder),), table).refine(NETWORKS)
    assert 0 < len(rated) <= len(set(NETWORKS)) - 4
    monkeypatch.undo()
    assert resumed.networks == StitchedStage((work(tmp_path / "whole"),), table).refine(NETWORKS).networks
