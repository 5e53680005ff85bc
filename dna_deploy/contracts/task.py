"""What a task must keep, so that networks can be profiled, trained, judged and exported for it."""

from __future__ import annotations

from functools import cached_property
from itertools import pairwise
from typing import TYPE_CHECKING

from dna_deploy.spaces.examples import TINY
from dna_deploy.spaces.heads import describe_head, parse_head
from dna_deploy.tasks import load_task
from dna_deploy.tasks.task import Task

if TYPE_CHECKING:
    import torch

_IMAGES, _STEPS = 60, 60


class TaskContract:
    """Inherit it, and give the name of a task; and other labels, if they are not a class an image."""

    name: str
    classes = 4

    def labels(self) -> torch.Tensor:
        """Labels of `_IMAGES` images, as a data set gives them."""
        import torch

        return torch.randint(self.classes, (_IMAGES,), generator=torch.Generator().manual_seed(0))

    @cached_property
    def task(self) -> Task:
        """The task as training finds it."""
        return load_task(self.name)

    def test_it_is_found_by_its_own_name(self) -> None:
        assert self.task.name == self.name, f"{self.name!r} is called {self.task.name!r}"

    def test_its_head_stands_behind_features_and_reads_back_from_its_text(self) -> None:
        head = self.task.head(TINY, self.classes)
        assert parse_head(describe_head(head)) == head, f"{describe_head(head)} reads back as another head"
        (architecture,) = TINY.architectures()
        for before, after in pairwise(TINY.with_head(head).place(architecture)):
            assert before.output == after.input, f"{before} does not join {after}"

    def test_learning_lowers_the_loss_and_betters_the_first_metric(self) -> None:
        import torch

        labels, outputs = self.labels(), self._outputs().requires_grad_()
        optimiser = torch.optim.Adam([outputs], lr=0.2)
        before, first = float(self.task.loss(outputs.detach(), labels, 0.0)), self.task.metrics(outputs.detach(), labels)[0]
        for _ in range(_STEPS):
            optimiser.zero_grad()
            self.task.loss(outputs, labels, 0.0).backward()  # type: ignore[no-untyped-call]
            optimiser.step()
        after, last = float(self.task.loss(outputs.detach(), labels, 0.0)), self.task.metrics(outputs.detach(), labels)[0]
        assert after < before, f"the loss went from {before} to {after}"
        assert last.merit > first.merit, f"{first.name} went from {first} to {last}, and {first.better} is better"

    def test_metrics_have_names_and_intervals_and_forget_the_order_of_images(self) -> None:
        outputs, labels = self._outputs(), self.labels()
        metrics = self.task.metrics(outputs, labels)
        assert len({metric.name for metric in metrics}) == len(metrics) > 0, "metrics have no names of their own"
        for metric, backwards in zip(metrics, self.task.metrics(outputs.flip(0), labels.flip(0)), strict=True):
            assert metric.low <= metric.value <= metric.high, f"{metric.name} is outside of its interval: {metric}"
            assert metric.images == _IMAGES, f"{metric.name} is of {metric.images} images, not of {_IMAGES}"
            assert abs(metric.value - backwards.value) < 1e-9, f"{metric.name} depends on the order of images"

    def test_every_image_gets_an_answer(self) -> None:
        answers = self.task.answers(self._outputs())
        assert len(answers) == _IMAGES, f"{_IMAGES} images got {len(answers)} answers"

    def _outputs(self) -> torch.Tensor:
        import torch

        width = self.task.head(TINY, self.classes)[-1].out_channels
        return torch.randn((_IMAGES, width), generator=torch.Generator().manual_seed(1))
