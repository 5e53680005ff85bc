"""Kits that were made before: exporting a space takes many seconds, and gives the same kit every time."""

from __future__ import annotations

from dataclasses import astuple, replace
from pathlib import Path

import onnx
import torch

from dna_deploy import __version__
from dna_deploy.errors import TableError, UsageError
from dna_deploy.export.kits.kit import KitPlan, make_kit, networks_to_fit_on
from dna_deploy.progress import OnProgress, silent
from dna_deploy.records.cache import cache_folder, cache_places
from dna_deploy.records.files import digest_of
from dna_deploy.records.probe_kit import KitManifest, ProbeKit
from dna_deploy.spaces.chain import identity_of
from dna_deploy.spaces.space import SearchSpace

OWN_PREFIX = "own-"

_CHOICE = "from the smallest to the largest"
"""How networks are chosen: kits that were made otherwise do not serve again."""
_OF_FEW = "few, some left to fit on"


def cached_kit(
    space: SearchSpace, plan: KitPlan | None = None, on_progress: OnProgress = silent, *, folder: Path | None = None
) -> ProbeKit:
    """The kit of a space, from the cache where it is there and whole.

    Raises:
        UsageError: it is of somebody's own model, whose kit can only be made with the model, and is not here.
    """
    if space.name.startswith(OWN_PREFIX):
        return _own_kit(space.name)
    plan, size = plan or KitPlan(), space.size()
    fitted = networks_to_fit_on(space) if plan.calibration_networks is None else plan.calibration_networks
    plan = replace(plan, calibration_networks=fitted)
    choice = _OF_FEW if size and size < fitted + plan.validation_networks else _CHOICE
    settings = (choice, identity_of(space), *astuple(plan))
    versions = (__version__, KitManifest.SCHEMA_VERSION, torch.__version__, onnx.__version__)
    name = digest_of(repr((settings, versions)).encode()).partition(":")[2][:24]
    path = (folder or cache_folder("kits")) / f"{space.name}-{name}.kit"
    if path.exists():
        try:
            return ProbeKit.read(path)
        except TableError:
            path.unlink(missing_ok=True)
    kit = make_kit(space, plan, on_progress)
    kit.write(path)
    return kit


def keep_own_kit(kit: ProbeKit) -> None:
    """Keeps the kit of somebody's own model where `cached_kit` finds it by its space."""
    kit.write(cache_folder("kits") / f"{kit.manifest.space}.kit")


def _own_kit(space: str) -> ProbeKit:
    path = next((place for folder in cache_places("kits") if (place := folder / f"{space}.kit").is_file()), None)
    if path is None:
        raise UsageError(f"the kit of {space} is not here", "dna-deploy kit --model has written it: give the file")
    return ProbeKit.read(path)
