"""The public names, gathered in one place: ``import dna_deploy.api as dna``. Nothing is loaded before it is used.

What is not listed here is an inside matter of its room and may change in any version.
"""

from __future__ import annotations

from importlib import import_module
from typing import Any

from dna_deploy import __version__

_PLACES = {
    "data.config": ("DataConfig",),
    "data.splits": ("ImageData", "load_data"),
    "errors": ("DnaDeployError",),
    "export.delivery": ("Delivery", "deliver"),
    "export.kits.kit_cache": ("cached_kit",),
    "export.source": ("Source", "source_of_record", "source_of_trained"),
    "export.checks.verification": ("Promise", "Verification", "complete_card", "verify_model"),
    "latency.measure": ("measure_model",),
    "latency.workshop": ("Folders", "Profiled", "profile_space"),
    "learning.compute": ("Compute",),
    "nets.network": ("Network",),
    "nets.teachers.teacher": ("Teacher", "load_teacher"),
    "notebook": ("NotebookProgress",),
    "progress": ("OnProgress", "Progress", "silent"),
    "rating.needs": ("Needs",),
    "rating.rater": ("AdditiveRater", "Rater", "load_rater", "make_rater", "open_rater"),
    "rating.raters.dna.config": ("RatingConfig",),
    "rating.raters.one_shot.config": ("OneShotConfig",),
    "rating.raters.dna_pp.config": ("PopulationConfig",),
    "rating.raters.dna.rating": ("rate_space",),
    "rating.work": ("RatingWork",),
    "records.files": ("Part",),
    "records.latency_table": ("LatencyTable",),
    "records.measurement": ("Measurement",),
    "records.model_card": ("ModelCard",),
    "records.probe_kit": ("ProbeKit",),
    "records.profile_run": ("ProfileRun",),
    "records.rating_table": ("RatingTable",),
    "records.score": ("Metric", "Score", "ScoreKind"),
    "records.search_outcome": ("SearchOutcome",),
    "records.trained_network": ("TrainedNetwork",),
    "report.write": ("write_report",),
    "search": (
        *("Constraint", "Latency", "Macs", "Parameters", "PeakMemory", "Portfolio", "Rating", "WeightBytes"),
        *("pareto_front", "portfolio", "search"),
    ),
    "spaces.architecture": ("Architecture",),
    "spaces.catalog": ("find_space", "space_names"),
    "spaces.operations": ("Operation", "Place"),
    "spaces.shapes": ("FeatureMap", "Shape", "Tokens"),
    "spaces.step": ("Step", "convolution"),
    "spaces.placed": ("PlacedLayer",),
    "spaces.block": ("Block", "BlockChoice", "Cell", "FixedLayer"),
    "spaces.chain": ("ChainSpace", "HeadedSpace"),
    "spaces.space": ("SearchSpace",),
    "tasks": ("load_task",),
    "targets.plan": ("SamplingPlan",),
    "targets.target": ("Target",),
    "targets.target_file": ("TargetFile", "find_target"),
    "training.config": ("TeacherConfig", "TrainingConfig"),
    "training.network": ("train_architecture",),
    "training.recipe": ("Recipe",),
    "training.teachers": ("make_teacher",),
    "units": ("Bytes", "Count", "Duration"),
}
"""Module -> its public names. Type checkers read the same names in ``api.pyi``; a test compares the two."""

_MODULES = {name: module for module, names in _PLACES.items() for name in names}

__all__ = ["__version__", *sorted(_MODULES)]  # noqa: PLE0604  (the table is the one list of names)


def __getattr__(name: str) -> Any:
    if name not in _MODULES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"dna_deploy.{_MODULES[name]}"), name)


def __dir__() -> list[str]:
    return __all__
