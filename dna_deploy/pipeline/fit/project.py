"""A project's model within its budget: what the settings say, done."""

from __future__ import annotations

from pathlib import Path

from dna_deploy.data.catalog import DATASETS, folder_of, load_dataset
from dna_deploy.data.config import DataConfig
from dna_deploy.data.splits import divide
from dna_deploy.data.survey import survey
from dna_deploy.errors import UsageError
from dna_deploy.latency.workshop import Folders
from dna_deploy.pipeline.fit.fit import FitPlan, fit_model
from dna_deploy.pipeline.fit.prepare import Counts
from dna_deploy.pipeline.fit.recovery import Recovery
from dna_deploy.pipeline.fit.table import Device
from dna_deploy.pipeline.settings import Settings
from dna_deploy.plugins import load_plugin
from dna_deploy.progress import OnProgress
from dna_deploy.records.fitted_model import FittedModel
from dna_deploy.records.folder_lock import folder_lock
from dna_deploy.targets.target_file import find_target


def fit_project(settings: Settings, folder: Path, folders: Folders, on_progress: OnProgress) -> FittedModel:
    """Makes the model of the settings run within their latency; the same folder goes on.

    Args:
        settings: With a model.
        folder: Gets what was made.
        folders: Of targets and tables.
        on_progress: Hears of every step.

    Raises:
        UsageError: no model or no images are named, another process is at work in the folder, or as `fit_model`.
    """
    model, images = settings.model, settings.data
    if "dataset" not in settings.model_fields_set and "dataset" not in images.model_fields_set:
        raise UsageError("no images are named", "say which, such as --images photos/")
    recovery = Recovery.of(model.epochs, has_labels=model.labels, seed=settings.seed) if model.epochs else None
    counts = Counts(model.rated_images, model.rated_images, model.unit_steps)
    compute = settings.compute.model_copy(update={"device": "cpu"})
    plan = FitPlan(
        settings.latency, model.freeze, model.labels, recovery, counts, compute, shelf=model.shelf, keeps_size=model.keep_size
    )
    plan.budget_s(1.0)
    compute.check_answers()
    config = DataConfig.model_validate({key: getattr(images, key) for key in DataConfig.model_fields})
    config = config.model_copy(update={"needs_classes": model.labels})
    images_folder, is_shards = folder_of(config.dataset, config.folder)
    surveyed = survey(images_folder, is_shards=is_shards, needs_classes=model.labels) if images_folder else None
    if surveyed is None:
        load_plugin("dataset", config.dataset, DATASETS)  # raises where there is none of that name
    own = model.open()
    dataset = load_dataset(config.dataset, config.folder, own.input, config, surveyed=surveyed, on_progress=on_progress)
    data = divide(dataset, config)
    device = Device(find_target(settings.target, folders.profiles), folders)
    with folder_lock(folder):
        return fit_model(own, data, device, plan, folder, on_progress)
