"""Ways to rate networks: one file or folder each, and one line here; third parties use entry points ``dna_deploy.raters``."""

from __future__ import annotations

RATERS = {
    "angle": "dna_deploy.rating.raters.angle.rater:Angle",
    "dna": "dna_deploy.rating.raters.dna.rater:Dna",
    "dna++": "dna_deploy.rating.raters.dna_pp.rater:DnaPlusPlus",
    "boss": "dna_deploy.rating.raters.boss.rater:Boss",
    "cream": "dna_deploy.rating.raters.cream.rater:Cream",
    "cream-top1": "dna_deploy.rating.raters.cream.rater:CreamTop1",
    "ddpnas": "dna_deploy.rating.raters.ddpnas.rater:Ddpnas",
    "genas": "dna_deploy.rating.raters.genas.rater:Genas",
    "neas": "dna_deploy.rating.raters.neas.rater:Neas",
    "nse": "dna_deploy.rating.raters.nse.rater:Nse",
    "one-shot": "dna_deploy.rating.raters.one_shot.rater:OneShot",
    "setn": "dna_deploy.rating.raters.setn.rater:Setn",
}
"""Name -> class, called with a `RatingWork`; see `dna_deploy.rating.rater`."""

CONFIGS = {
    "angle": "dna_deploy.rating.raters.angle.config:AngleConfig",
    "boss": "dna_deploy.rating.raters.boss.config:BossConfig",
    "cream": "dna_deploy.rating.raters.cream.config:CreamConfig",
    "cream-top1": "dna_deploy.rating.raters.cream.config:BoardConfig",
    "dna": "dna_deploy.rating.raters.dna.config:RatingConfig",
    "dna++": "dna_deploy.rating.raters.dna_pp.config:PopulationConfig",
    "ddpnas": "dna_deploy.rating.raters.ddpnas.config:PruningConfig",
    "genas": "dna_deploy.rating.raters.genas.config:FlatnessConfig",
    "neas": "dna_deploy.rating.raters.neas.config:EnsembleConfig",
    "nse": "dna_deploy.rating.raters.nse.config:EvolvingConfig",
    "one-shot": "dna_deploy.rating.raters.one_shot.config:OneShotConfig",
    "setn": "dna_deploy.rating.raters.setn.config:SetnConfig",
}
"""Name -> config of our own raters, which says in ``needs`` what they need. Those of third parties are asked themselves."""
