"""Networks out of candidates keep their budgets, whoever chooses them."""

from __future__ import annotations

import random
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn
from torchvision.models.resnet import BasicBlock

from dna_deploy.errors import InfeasibleError, TableError, UsageError
from dna_deploy.export.formats.onnx_graph import export_onnx
from dna_deploy.export.kits.kit import KitPlan
from dna_deploy.export.kits.own_kit import make_own_kit
from dna_deploy.fit.candidates import KEEP, SKIP, candidates_of
from dna_deploy.fit.freezing import frozen
from dna_deploy.fit.judging import Judge
from dna_deploy.fit.mending import Deployed
from dna_deploy.fit.model import OwnModel
from dna_deploy.fit.structure import structure_of
from dna_deploy.fit.units import find_units
from dna_deploy.fit.unrated import unrated_candidates
from dna_deploy.latency.in_turns import time_in_turns
from dna_deploy.latency.workshop import Folders
from dna_deploy.pipeline.fit import wholes as judging_wholes
from dna_deploy.pipeline.fit.baselines import BASELINES, PROPOSALS
from dna_deploy.pipeline.fit.choose import JointChoice, choose
from dna_deploy.pipeline.fit.contest import Contender, Contest
from dna_deploy.pipeline.fit.filling import Fitted, fill, untouched_within
from dna_deploy.pipeline.fit.prepare import Prepared, runnable
from dna_deploy.pipeline.fit.ratings import rate
from dna_deploy.pipeline.fit.sizes import Sizes, smaller_sizes
from dna_deploy.pipeline.fit.space import FitSpace
from dna_deploy.pipeline.fit.stopwatch import Stopwatch
from dna_deploy.pipeline.fit.table import Device, measured_table, own_kit
from dna_deploy.pipeline.fit.wholes import Wholes
from dna_deploy.progress import silent
from dna_deploy.records.fitted_model import NetworkStanding
from dna_deploy.spaces.shapes import FeatureMap
from dna_deploy.targets.plan import SamplingPlan
from dna_deploy.targets.target_file import TargetFile, default_target
from tests.fit.made import TinyResNet
from tests.pipeline.made_fit import seconds_by_macs, time_by_macs

INPUT = FeatureMap(3, 16, 16)


@pytest.fixture(scope="module")
def prepared(tmp_path_factory: pytest.TempPathFactory) -> Prepared:
    folder = tmp_path_factory.mktemp("own")
    torch.manual_seed(0)
    network = find_units(TinyResNet(), INPUT).network
    images = list(torch.randn(48, *INPUT.sizes).split(24))
    judge = Judge(network, images[1:], images[:1])
    candidates = {
        unit.path: candidates_of(unit, network.module(unit.path), Judge(network, images[:1]).inputs(unit.path))
        for unit in network.units
    }
    kit = own_kit("tiny", INPUT, network, candidates, 1, folder)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_CACHE_HOME", str(folder / "cache"))
        time_by_macs(patch)
        device = Device(TargetFile(default_target(), SamplingPlan(rounds=2)), Folders(folder / "profiles", folder / "tables"))
        measured = measured_table(kit, device)
    candidates = runnable(candidates, measured)
    wholes = Wholes(judge, folder / "ratings" / "wholes.json")
    ratings = rate(wholes, candidates, folder / "ratings")
    return Prepared(FitSpace(network, INPUT, candidates, measured, ratings), wholes)


