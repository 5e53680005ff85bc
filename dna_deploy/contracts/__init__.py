"""What every part must keep, ours and those of third parties: classes of checks to inherit in one's own tests.

Name a subclass ``Test...``, set what it is about, and pytest collects it; pytest itself is not imported here.
"""

from dna_deploy.contracts.dataset import DatasetContract
from dna_deploy.contracts.executor import ExecutorContract
from dna_deploy.contracts.export_format import FormatContract
from dna_deploy.contracts.judge import JudgeContract
from dna_deploy.contracts.module import ModuleContract
from dna_deploy.contracts.operation import OperationContract
from dna_deploy.contracts.rater import RaterContract
from dna_deploy.contracts.runner import RunnerContract
from dna_deploy.contracts.space import ChainContract, SpaceContract
from dna_deploy.contracts.strategy import StrategyContract
from dna_deploy.contracts.task import TaskContract
from dna_deploy.contracts.teacher import TeacherContract

__all__ = [
    "ChainContract",
    "DatasetContract",
    "ExecutorContract",
    "FormatContract",
    "JudgeContract",
    "ModuleContract",
    "OperationContract",
    "RaterContract",
    "RunnerContract",
    "SpaceContract",
    "StrategyContract",
    "TaskContract",
    "TeacherContract",
]
