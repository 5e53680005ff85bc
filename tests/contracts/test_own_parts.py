"""Our own parts keep the contracts that third parties inherit."""

from __future__ import annotations

import pytest

from dna_deploy.contracts import ModuleContract, RunnerContract, SpaceContract
from dna_deploy.latency.runners import RUNNERS
from dna_deploy.nets.layers import MODULES
from dna_deploy.spaces.catalog import SPACES
from dna_deploy.spaces.operations import ClassifierHead, Conv, MBConv, Pointwise
from dna_deploy.spaces.placed import OPERATIONS
from dna_deploy.targets.target import Target


class TestMBConvSpace(SpaceContract):
    name = "mbconv"


class TestMBConvSpaceAtAnotherSize(SpaceContract):
    name = "mbconv@96"


class TestFashionSpace(SpaceContract):
    name = "fashion"


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
class TestOnnxRuntime(RunnerContract):
    target = Target(name="here")


@pytest.mark.slow
class TestOpenVino(RunnerContract):
    target = Target(name="here", runtime="openvino", provider="CPU")


NEED_A_GPU = {"tensorrt", "tensorrt_rtx"}


def test_no_part_is_left_out() -> None:
    covered = [cls for cls in globals().values() if isinstance(cls, type)]
    spaces = {getattr(cls, "name", "").partition("@")[0] for cls in covered if issubclass(cls, SpaceContract)}
    operations = {
        type(cls.operation).__name__ for cls in covered if issubclass(cls, ModuleContract) and cls is not ModuleContract
    }
    runners = {cls.target.runtime for cls in covered if issubclass(cls, RunnerContract) and cls is not RunnerContract}
    assert spaces - {""} == set(SPACES)
    assert operations == {path.partition(":")[2] for path in OPERATIONS.values()}
    assert set(MODULES) == set(OPERATIONS)
    assert runners | NEED_A_GPU == set(RUNNERS)