@pytest.fixture
def stopwatch(prepared: Prepared, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Stopwatch:
    time_by_macs(monkeypatch)
    space = prepared.space
    return Stopwatch(tmp_path, default_target(), space.network.network, INPUT, space.original_s)


def test_every_way_to_choose_keeps_the_budget_and_the_search_rates_best(prepared: Prepared) -> None:
    space, budget_s = prepared.space, 0.6 * prepared.space.original_s
    (best, rating), *others = space.best(budget_s, top=4)
    assert space.predicted_s(best) <= budget_s * (1 + 1e-9)
    assert rating <= min(other for _, other in others)
    assert space.rating(best) == pytest.approx(rating)
    for name, make in BASELINES.items():
        choice = make(prepared, budget_s, 0)
        assert space.predicted_s(choice) <= budget_s * (1 + 1e-9), name
        assert any(code != KEEP for code in choice.values()), name
    blind = [BASELINES["random feasible"](prepared, budget_s, seed) for seed in (0, 0, 1)]
    assert blind[0] == blind[1] != blind[2]


def test_the_table_predicts_whole_networks(prepared: Prepared, stopwatch: Stopwatch) -> None:
    space = prepared.space
    for choice, _ in space.best(0.7 * space.original_s, top=3):
        assert space.predicted_s(choice) == pytest.approx(stopwatch.time(space.assembled(choice)), rel=0.01)
    assert space.predicted_s(space.kept) == pytest.approx(space.original_s)


def test_what_leaves_out_units_says_where_it_ends(prepared: Prepared) -> None:
    everything = {path: SKIP if SKIP in rated else KEEP for path, rated in prepared.space.ratings.rated.items()}
    with pytest.raises(InfeasibleError, match="leaving out whole units takes"):
        BASELINES["greedy drop"](prepared, 0.9 * prepared.space.predicted_s(everything), 0)


def test_what_was_chosen_is_never_worse_as_a_whole_than_what_needs_no_search(prepared: Prepared) -> None:
    for share in (0.8, 0.6, 0.5):
        budget_s = share * prepared.space.original_s
        joint = JointChoice(prepared, top=4)
        ranked = [proposal.joint.value for proposal in joint(budget_s)]
        assert ranked == sorted(ranked)
        best = ranked[0]
        simple = [joint.finals[tuple(propose(prepared, budget_s).values())].joint.value for propose in PROPOSALS.values()]
        assert best <= min(simple)


def test_a_killed_search_judges_what_it_had_not_judged(prepared: Prepared, monkeypatch: pytest.MonkeyPatch) -> None:
    """The second of two processes comes to the same network, and judges nothing that the first has written down."""
    budget_s, file = 0.7 * prepared.space.original_s, prepared.wholes.file
    expected = JointChoice(prepared, top=4)(budget_s)

    def judge(*_: object, **__: object) -> Deployed:
        raise AssertionError("it is judged again")

    monkeypatch.setattr(judging_wholes, "deployed", judge)
    monkeypatch.setattr(judging_wholes, "refitted", judge)
    again = replace(prepared, wholes=Wholes(prepared.judge, file), dropped=[])
    assert JointChoice(again, top=4)(budget_s) == expected
    unheard = replace(prepared, wholes=Wholes(prepared.judge), dropped=[])
    with pytest.raises(AssertionError, match="judged again"):
        JointChoice(unheard, top=4)(budget_s)


def test_what_was_judged_is_told_apart_by_what_is_refitted(prepared: Prepared) -> None:
    """And comes out the same whether it was judged before without being refitted, or not."""
    (choice, _), *_ = prepared.space.best(0.6 * prepared.space.original_s)
    alone = replace(prepared, wholes=Wholes(prepared.judge)).divergence(choice)
    settled, refitted = prepared.divergence(choice, mends=False), prepared.divergence(choice)
    assert refitted.value <= settled.value
    assert refitted == alone == prepared.deployed(choice).joint


def test_what_was_chosen_is_measured_and_late_networks_are_chosen_again(
    prepared: Prepared, stopwatch: Stopwatch, monkeypatch: pytest.MonkeyPatch
) -> None:
    budget_s = 0.6 * prepared.space.original_s
    chosen = choose(prepared, budget_s, stopwatch, top=4)
    assert chosen.fitted.measured_s <= budget_s * 1.01 and chosen.judged >= 4
    monkeypatch.setattr(Stopwatch, "time", lambda watch, *network: 1.1 * seconds_by_macs(watch, *network))
    late = choose(prepared, budget_s, stopwatch, top=4).fitted
    assert late.measured_s <= budget_s * 1.01 and late.predicted_s < budget_s / 1.05


@pytest.mark.parametrize("seed", range(3))
def test_networks_that_are_late_each_in_its_own_way_are_passed_over(
    prepared: Prepared, stopwatch: Stopwatch, monkeypatch: pytest.MonkeyPatch, seed: int
) -> None:
    """Predictions are off by up to 6 %, by chance: what is chosen keeps the budget when it is measured all the same."""
    asked = list[float]()

    def time(watch: Stopwatch, network: nn.Module, input: FeatureMap) -> float:
        chance = random.Random(f"{seed} {structure_of(network, input)}")
        asked.append(chance.uniform(0.94, 1.06) * seconds_by_macs(watch, network, input))
        return asked[-1]

    monkeypatch.setattr(Stopwatch, "time", time)
    for share in (0.8, 0.6, 0.45):
        budget_s = share * prepared.space.original_s
        fitted = choose(prepared, budget_s, stopwatch, top=4, keeps_size=True).fitted
        assert fitted.measured_s in asked and 0.8 * budget_s < fitted.measured_s <= budget_s * 1.01


def test_a_budget_that_a_measurement_leaves_unused_is_filled(
    prepared: Prepared, stopwatch: Stopwatch, monkeypatch: pytest.MonkeyPatch
) -> None:
    budget_s, space = 0.6 * prepared.space.original_s, prepared.space
    monkeypatch.setattr(Stopwatch, "time", lambda watch, *network: 0.8 * seconds_by_macs(watch, *network))
    saved = {path: {code: space.original_s - s for code, s in codes.items()} for path, codes in space.measured.seconds.items()}

    def slowest(asked_s: float) -> Mapping[str, str]:
        return space.best(asked_s, ratings=saved, with_depths=False)[0][0]

    quick = fill(prepared, budget_s, stopwatch, slowest)
    assert 0.8 * space.predicted_s(slowest(budget_s)) < quick.measured_s <= budget_s * 1.01


def test_sizes_end_at_the_first_at_which_the_original_keeps_the_budget(prepared: Prepared, stopwatch: Stopwatch) -> None:
    space = prepared.space
    sizes = [smaller.space for smaller in smaller_sizes(prepared, stopwatch, 0.5 * space.original_s)]
    taken = {edge: stopwatch.time(space.network.network, FeatureMap(3, edge, edge)) for edge in range(8, 16)}
    largest = max(edge for edge, seconds in taken.items() if seconds <= 0.5 * space.original_s)
    assert len(sizes) == 3 and sizes[-1].input.height == largest
    seconds = [each.original_s for each in sizes]
    assert seconds == sorted(seconds, reverse=True) and seconds[-1] <= 0.5 * space.original_s < seconds[-2]
    for each in sizes:
        assert each.original_s == pytest.approx(taken[each.input.height]) == each.predicted_s(each.kept)
        assert each.predicted_s(space.kept) / space.predicted_s(space.kept) == pytest.approx(each.original_s / space.original_s)


def test_a_size_that_cannot_be_timed_is_left_out_and_said(
    prepared: Prepared, stopwatch: Stopwatch, monkeypatch: pytest.MonkeyPatch
) -> None:
    def time(watch: Stopwatch, network: nn.Module, input: FeatureMap) -> float:
        if input.height > 9:
            raise TableError("no kernel for it")
        return seconds_by_macs(watch, network, input)

    monkeypatch.setattr(Stopwatch, "time", time)
    remarked = replace(prepared, remarks=[])
    for _ in range(2):
        sizes = [each.space.input.height for each in smaller_sizes(remarked, stopwatch, 0.5 * prepared.space.original_s)]
        assert sizes and max(sizes) <= 9
    assert "images of 3x12x12 are left out: the model on them cannot be timed: no kernel for it" in remarked.remarks
    assert len(remarked.remarks) == len(set(remarked.remarks))


def test_a_model_that_takes_one_size_has_no_smaller_one(prepared: Prepared, stopwatch: Stopwatch) -> None:
    class Fixed(nn.Module):
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            assert x.shape[2:] == (16, 16)
            return x.mean((2, 3))

    space = prepared.space
    fixed = replace(prepared, space=replace(space, network=space.network.on(Fixed())))
    assert not list(smaller_sizes(fixed, stopwatch, 0.5 * space.original_s))
    with pytest.raises(UsageError, match="does not take smaller images than 3x16x16"):
        untouched_within(fixed, 0.5 * space.original_s, stopwatch)


@pytest.mark.parametrize(
    ("whole", "smaller"),
    [
        ((160, 160), [(144, 144), (128, 128), (112, 112), (96, 96), (80, 80)]),
        ((224, 224), [(208, 208), (192, 192), (176, 176), (160, 160), (144, 144), (128, 128), (112, 112)]),
        ((30, 60), [(28, 56), (26, 52), (24, 48), (22, 44), (20, 40), (18, 36), (16, 32)]),
        ((4, 4), [(3, 3), (2, 2)]),
    ],
)
def test_edges_shrink_in_steps_that_strides_divide(
    prepared: Prepared, stopwatch: Stopwatch, whole: tuple[int, int], smaller: list[tuple[int, int]]
) -> None:
    sizes = Sizes(replace(prepared, space=replace(prepared.space, input=FeatureMap(3, *whole))), stopwatch)
    inputs = [sizes.input(part) for part in sizes.parts]
    assert [(input.height, input.width) for input in inputs] == smaller


def test_a_candidate_that_does_not_fit_smaller_maps_is_missing_there(prepared: Prepared, stopwatch: Stopwatch) -> None:
    gone = 0
    for smaller in smaller_sizes(prepared, stopwatch, 0.5 * prepared.space.original_s):
        images = torch.zeros(1, *smaller.space.input.sizes)
        for path, listed in smaller.space.candidates.items():
            assert {each.code for each in listed.there} == set(smaller.space.ratings.rated[path])
            reasons = {missing.code: missing.reason for missing in listed.missing}
            for each in prepared.space.candidates[path].there:
                if each in listed.there:
                    smaller.space.assembled({**smaller.space.kept, path: each.code})(images)
                else:
                    gone += 1
                    assert reasons[each.code].startswith("it does not fit maps of")
    assert gone


def test_smaller_images_are_taken_where_the_answers_are_nearer_so(prepared: Prepared, stopwatch: Stopwatch) -> None:
    """What comes out is never further from the original than what keeps the size, and than the original on smaller images."""
    budget_s = 0.5 * prepared.space.original_s
    kept, free = (choose(prepared, budget_s, stopwatch, top=4, keeps_size=keeps) for keeps in (True, False))
    lower = untouched_within(prepared, budget_s, stopwatch)
    assert kept.fitted.input == INPUT and max(lower.measured_s, free.fitted.measured_s) <= budget_s * 1.01
    off = [
        prepared.judge.divergence(prepared.judge.answers_of(each.on(INPUT))).value for each in (free.fitted, kept.fitted, lower)
    ]
    assert off[0] == pytest.approx(min(off), rel=1e-4)
    assert off[0] == pytest.approx(free.proposal.joint.value, rel=1e-4)
    assert ("it takes images of" in free.words) == (free.fitted.input != INPUT)


def test_units_of_one_structure_have_one_name_and_others_another() -> None:
    shape = FeatureMap(8, 8, 8)
    first, second = structure_of(BasicBlock(8, 8), shape), structure_of(BasicBlock(8, 8), shape)
    assert first == second
    assert len({first, structure_of(BasicBlock(8, 8), FeatureMap(8, 4, 4)), structure_of(BasicBlock(8, 16), shape)}) == 3


def test_models_are_timed_in_turns_by_their_names(tmp_path: Path) -> None:
    files = {}
    for width in (1, 64):
        files[str(width)] = tmp_path / f"{width}.onnx"
        model = export_onnx(nn.Conv2d(4, width, 3).eval(), (FeatureMap(4, 32, 32),), 1)
        files[str(width)].write_bytes(model.SerializeToString())
    samples = time_in_turns(files, default_target(), SamplingPlan(rounds=3, runs=2))
    assert {name: each.count for name, each in samples.items()} == {"1": 6, "64": 6}


def test_a_network_is_timed_once_and_its_time_is_a_share_of_the_original(tmp_path: Path) -> None:
    network = TinyResNet().eval()
    stopwatch = Stopwatch(tmp_path, default_target(), network, INPUT, original_s=2.0)
    assert stopwatch.time(network) == 2.0
    smaller = nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(3, 4)).eval()
    taken = stopwatch.time(smaller)
    for path in tmp_path.glob("*.onnx"):
        path.write_bytes(b"")  # nothing is run again
    assert stopwatch.time(smaller) == taken


