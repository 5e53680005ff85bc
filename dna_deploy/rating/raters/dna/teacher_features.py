"""What every block receives and must emit, for a batch of images: one pass of the teacher serves all blocks."""

from __future__ import annotations

from collections.abc import Callable

import torch

from dna_deploy.learning.feature_cache import FeatureCache
from dna_deploy.nets.teachers.cutting import CutByModules
from dna_deploy.progress import OnProgress, Progress
from dna_deploy.rating.raters.dna.work import BlockWork

CACHE = "teacher-features"
"""Folder beside those of ratings, so that ratings with other settings find it."""

Features = Callable[[torch.Tensor], list[torch.Tensor]]
"""Images -> the images, then the teacher's features after every block."""


def features_of(work: BlockWork, step: str, on_progress: OnProgress) -> Features:
    """The features for some step of the work, which hears of damaged files in the cache where there is one.

    A network that others wrote is cut by hooks, and runs as it is where compiling is asked for.
    """
    has_hooks = isinstance(work.teacher.network, CutByModules)
    teach = work.teacher.features if has_hooks else work.compute.compiled(work.teacher.features)
    if not work.compute.feature_cache_bytes:
        return lambda images: [images, *teach(images)]

    def notice(text: str) -> None:
        on_progress(Progress(step, 0, 1, notice=text))

    cache = FeatureCache(work.folder.parent / CACHE, work.compute.feature_cache_bytes, notice)
    return lambda images: [images, *cache.features(work.teacher.digest, teach, images)]
