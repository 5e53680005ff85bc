"""Units that are worked on in other processes become what they become in one, bit for bit."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from multiprocessing.reduction import ForkingPickler
from pathlib import Path
from typing import Any

import pytest
import torch

from dna_deploy.data.augmentation import Augmentation
from dna_deploy.data.batches import TrainingBatches
from dna_deploy.data.image_set import Normalisation, StoredImages
from dna_deploy.data.splits import Split
from dna_deploy.errors import UsageError
from dna_deploy.executors import EXECUTORS
from dna_deploy.executors.executor import Demand, Job, OnResult
from dna_deploy.executors.here import Here
from dna_deploy.fit.candidates import Candidates
from dna_deploy.fit.distillation import UnitTraining
from dna_deploy.fit.judging import Judge, Rated
from dna_deploy.fit.model import load_model
from dna_deploy.fit.shipped import check_ships
from dna_deploy.fit.units import find_units
from dna_deploy.learning.compute import Compute
from dna_deploy.pipeline.fit.spreading import candidates_apart, distil_apart, rate_apart
from dna_deploy.progress import OnProgress, silent
from dna_deploy.spaces.shapes import FeatureMap
from tests.fit.own_net import NET

INPUT = FeatureMap(3, 16, 16)
IMAGES = torch.randn(24, *INPUT.sizes, generator=torch.Generator().manual_seed(0))


class Posted(Here):
    """Runs tasks in this process, as copies that were packed and unpacked as on their way to another one."""

    slots = 2

    def __init__(self, place: str, demand: Demand) -> None:
        super().__init__()

    def run(
        self, job: Job[Any, Any, Any], items: Sequence[Any], on_progress: OnProgress, on_result: OnResult = lambda *_: None
    ) -> list[Any]:
        copied, letters = _sent(job), [_sent(item) for item in items]
        return [_sent(each) for each in super().run(copied, letters, on_progress, on_result)]


def _sent(content: Any) -> Any:
    """As `multiprocessing` does it, where torch keeps tensors in memory that both ends share."""
    return ForkingPickler.loads(ForkingPickler.dumps(content))


@pytest.fixture(autouse=True)
def own_net(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(EXECUTORS, "posted", f"{__name__}:Posted")
    (tmp_path / "somebodys_net.py").write_text(NET)
    monkeypatch.chdir(tmp_path)


def original() -> Judge:
    """Somebody's network of classes that no package has."""
    torch.manual_seed(0)
    model = load_model("somebodys_net.py:Net", input=INPUT)
    return Judge(find_units(model.network.requires_grad_(False), INPUT).network, IMAGES.split(8))


def repaired(compute: Compute) -> tuple[Judge, dict[str, Candidates]]:
    judge = original()
    units = [(unit, ()) for unit in judge.network.units if unit.may]
    return judge, candidates_apart(judge, units, compute, repaired=True, on_progress=silent)


def weights(candidates: Mapping[str, Candidates]) -> dict[str, torch.Tensor]:
    return {
        f"{path} {each.code} {name}": tensor
        for path, listed in candidates.items()
        for each in listed.there
        for name, tensor in each.module.state_dict().items()
    }


def assert_same(first: Mapping[str, torch.Tensor], second: Mapping[str, torch.Tensor]) -> None:
    assert first.keys() == second.keys()
    assert [name for name, tensor in first.items() if not torch.equal(tensor, second[name])] == []


@pytest.mark.slow
@pytest.mark.parametrize("place", ["processes:2", "ray:local"])
def test_candidates_of_classes_in_somebodys_file_are_repaired_and_rated_elsewhere_as_here(place: str) -> None:
    if place.startswith("ray"):
        pytest.importorskip("ray", reason="Ray is not installed: pip install 'dna-deploy[ray]'")
    found, heard = list[dict[str, torch.Tensor]](), list[dict[str, Sequence[Rated]]]()
    for compute in (Compute(), Compute(on=place)):
        judge, candidates = repaired(compute)
        assert len(candidates) > 1
        found.append(weights(candidates))
        rated: dict[str, Sequence[Rated]] = {}
        rate_apart(judge, candidates, compute, silent, rated.__setitem__)
        heard.append(rated)
    assert_same(*found)
    assert heard[0] == heard[1]


def test_candidates_that_travel_are_trained_and_rated_like_those_that_stay(tmp_path: Path) -> None:
    pixels = torch.randint(0, 256, (16, *INPUT.sizes), dtype=torch.uint8, generator=torch.Generator().manual_seed(1)).numpy()
    split = Split(StoredImages(pixels, torch.zeros(16, dtype=torch.int64).numpy()), torch.arange(16))
    batches = TrainingBatches(split, Normalisation((0.5,) * 3, (0.25,) * 3), Augmentation(), 8, 0)
    trained, rated = list[dict[str, torch.Tensor]](), list[dict[str, Sequence[Rated]]]()
    for place in ("here", "posted"):
        compute = Compute(on=place)
        judge, candidates = repaired(compute)
        before = {name: tensor.clone() for name, tensor in weights(candidates).items()}
        distil_apart(judge.network, candidates, batches, UnitTraining(2), tmp_path / place, compute, silent)
        trained.append(weights(candidates))
        assert any(not torch.equal(tensor, before[name]) for name, tensor in trained[-1].items())
        heard: dict[str, Sequence[Rated]] = {}
        rate_apart(judge, candidates, compute, silent, heard.__setitem__)
        rated.append(heard)
    assert_same(*trained)
    assert rated[0].keys() == set(candidates)
    assert rated[0] == rated[1]


def test_what_cannot_travel_is_said_before_anything_runs() -> None:
    with pytest.raises(UsageError, match="the model cannot be sent to other processes"):
        check_ships(lambda: None)
