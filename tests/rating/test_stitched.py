"""Whole networks stitched from trained blocks: the second stage of a search."""

from __future__ import annotations

import random
from pathlib import Path

import pytest
import torch
import torch.nn.functional as F
from scipy.stats import rankdata

from dna_deploy.data.batches import in_order
from dna_deploy.errors import TableError, UsageError
from dna_deploy.nets.batch_norm import batch_statistics
from dna_deploy.nets.inherit import inherited_network
from dna_deploy.nets.supernet import path_of
from dna_deploy.progress import silent
from dna_deploy.rating.block_training import train_blocks
from dna_deploy.rating.rate import rate_space
from dna_deploy.rating.refine import refine
from dna_deploy.rating.run import open_run, write_run
from dna_deploy.rating.stitched import rate_stitched
from tests.rating.test_checks import work
from tests.toy import CONFIG, SPACE, toy_data, toy_teacher

NETWORKS = [SPACE.sample(random.Random(seed)) for seed in range(8)]


@torch.no_grad()
def test_stitched_divergence_is_that_of_the_chained_blocks_at_its_temperature(tmp_path: Path) -> None:
    done = work(tmp_path)
    found = rate_stitched(done, NETWORKS, with_labels=True)
    supernets = train_blocks(done, [0, 1, 2], silent)
    for rating in found:
        divergences, as_they_are, right, agreeing = [], [], 0, 0
        for batch in in_order(done.data.rating, done.data, CONFIG.rating_batch):
            x = batch.inputs
            for index, choice in enumerate(rating.architecture.blocks):
                with batch_statistics(supernets[index]):
                    x = supernets[index](x, *path_of(SPACE.blocks[index], choice))
            scores, wanted = done.teacher.network.head(x), done.teacher.network(batch.inputs).softmax(1)
            for scale, into in ((rating.temperature, divergences), (1.0, as_they_are)):
                into.append(float(F.kl_div(F.log_softmax(scores / scale, 1), wanted, reduction="batchmean")))
            right += int((scores.argmax(1) == batch.labels()).sum())
            agreeing += int((scores.argmax(1) == wanted.argmax(1)).sum())
        first, second = divergences
        assert sum(divergences) <= sum(as_they_are) + 1e-6
        assert rating.divergence == pytest.approx((first + second) / 2, abs=1e-6)
        assert rating.standard_error == pytest.approx(abs(first - second) / 2, abs=1e-6)
        assert (rating.accuracy, rating.agreement) == (right / 40, agreeing / 40)


def test_stitched_ratings_touch_no_label_unless_asked(tmp_path: Path) -> None:
    found = rate_stitched(work(tmp_path, data=toy_data(is_labelled=False)), NETWORKS[:2])
    assert [rating.accuracy for rating in found] == [None, None]


def test_networks_outside_the_space_and_empty_lists_are_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="no network to rate"):
        rate_stitched(work(tmp_path), [])
    with pytest.raises(UsageError, match="has 2 blocks"):
        rate_stitched(work(tmp_path), [type(NETWORKS[0])(NETWORKS[0].blocks[:2])])


def test_refined_networks_are_ordered_by_the_mean_of_three_ranks(tmp_path: Path) -> None:
    table = rate_space(SPACE, toy_teacher(), toy_data(), CONFIG, tmp_path)
    refined = refine(work(tmp_path, identity=identity_in(tmp_path)), table, NETWORKS).networks
    assert [network.mean_rank for network in refined] == sorted(network.mean_rank for network in refined)
    first = refined[0]
    columns = (
        [network.divergence for network in refined],
        [-network.agreement for network in refined],
        [-network.parameters for network in refined],
    )
    assert first.mean_rank == pytest.approx(sum(rankdata(column)[0] for column in columns) / 3)


@pytest.mark.parametrize(("field", "what"), [("teacher", "teacher"), ("dataset", "images")])
def test_ratings_of_another_teacher_or_data_set_are_refused(tmp_path: Path, field: str, what: str) -> None:
    table = rate_space(SPACE, toy_teacher(), toy_data(), CONFIG, tmp_path).model_copy(update={field: "another"})
    with pytest.raises(TableError, match=f"the {what} of the ratings, another, are not those of the supernets"):
        refine(work(tmp_path, identity=identity_in(tmp_path)), table, NETWORKS)


def identity_in(folder: Path) -> str:
    from dna_deploy.nets.tensor_file import TensorFile

    return str(TensorFile.read(folder / "supernet-1.safetensors").facts["identity"])


def test_a_run_of_a_space_that_has_no_name_cannot_be_opened(tmp_path: Path) -> None:
    write_run(work(tmp_path))
    with pytest.raises(TableError, match="cannot read rating-run"):
        open_run(tmp_path)


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
        cell, path = path_of(SPACE.blocks[index], architecture.blocks[index])
        before = images if index == 0 else torch.randn(8, toy_teacher().shapes[index - 1].channels, 6 // index, 6 // index)
        entered = supernet.entry(before)
        extracted = network.blocks[index](network.stem(before) if index == 0 else entered)
        emitted = supernet.exits[str(architecture.blocks[index].width)](extracted)
        torch.testing.assert_close(emitted, supernet(before, cell, path), atol=1e-5, rtol=0)


def test_layers_of_another_width_keep_their_fresh_weights(tmp_path: Path) -> None:
    supernets = train_blocks(work(tmp_path), [0, 1, 2], silent)
    _, fresh = inherited_network(SPACE, SPACE.parse("8:p1/12:k3e1/16:k5e2,k3e1"), supernets)
    assert fresh == ("blocks.2.0",)
