"""Where pretrained teachers come from, by name. Knowing the names imports nothing."""

from __future__ import annotations

from dna_deploy.plugins import plugin_names

TEACHERS = {
    "timm": "dna_deploy.nets.teachers.pretrained:from_timm",
    "torchvision": "dna_deploy.nets.teachers.pretrained:from_torchvision",
    "efficientnet-lite": "dna_deploy.nets.teachers.pretrained:from_efficientnet_lite",
}
"""Source -> function from (model name, weights, shape of images) to `Pretrained`.

A teacher is named ``source:model``. Others: entry points ``dna_deploy.teachers``.
"""


def source_names() -> tuple[str, ...]:
    """Every source of pretrained teachers."""
    return plugin_names("teacher", TEACHERS)
