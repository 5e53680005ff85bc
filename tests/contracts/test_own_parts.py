"""Our own parts keep the contracts that third parties inherit."""

from __future__ import annotations

import random
from collections.abc import Mapping
from pathlib import Path
from typing import ClassVar

import pytest

from dna_deploy.contracts import (
    ChainContract,
    DatasetContract,
    ExecutorContract,
    FormatContract,
    JudgeContract,
    ModuleContract,
    RaterContract,
    RunnerContract,
    StrategyContract,
    TaskContract,
    TeacherContract,
)
from dna_deploy.executors import EXECUTORS
from dna_deploy.export.checks.judge import JUDGES
from dna_deploy.export.formats.catalog import FORMATS
from dna_deploy.latency.runners import RUNNERS
from dna_deploy.nets.layers import MODULES
from dna_deploy.nets.teachers.sources import TEACHERS
from dna_deploy.rating.raters import RATERS
from dna_deploy.rating.raters.one_shot.config import OneShotConfig
from dna_deploy.rating.raters.one_shot.rater import OneShot
from dna_deploy.search.strategies import STRATEGIES
from dna_deploy.spaces.catalog import SPACES
from dna_deploy.spaces.operations import ClassifierHead, Conv, MBConv, Pointwise
from dna_deploy.spaces.operations.branches import Branches, Tails
from dna_deploy.spaces.operations.convnext import ConvNeXt
from dna_deploy.spaces.operations.fused_mbconv import FusedMBConv
from dna_deploy.spaces.operations.heads import LinearHead, PooledHead, TokenHead
from dna_deploy.spaces.operations.hybrid import AttentionBottleneck, ConvBottleneck
from dna_deploy.spaces.operations.map_attention import LevitAttention, LinearAttention
from dna_deploy.spaces.operations.mobile_attention import MobileAttention
from dna_deploy.spaces.operations.preactivated import DenseCell, NormHead, PreactivatedBlock
from dna_deploy.spaces.operations.reparameterised import RepConv, RepMixer
from dna_deploy.spaces.operations.simple import GroupedConv, Pool
from dna_deploy.spaces.operations.tokens import Add, Concatenate, FeedForward, Patches, SelfAttention
from dna_deploy.spaces.operations.uib import UIB
from dna_deploy.spaces.operations.window_attention import WindowAttention
from dna_deploy.spaces.placed import OPERATIONS, PlacedLayer
from dna_deploy.spaces.shapes import FeatureMap, Shape, Tokens
from dna_deploy.targets.target import Target
from dna_deploy.tasks import TASKS
from tests.data.made import class_folders
from tests.search.instances import random_table


class TestClassification(TaskContract):
    name = "classification"


class TestMBConvSpace(ChainContract):
    name = "mbconv"


class TestMBConvSpaceAtAnotherSize(ChainContract):
    name = "mbconv@96"


class TestFashionSpace(ChainContract):
    name = "fashion"


class TestNatsSizeSpace(ChainContract):
    name = "nats-size"


class TestMobileSpace(ChainContract):
    name = "mobile"


class TestCatalogueSpace(ChainContract):
    name = "catalogue"


class TestCatalogueInColour(ChainContract):
    name = "catalogue-colour"


class TestVisionTransformers(ChainContract):
    name = "vit"


class TestWindowedTransformers(ChainContract):
    name = "windowed@112"


class TestHybridTrellis(ChainContract):
    name = "hytra@64"


class TestSmallTrellis(ChainContract):
    name = "hytra-small"


class OnTokens(ModuleContract):
    inputs = (Tokens(9, 8),)
    strides = (1,)

    def output_of(self, layer: PlacedLayer) -> Shape:
        return Tokens(9, layer.out_channels)


@pytest.mark.slow
class TestSelfAttention(OnTokens):
    operation = SelfAttention(2)
    widths = (8,)


@pytest.mark.slow
class TestFeedForward(OnTokens):
    operation = FeedForward(3)


@pytest.mark.slow
class TestPatches(OnTokens):
    operation = Patches(2)
    inputs = (FeatureMap(3, 6, 6),)


