"""Networks out of candidates keep their budgets, whoever chooses them."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import pytest
import torch
from torch import nn
from torchvision.models.resnet import BasicBlock

from dna_deploy.errors import InfeasibleError, TableError
from dna_deploy.fit.candidates import KEEP, SKIP, candidates_of
from dna_deploy.fit.judging import Judge
from dna_deploy.fit.units import find_units
from dna_deploy.pipeline.fit.baselines import BASELINES
from dna_deploy.pipeline.fit.choose import choose
from dna_deploy.pipeline.fit.prepare import Prepared
from dna_deploy.pipeline.fit.space import OwnSpace
from dna_deploy.pipeline.fit.timing import EMPTY, Stopwatch, Timed, structure_of
from dna_deploy.spaces.shapes import FeatureMap, Shape
from dna_deploy.targets.plan import SamplingPlan
from dna_deploy.targets.target_file import default_target
from tests.fit.made import TinyResNet

INPUT = FeatureMap(3, 16, 16)


class ByWeights(Stopwatch):
    """Tells times by the number of weights."""

    def export(self, name: str, module: nn.Module, shape: Shape) -> None:
        if name == "layer1.1 width50":
            raise TableError(f"{name} cannot be exported: it is told so")

    def time(self, modules: Mapping[str, tuple[nn.Module, Shape]]) -> dict[str, Timed]:
        sizes = {name: sum(tensor.numel() for tensor in module.parameters()) for name, (module, _) in modules.items()}
        return {name: Timed(1e-6 * (50 + size), 1e-8) for name, size in {**sizes, EMPTY: 0}.items()}


@pytest.fixture
def prepared(tmp_path: Path) -> Prepared:
    torch.manual_seed(0)
    network = find_units(TinyResNet(), INPUT).network
    images = list(torch.randn(48, *INPUT.sizes).split(24))
    judge = Judge(network, images[1:])
    candidates = {
        unit.path: candidates_of(unit, network.module(unit.path), Judge(network, images[:1]).inputs(unit.path))
        for unit in network.units
    }
    space = OwnSpace(network, INPUT, candidates)
    space.rate(judge, images[:1], tmp_path / "ratings")
    space.time(ByWeights(tmp_path, default_target()))
    return Prepared(space, images[:1], judge)


def test_every_way_to_choose_keeps_the_budget_and_the_search_rates_best(prepared: Prepared) -> None:
    space, budget_s = prepared.space, 0.6 * prepared.space.original_s
    (best, rating), *others = space.best(budget_s, top=4)
    assert space.predicted_s(best) <= budget_s * (1 + 1e-9)
    assert rating <= min(other for _, other in others)
    for name, make in BASELINES.items():
        choice = make(prepared, budget_s, 0)
        assert space.predicted_s(choice) <= budget_s * (1 + 1e-9), name
        assert any(code != KEEP for code in choice.values()), name
    blind = [BASELINES["random feasible"](prepared, budget_s, seed) for seed in (0, 0, 1)]
    assert blind[0] == blind[1] != blind[2]


def test_times_of_units_that_add_up_predict_whole_networks(prepared: Prepared) -> None:
    space = prepared.space
    assert space.calibration is not None
    assert space.calibration.scale == pytest.approx(1.0, abs=0.01) and space.calibration.relative_error < 0.01
    assert space.predicted_s(dict.fromkeys(space.candidates, KEEP)) == pytest.approx(space.original_s, rel=0.01)


def test_what_leaves_out_units_says_where_it_ends(prepared: Prepared) -> None:
    everything = {path: SKIP if SKIP in rated else KEEP for path, rated in prepared.space.rated.items()}
    with pytest.raises(InfeasibleError, match="leaving out whole units takes"):
        BASELINES["greedy drop"](prepared, 0.9 * prepared.space.predicted_s(everything), 0)


def test_what_was_chosen_is_measured_and_late_networks_are_searched_again(prepared: Prepared, tmp_path: Path) -> None:
    budget_s = 0.6 * prepared.space.original_s
    chosen = choose(prepared, budget_s, ByWeights(tmp_path, default_target()), top=4)
    assert chosen.measured_s <= budget_s * 1.01 and chosen.judged == 4

    class Slower(ByWeights):
        """What is not the original takes a tenth longer than its units."""

        def time(self, modules: Mapping[str, tuple[nn.Module, Shape]]) -> dict[str, Timed]:
            return {
                name: Timed(timed.seconds * (1 if "original" in name else 1.1), 1e-8)
                for name, timed in super().time(modules).items()
            }

    late = choose(prepared, budget_s, Slower(tmp_path, default_target()), top=4)
    assert late.measured_s <= budget_s * 1.01 and late.predicted_s < budget_s / 1.05


def test_units_of_one_structure_have_one_name_and_others_another() -> None:
    shape = FeatureMap(8, 8, 8)
    first, second = structure_of(BasicBlock(8, 8), shape), structure_of(BasicBlock(8, 8), shape)
    assert first == second
    assert len({first, structure_of(BasicBlock(8, 8), FeatureMap(8, 4, 4)), structure_of(BasicBlock(8, 16), shape)}) == 3


def test_equal_structures_are_exported_and_timed_once_and_read_again(tmp_path: Path) -> None:
    shape, plan = FeatureMap(4, 8, 8), SamplingPlan(rounds=2, runs=1)
    modules = {name: (nn.Conv2d(4, width, 3).eval(), shape) for name, width in (("a", 4), ("b", 4), ("wide", 8))}
    stopwatch = Stopwatch(tmp_path, default_target(), plan)
    times = stopwatch.time(modules)
    assert set(times) == {"a", "b", "wide", EMPTY} and all(timed.seconds > 0 for timed in times.values())
    assert times["a"] == times["b"] and len(list(tmp_path.glob("*.onnx"))) == 3
    for path in tmp_path.glob("*.onnx"):
        path.write_bytes(b"")  # nothing is run again
    assert stopwatch.time(modules) == times


def test_a_candidate_that_cannot_be_exported_is_missing_with_its_reason_and_nobody_chooses_it(prepared: Prepared) -> None:
    candidates = prepared.space.candidates["layer1.1"]
    assert "width50" not in [candidate.code for candidate in candidates.there]
    assert "width50" not in prepared.space.rated["layer1.1"]
    assert candidates.missing[-1].reason == "layer1.1 width50 cannot be exported: it is told so"


def test_a_module_that_cannot_be_exported_is_named(tmp_path: Path) -> None:
    class Failing(nn.Module):
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            raise ValueError("not today")

    with pytest.raises(TableError, match=r"layer3 width50 cannot be exported: "):
        Stopwatch(tmp_path, default_target()).export("layer3 width50", Failing(), FeatureMap(4, 8, 8))
