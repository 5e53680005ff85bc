"""Runs one task after another in this process."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Any

from dna_deploy.errors import UsageError
from dna_deploy.executors.executor import Demand, Job, OnResult, SumOfSteps, unheard
from dna_deploy.progress import OnProgress, Progress


class Here:
    """This process."""

    slots = 1

    def __init__(self, place: str = "", demand: Demand | None = None) -> None:
        if place:
            raise UsageError(f"there is no place {place!r} in this process", "write: --on here")
        if demand and demand.jobs > 1:
            raise UsageError(f"this process runs one task at a time, not {demand.jobs}", "write: --on processes")

    def run(
        self, job: Job[Any, Any, Any], items: Sequence[Any], on_progress: OnProgress, on_result: OnResult = unheard
    ) -> list[Any]:
        steps, results = SumOfSteps(len(items)), []

        def tell(number: int, progress: Progress) -> None:
            on_progress(steps.add(number, progress))

        for number, item in enumerate(items):
            results.append(job.task(job.shared, item, partial(tell, number)))
            steps.finish(number)
            on_result(number, results[-1])
        return results
