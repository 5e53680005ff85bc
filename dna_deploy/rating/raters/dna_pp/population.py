"""DNA++: what a rating without teacher and labels depends on.

The paper (arXiv 2403.01326) says: self-supervised learning with shared weights, block by block, against the bias that a fixed
teacher has, and outputs of different samples are pushed apart so that they do not collapse. Its formulas could not be had;
those here are this tool's own. They follow BossNAS (arXiv 2103.12424) by the same authors where the paper is silent.
"""

from __future__ import annotations

from pathlib import Path

from dna_deploy.data.splits import ImageData
from dna_deploy.errors import UsageError
from dna_deploy.learning.compute import Compute
from dna_deploy.rating.raters.dna_pp.config import PopulationConfig
from dna_deploy.rating.work import RatingWork
from dna_deploy.spaces.chain import ChainSpace

METHOD = "dna++"


PopulationWork = RatingWork[PopulationConfig, None]


def population_work(
    space: ChainSpace, data: ImageData, config: PopulationConfig, folder: Path, compute: Compute | None = None
) -> PopulationWork:
    """What a population is made from.

    Raises:
        UsageError: several processes are asked for.
    """
    if compute and compute.jobs > 1:
        raise UsageError("dna++ trains all blocks together: each receives what the population before it emits", "take one job")
    return PopulationWork.of(METHOD, space, None, data, config, folder, compute)
