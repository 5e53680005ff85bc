"""Keys of the settings that commands of the learning side have as flags."""

from __future__ import annotations

from dna_deploy.cli.options.groups import Knob, Knobs

METHOD = Knobs("Rating", "method")
SUPERNETS = Knobs(
    "Rating",
    "rate.epochs",
    "rate.batch",
    "rate.learning_rate",
    "rate.edges",
    "rate.supernet_sets",
    Knob("data.supernet_images", ("--images",)),
    "data.rating_images",
)
TEACHER = Knobs(
    "Teacher",
    Knob("teacher.name", ("--teacher",), "A teacher by name or file; see: dna-deploy teachers"),
    Knob("teacher.weights", ("--teacher-weights",)),
    Knob("teacher.cuts", ("--teacher-cuts",)),
    Knob("teacher.recipe.epochs", ("--teacher-epochs",), "Passes over the teacher's images; by default more, if these are few"),
    "data.teacher_images",
)
TRAINING = Knobs(
    "Training",
    *("train.preset", "train.epochs", Knob("data.train_images", ("--images",)), "train.batch", "train.accumulate"),
    *("train.optimiser", "train.learning_rate", "train.label_smoothing", "train.augmentation.crop"),
    *("train.rand_augment", "train.mixup", "train.cutmix", "train.ema", "train.amp"),
)
EVOLUTION = Knobs(
    "Rounds",
    "evolve.rounds",
    "evolve.margin",
    Knob("evolve.growth.parameters", ("--growth",)),
    "evolve.growth.resolution",
    Knob("train.epochs", ("--train-epochs",), "Passes of a winner over its training images"),
    Knob("data.train_images", ("--train-images",), "Images that a winner is trained on, at most; by default all"),
)
DEVICE = Knobs("Compute", "compute.device")
APART = Knobs("Compute", "compute.on", "compute.jobs")
SPREADING = Knobs("Compute", *DEVICE.knobs, *APART.knobs)
COMPUTE = Knobs(
    "Compute",
    *SPREADING.knobs,
    *("compute.precision", "compute.compile", "compute.workers"),
    Knob("compute.feature_cache_bytes", ("--feature-cache",)),
)
