"""Everything that dna-deploy expects of the parts of this package."""

from dna_deploy_ghost.operation import Ghost

from dna_deploy.api import Target
from dna_deploy.contracts import ChainContract, ModuleContract, RaterContract, RunnerContract, TaskContract


class TestSpace(ChainContract):
    name = "ghost"


class TestGhost(ModuleContract):
    operation = Ghost(3)


class TestReference(RunnerContract):
    target = Target(name="here", runtime="onnx-reference", provider="numpy")


class TestOrdinal(TaskContract):
    name = "ordinal"


class TestNaswot(RaterContract):
    name = "naswot"
    space = "ghost"
