"""What a rater can be told and what it needs, by its name: to be read without torch, by plans and for help."""

from __future__ import annotations

from importlib import import_module

from dna_deploy.rating.needs import Needs
from dna_deploy.rating.raters import CONFIGS
from dna_deploy.records.files import Part


def rater_config(name: str) -> type[Part]:
    """The config of a rater.

    Raises:
        UsageError: there is none of that name.
    """
    if name not in CONFIGS:
        from dna_deploy.rating.rater import load_rater

        return load_rater(name).config
    module, _, attribute = CONFIGS[name].partition(":")
    config: type[Part] = getattr(import_module(module), attribute)
    return config


def rater_needs(name: str) -> Needs:
    """What a rater needs.

    Raises:
        UsageError: there is none of that name.
    """
    if name in CONFIGS:
        needs: Needs = rater_config(name).needs  # type: ignore[attr-defined]
        return needs
    from dna_deploy.rating.rater import load_rater

    return load_rater(name).needs