def test_a_candidate_that_cannot_be_timed_is_missing_with_its_reason_and_nobody_chooses_it(prepared: Prepared) -> None:
    candidates = prepared.space.candidates["layer1.0"]
    assert "kernel1" not in [candidate.code for candidate in candidates.there]
    assert "kernel1" not in prepared.space.ratings.rated["layer1.0"]
    assert candidates.missing[-1].reason == "it cannot be timed: it is told so"


def test_what_was_profiled_by_hand_serves_a_fit(prepared: Prepared) -> None:
    """The kit of a model is of the same space whether its candidates were refitted on images or not."""
    network = prepared.space.network
    modules = unrated_candidates(network, frozen(network.units, ()), INPUT)
    by_hand = make_own_kit("tiny", INPUT, network, modules, KitPlan(validation_networks=0))
    assert by_hand.space.name == prepared.space.measured.record.name


def test_without_fine_tuning_nobody_that_keeps_the_budget_answers_more_like_the_original(
    prepared: Prepared, stopwatch: Stopwatch, tmp_path: Path
) -> None:
    """A network that no search has found is the answer where it is better, and one that is too slow never is."""
    space = prepared.space
    own = OwnModel("tiny", space.network.network, INPUT, (0.5,) * 3, (0.25,) * 3)
    none: Any = None
    contest = Contest(own, none, False, None, prepared, stopwatch, tmp_path, silent)
    stands = NetworkStanding.model_construct()

    def contender(name: str, choice: Mapping[str, str], seconds: float) -> Contender:
        network = space.assembled(choice)
        return Contender(name, Fitted(prepared, choice, network, False, seconds, seconds), stands, network)

    worse = {path: SKIP if SKIP in rated else KEEP for path, rated in space.ratings.rated.items()}
    first, better, late = contender("search", worse, 1.0), contender("a", space.kept, 1.0), contender("b", space.kept, 1.1)
    assert contest.winner([first, late, better], budget_s=1.0) is better
    assert contest.winner([first, late], budget_s=1.0) is first
