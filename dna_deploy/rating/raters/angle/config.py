"""What a rating by angle depends on: a one-shot supernet, nothing else."""

from __future__ import annotations

from typing import ClassVar

from dna_deploy.rating.needs import Needs
from dna_deploy.rating.raters.one_shot.config import OneShotConfig


class AngleConfig(OneShotConfig):
    """As a one-shot supernet."""

    needs: ClassVar = Needs(labels=True)