@pytest.mark.slow
class TestAdd(ModuleContract):
    operation = Add()
    inputs = (FeatureMap(8, 9, 9),) * 3
    widths, strides = (8,), (1,)


@pytest.mark.slow
class TestAddOfTokens(OnTokens):
    operation = Add()
    inputs = (Tokens(9, 8),) * 2
    widths = (8,)


@pytest.mark.slow
class TestConcatenate(ModuleContract):
    operation = Concatenate()
    inputs = (FeatureMap(8, 9, 9), FeatureMap(3, 9, 9))
    strides = (1,)


@pytest.mark.slow
class TestBranches(ModuleContract):
    operation = Branches.of((MBConv(3, 1), Pointwise(), Conv(3)))


@pytest.mark.slow
class TestTails(ModuleContract):
    operation = Tails.of(
        [
            [PlacedLayer(MBConv(3, 1), FeatureMap(8, 9, 9), 8, 2), PlacedLayer(ClassifierHead(8), FeatureMap(8, 5, 5), 8)],
            [PlacedLayer(ClassifierHead(16), FeatureMap(8, 9, 9), 8)],
        ]
    )
    reduces_to_one = True


@pytest.mark.slow
class TestDenseCell(ModuleContract):
    operation = DenseCell()
    strides = (1,)


@pytest.mark.slow
class TestPreactivatedBlock(ModuleContract):
    operation = PreactivatedBlock()


@pytest.mark.slow
class TestNormHead(ModuleContract):
    operation = NormHead()
    reduces_to_one = True


@pytest.mark.slow
class TestConvBottleneck(ModuleContract):
    operation = ConvBottleneck()


@pytest.mark.slow
class TestAttentionBottleneck(ModuleContract):
    operation = AttentionBottleneck(head_channels=2)


@pytest.mark.slow
class TestLinearHead(ModuleContract):
    operation = LinearHead()
    reduces_to_one = True


@pytest.mark.slow
class TestConv(ModuleContract):
    operation = Conv(3)


@pytest.mark.slow
class TestPointwise(ModuleContract):
    operation = Pointwise()


@pytest.mark.slow
class TestMBConv(ModuleContract):
    operation = MBConv(5, 3, se_ratio=0.25)


@pytest.mark.slow
class TestMBConvWithoutExpansion(ModuleContract):
    operation = MBConv(3, 1, activation="relu")


@pytest.mark.slow
class TestHead(ModuleContract):
    operation = ClassifierHead(12)
    reduces_to_one = True


@pytest.mark.slow
class TestUIB(ModuleContract):
    operation = UIB(3, 5, 3)


@pytest.mark.slow
class TestUIBLikeConvNeXt(ModuleContract):
    operation = UIB(7, 0, 2, "gelu")


@pytest.mark.slow
class TestUIBWithSqueezeExcite(ModuleContract):
    operation = UIB(0, 3, 4, "hardswish", 0.25)


@pytest.mark.slow
class TestFusedMBConv(ModuleContract):
    operation = FusedMBConv(3, 2)


@pytest.mark.slow
class TestMobileAttention(ModuleContract):
    operation = MobileAttention(3, 4, reduction=2)
    strides = (1,)


@pytest.mark.slow
class TestWindowAttention(ModuleContract):
    operation = WindowAttention(2, 3)
    widths, strides = (8,), (1,)


@pytest.mark.slow
class TestGroupedConv(ModuleContract):
    operation = GroupedConv(3, 4, "gelu")


@pytest.mark.slow
class TestPool(ModuleContract):
    operation = Pool(3)
    widths = (8,)


@pytest.mark.slow
class TestMaxPool(ModuleContract):
    operation = Pool(3, "max")
    widths = (8,)


@pytest.mark.slow
class TestConvNeXt(ModuleContract):
    operation = ConvNeXt(7, 2)
    widths, strides = (8,), (1,)


@pytest.mark.slow
class TestLevitAttention(ModuleContract):
    operation = LevitAttention(2, 4)
    strides = (1,)


@pytest.mark.slow
class TestLinearAttention(ModuleContract):
    operation = LinearAttention(4)
    strides = (1,)


