"""DNA++: what a rating without teacher and labels depends on.

The paper (arXiv 2403.01326) says: self-supervised learning with shared weights, block by block, against the bias that a fixed
teacher has, and outputs of different samples are pushed apart so that they do not collapse. Its formulas could not be had;
those here are this tool's own. They follow BossNAS (arXiv 2103.12424) by the same authors where the paper is silent.
"""

from __future__ import annotations

from dna_deploy.rating.raters.dna_pp.config import PopulationConfig
from dna_deploy.rating.work import RatingWork

PopulationWork = RatingWork[PopulationConfig, None]
