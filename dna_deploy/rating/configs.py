"""What a rater can be told and what it needs, by its name: to be read without torch, by plans and for help."""

from __future__ import annotations

from dataclasses import dataclass
from importlib import import_module

from dna_deploy.rating.raters import CONFIGS
from dna_deploy.records.files import Part


@dataclass(frozen=True)
class Needs:
    """What a rater wants to have."""

    teacher: bool = False
    """A network that blocks imitate."""
    labels: bool = False
    """Classes: what it trains ends in a head for those of the images."""
    processes: bool = False
    """It can be spread over several processes."""


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
        needs: Needs = vars(rater_config(name))["needs"]
        return needs
    from dna_deploy.rating.rater import load_rater

    return load_rater(name).needs