@pytest.mark.slow
class TestRepConv(ModuleContract):
    operation = RepConv(3)


@pytest.mark.slow
class TestRepConvLikeMobileOne(ModuleContract):
    operation = RepConv(3, 3, 1, "silu")


@pytest.mark.slow
class TestRepMixer(ModuleContract):
    operation = RepMixer()
    widths, strides = (8,), (1,)


@pytest.mark.slow
class TestPooledHead(ModuleContract):
    operation = PooledHead(12)
    reduces_to_one = True


@pytest.mark.slow
class TestTokenHead(ModuleContract):
    operation = TokenHead()
    inputs = (Tokens(9, 8),)
    reduces_to_one = True

    def output_of(self, layer: PlacedLayer) -> Shape:
        return FeatureMap(layer.out_channels, 1, 1)


@pytest.mark.slow
class TestOnnxRuntime(RunnerContract):
    target = Target(name="here")


@pytest.mark.slow
class TestOpenVino(RunnerContract):
    target = Target(name="here", runtime="openvino", provider="CPU")


@pytest.mark.slow
class TestOnnxRuntimeJudge(JudgeContract):
    name = "onnxruntime"


@pytest.mark.slow
class TestOpenVinoJudge(JudgeContract):
    name = "openvino"


@pytest.mark.slow
class TestReferenceJudge(JudgeContract):
    name = "onnx-reference"


@pytest.mark.slow
@pytest.mark.parametrize("name", sorted(name for name in FORMATS if name != "tensorrt" and not name.endswith("-pictures")))
class TestFormats(FormatContract):
    @pytest.fixture(autouse=True)
    def _of(self, name: str) -> None:
        self.name = name


class TestFashionMnist(DatasetContract):
    name = "fashion-mnist"
    shape = FeatureMap(1, 28, 28)


class TestImageFolder(DatasetContract):
    name = "image-folder"
    shape = FeatureMap(3, 24, 24)

    @pytest.fixture(autouse=True)
    def _in(self, tmp_path: Path) -> None:
        class_folders(tmp_path, "bags", "boots", images=12)
        self.folder = tmp_path


@pytest.mark.slow
class TestTimm(TeacherContract):
    name = "timm:resnet18"
    space = "mbconv@64"


@pytest.mark.slow
class TestTorchvision(TeacherContract):
    name = "torchvision:resnet18"
    space = "mbconv@64"


@pytest.mark.slow
class TestEfficientNetLite(TeacherContract):
    name = "efficientnet-lite:0"
    space = "mbconv@64"


@pytest.mark.slow
class TestDna(RaterContract):
    name = "dna"
    settings: ClassVar = {"epochs": 1, "batch": 8}


@pytest.mark.slow
class TestDnaPlusPlus(RaterContract):
    name = "dna++"
    settings: ClassVar = {"epochs": 1, "batch": 8, "rating_ensemble": 2, "hidden": 8, "size": 8}


@pytest.mark.slow
class TestBoss(RaterContract):
    name = "boss"
    settings: ClassVar = {"epochs": 1, "batch": 8, "ensemble": 2, "hidden": 8, "size": 8}


@pytest.mark.slow
class TestOneShot(RaterContract):
    name = "one-shot"
    settings: ClassVar = {"epochs": 1, "batch": 8, "calibration_images": 16}


@pytest.mark.slow
class TestAngle(RaterContract):
    name = "angle"
    settings: ClassVar = {"epochs": 1, "batch": 8, "calibration_images": 16}


@pytest.mark.slow
class TestGenas(RaterContract):
    name = "genas"
    settings: ClassVar = {"epochs": 1, "batch": 8, "calibration_images": 16}


@pytest.mark.slow
class TestCream(RaterContract):
    name = "cream"
    settings: ClassVar = {"epochs": 1, "batch": 8, "calibration_images": 16, "matching_every": 1}


@pytest.mark.slow
class TestCreamTop1(RaterContract):
    name = "cream-top1"
    settings: ClassVar = {"epochs": 1, "batch": 8, "calibration_images": 16}


@pytest.mark.slow
class TestSetn(RaterContract):
    name = "setn"
    settings: ClassVar = {"epochs": 1, "batch": 8, "calibration_images": 16}


