"""The configs of raters by the raters' names, to be read without torch."""

from __future__ import annotations

from importlib import import_module

from dna_deploy.records.files import Part

CONFIGS = {
    "dna": "dna_deploy.rating.config:RatingConfig",
    "dna++": "dna_deploy.rating.raters.dna_pp.population:PopulationConfig",
    "one-shot": "dna_deploy.rating.raters.one_shot.training:OneShotConfig",
}
"""Name -> config of our own raters. Those of third parties say their configs themselves."""


def rater_config(name: str) -> type[Part]:
    """The config of a rater."""
    module, _, attribute = CONFIGS[name].partition(":")
    config: type[Part] = getattr(import_module(module), attribute)
    return config
