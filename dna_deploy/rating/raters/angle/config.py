"""What a rating by angle depends on, and how a space is shrunk by it."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from dna_deploy.rating.raters.shrinking.config import ScheduleConfig


class AngleConfig(ScheduleConfig):
    """As a one-shot supernet; ``keep`` makes it drop options on the way."""

    children: int = Field(1000, ge=1, description="networks drawn whenever options are dropped; theirs, too")
    by: Literal["angle", "chance"] = Field("angle", description="what is dropped first; chance is the control")
