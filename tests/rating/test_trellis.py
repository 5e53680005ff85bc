"""A trellis, whose candidates end at different scales, is rated by BossNAS, by a teacher and by one supernet, and searched."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from dna_deploy.errors import UsageError
from dna_deploy.learning.compute import Compute
from dna_deploy.nets.supernets.blocks import SupernetBlock
from dna_deploy.nets.supernets.whole import OneShotSupernet
from dna_deploy.nets.teachers.residual import ResidualConfig, ResidualNetwork
from dna_deploy.nets.teachers.teacher import Teacher
from dna_deploy.rating.rater import AdditiveRater, load_rater, make_rater
from dna_deploy.rating.raters.boss.config import BossConfig
from dna_deploy.rating.raters.boss.rating import rate_in_order
from dna_deploy.rating.raters.boss.training import BossWork
from dna_deploy.rating.raters.dna.rating import rate_space
from dna_deploy.rating.raters.dna_pp.config import PopulationConfig
from dna_deploy.search import search
from dna_deploy.spaces.scaling import Scaling, largest, scaled
from tests.spaces.chains import TRELLIS
from tests.toy import CONFIG, toy_data

SPACE = TRELLIS.with_head()


def test_boss_rates_every_candidate_of_a_trellis_and_the_search_takes_a_path(tmp_path: Path) -> None:
    config = BossConfig(epochs=1, batch=16, ensemble=2, rating_batch=20, hidden=16, size=8)
    table = rate_in_order(BossWork.of("boss", SPACE, None, toy_data(is_labelled=False), config, tmp_path, Compute()))
    assert [len(block.ratings) for block in table.blocks] == list(SPACE.index.counts)
    outcome = search(SPACE, table)
    SPACE.check(outcome.network(SPACE))
    best = min((outcome.best.rating, *(tie.rating for tie in outcome.ties)))
    assert best == pytest.approx(min(table.of(SPACE, network) for network in SPACE.architectures()))


def test_a_teacher_of_one_size_a_block_rates_candidates_of_all_sizes(tmp_path: Path) -> None:
    with torch.random.fork_rng():
        torch.manual_seed(0)
        network = ResidualNetwork(ResidualConfig.for_space(SPACE, 2.0, 1))
    teacher = Teacher.freeze("toy", "sha256:0", network, SPACE.input)
    teacher.check_fits(SPACE)
    table = rate_space(SPACE, teacher, toy_data(), CONFIG, tmp_path)
    assert len(set(table.blocks[1].ratings)) == SPACE.index.counts[1]


def test_candidates_are_brought_to_the_size_of_their_block_from_the_scale_that_each_stands_behind() -> None:
    supernet = SupernetBlock(SPACE, 1, SPACE.index.frames, edges="adaptors", share_depths=True)
    features = torch.randn(2, *SPACE.index.frames[0].sizes)
    outputs = dict(supernet.walk(features))
    assert sorted(outputs) == list(range(len(SPACE.blocks[1].cells)))
    assert {tuple(output.shape[1:]) for output in outputs.values()} == {SPACE.index.frames[1].sizes}


def test_a_path_of_the_one_shot_supernet_is_the_network_that_the_space_places() -> None:
    supernet = OneShotSupernet(SPACE, share_depths=True)
    network = largest(SPACE)
    assert supernet.path(network)(torch.randn(2, 1, 12, 12)).shape == (2, 3)
    grown = scaled(SPACE, network, Scaling(depth=2, width=2))
    assert scaled(SPACE, network, Scaling()).layers == SPACE.place(network)
    ends = [[layers[-1].output.extent for layers in sections.blocks] for sections in (grown, SPACE.sections(network))]
    assert ends[0] == ends[1]


@pytest.mark.parametrize("method", ["ddpnas", "setn"])
def test_methods_that_take_blocks_for_free_refuse_a_trellis(method: str, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="the blocks of 'trellis' are coupled by widths"):
        make_rater(method, SPACE, toy_data(), load_rater(method).config(), tmp_path).train()


def test_a_population_of_a_trellis_is_rated_as_one(tmp_path: Path) -> None:
    config = PopulationConfig(epochs=1, batch=16, rating_batch=20, hidden=16, size=8)
    rater = make_rater("dna++", SPACE, toy_data(is_labelled=False), config, tmp_path)
    assert isinstance(rater, AdditiveRater)
    assert [len(block.ratings) for block in rater.table().blocks] == list(SPACE.index.counts)
