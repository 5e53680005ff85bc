"""How one's own model is fitted into a budget: on which images, and what may be spent on it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, ClassVar

import typer

if TYPE_CHECKING:
    from dna_deploy.learning.compute import Compute
    from dna_deploy.pipeline.fit.fit import FitPlan


@dataclass(frozen=True)
class Fitting:
    """Images of its own, and how long is learnt from the model."""

    PANEL: ClassVar = "Fitting"

    labels: Annotated[bool, typer.Option(help="Whether classes of the images are the model's: learnt and judged by.")] = False
    epochs: Annotated[int, typer.Option(help="Of fine-tuning, on the model's answers and labels; 0: none.", min=0)] = 0
    rated_images: Annotated[int, typer.Option(help="To fit units to, and as many others to rate them by.", min=8)] = 512
    unit_steps: Annotated[
        int, typer.Option(help="In which units learn from the model before they are rated; 0: least squares alone.", min=0)
    ] = 0

    def plan(self, latency: str, freeze: tuple[str, ...], compute: Compute) -> FitPlan:
        """What shall come out.

        Raises:
            UsageError: the latency cannot be read.
        """
        from dna_deploy.pipeline.fit.fit import FitPlan
        from dna_deploy.pipeline.fit.prepare import Counts
        from dna_deploy.pipeline.fit.recovery import recipe_for

        recipe = recipe_for(self.epochs, has_labels=self.labels) if self.epochs else None
        counts = Counts(self.rated_images, self.rated_images, self.unit_steps)
        plan = FitPlan(latency, freeze, self.labels, recipe, counts, compute.model_copy(update={"device": "cpu"}))
        plan.budget_s(1.0)
        return plan