@pytest.mark.slow
class TestDdpnas(RaterContract):
    name = "ddpnas"
    settings: ClassVar = {"epochs": 16, "batch": 4, "calibration_images": 16, "sweeps": 1}


@pytest.mark.slow
class TestNeas(RaterContract):
    name = "neas"
    settings: ClassVar = {"epochs": 1, "batch": 8, "calibration_images": 16, "rounds": 1, "children": 2, "searched": 2}


@pytest.mark.slow
class TestNse(RaterContract):
    name = "nse"
    space = "toy-catalogue"

    @property
    def settings(self) -> Mapping[str, object]:  # type: ignore[override]
        """With a table of the very networks that are rated, made on the spot."""
        table = self._room / "table.json"
        if not table.exists():
            space = self.found_space
            random_table(space.with_head(space.head_for(2)), random.Random(0)).write(table)
        few = {"epochs": 1, "batch": 8, "live": 2, "rounds": 1, "networks": 2, "judged": 8}
        return {**few, "table": str(table), "budget": "1s"}


class TestRandomDraws(StrategyContract):
    name = "random"


class TestAgeing(StrategyContract):
    name = "ageing"


@pytest.mark.slow
class TestEvolution(StrategyContract):
    name = "evolution"


class TestHere(ExecutorContract):
    address = "here"
    has_workers = False


@pytest.mark.slow
class TestLocalProcesses(ExecutorContract):
    address = "processes"


NEED_A_GPU = {"tensorrt", "tensorrt_rtx"}
JUDGES_OF_ENGINES = {"polygraphy"}
OF_A_MODEL = "own"
"""The operation that stands for a part of somebody's network: it is built from nothing, and costs what that part does."""


def test_a_setting_without_a_description_breaks_the_contract_of_raters(monkeypatch: pytest.MonkeyPatch) -> None:
    class Unsaid(OneShotConfig):
        momentum: float = 0.9

    monkeypatch.setattr(OneShot, "config", Unsaid)
    with pytest.raises(AssertionError, match="no description says what is meant by momentum"):
        TestOneShot().test_it_has_a_default_for_every_setting_and_says_what_each_means()


def test_no_part_is_left_out() -> None:
    covered = [cls for cls in globals().values() if isinstance(cls, type)]
    spaces = {getattr(cls, "name", "").partition("@")[0] for cls in covered if issubclass(cls, ChainContract)}
    operations = {
        type(cls.operation).__name__ for cls in covered if issubclass(cls, ModuleContract) and hasattr(cls, "operation")
    }
    runners = {cls.target.runtime for cls in covered if issubclass(cls, RunnerContract) and cls is not RunnerContract}
    assert spaces - {""} == {name for name in SPACES if not name.startswith("toy")}
    assert operations == {path.partition(":")[2] for code, path in OPERATIONS.items() if code != OF_A_MODEL}
    assert set(MODULES) == set(OPERATIONS) - {OF_A_MODEL}
    assert runners | NEED_A_GPU == set(RUNNERS)
    judges = {cls.name for cls in covered if issubclass(cls, JudgeContract) and cls is not JudgeContract}
    sources = {cls.name.partition(":")[0] for cls in covered if issubclass(cls, TeacherContract) and cls is not TeacherContract}
    assert judges | {"polygraphy"} == set(JUDGES), "polygraphy needs a GPU"
    assert sources == set(TEACHERS)
    raters = {cls.name for cls in covered if issubclass(cls, RaterContract) and cls is not RaterContract}
    strategies = {cls.name for cls in covered if issubclass(cls, StrategyContract) and cls is not StrategyContract}
    assert (raters, strategies) == (set(RATERS), set(STRATEGIES))
    executors = {cls.address for cls in covered if issubclass(cls, ExecutorContract) and cls is not ExecutorContract}
    assert executors | {"ray"} == set(EXECUTORS), "tests/executors/test_ray.py starts a cluster for ray"
    assert {cls.name for cls in covered if issubclass(cls, TaskContract) and cls is not TaskContract} == set(TASKS)
