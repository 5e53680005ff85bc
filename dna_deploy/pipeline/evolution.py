"""How many rounds an evolution has, and how a winner becomes the next teacher."""

from __future__ import annotations

from pydantic import Field

from dna_deploy.records.files import Part


class Growth(Part):
    """How a winner becomes a teacher: all factors to one power, the smallest that gives it so many parameters.

    Depth and width grow in the proportion of EfficientNet (arXiv 1905.11946). The resolution stays, unless it is asked to
    grow: a teacher of larger images costs more than it is known to bring here.
    """

    depth: float = Field(1.2, ge=1, description="factor of the depth, to 1.1 of the width")
    width: float = Field(1.1, ge=1, description="factor of the width, to 1.2 of the depth")
    resolution: float = Field(1.0, ge=1, description="factor of the images' size, to 1.2 of the depth")
    parameters: float = Field(6.0, gt=1, description="parameters of a next teacher, at least, in those of the winner")


class EvolutionConfig(Part):
    """Rounds of `dna-deploy evolve`: how they end, and how the winner of one becomes the teacher of the next."""

    rounds: int = Field(3, ge=1, description="at most so many rounds")
    margin: float = Field(1.0, ge=0, description="a gain counts if it is more than so many of its standard errors")
    growth: Growth = Growth()
