"""What networks are for: a task brings the head, the loss and the metrics. One file a task, one line here."""

from __future__ import annotations

from dna_deploy.plugins import load_plugin
from dna_deploy.tasks.task import Task

TASKS = {"classification": "dna_deploy.tasks.classification:Classification"}


def load_task(name: str) -> Task:
    """The task called ``name``, ours or from an entry point ``dna_deploy.tasks``.

    Raises:
        UsageError: there is none, or it breaks the protocol.
    """
    task: Task = load_plugin("task", name, TASKS, Task)()
    return task
