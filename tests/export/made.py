"""Data, cards and tables that tests make up."""

from __future__ import annotations

import random

import numpy as np

from dna_deploy.data.config import DataConfig
from dna_deploy.data.image_set import Dataset, Normalisation, StoredImages
from dna_deploy.data.splits import ImageData, divide
from dna_deploy.export.cards.card import layer_facts
from dna_deploy.records.files import Provenance
from dna_deploy.records.measurement import Measurement
from dna_deploy.records.model_card import (
    Absent,
    ModelCard,
)
from dna_deploy.records.samples import Samples
from dna_deploy.targets.fingerprint import Fingerprint
from dna_deploy.targets.plan import SamplingPlan
from dna_deploy.targets.target import Target
from tests.export.networks import TINY, tiny
from tests.search.instances import random_ratings, random_table
from tests.spaces.chains import FASHION


def made_up_data(images: int = 40) -> ImageData:
    pixels = np.random.default_rng(0).integers(0, 256, (images, 1, 28, 28), dtype=np.uint8)
    stored = StoredImages(pixels, np.arange(images) % 10)
    dataset = Dataset(
        "made-up", "sha256:0", FASHION.input, tuple("abcdefghij"), Normalisation((0.3,), (0.4,)), training=stored, test=stored
    )
    return divide(dataset, DataConfig(rating_images=10, validation_images=10))


WHY = Absent(reason="for a reason")


def measurement(samples: int = 100, microseconds: int = 90) -> Measurement:
    return Measurement(
        provenance=Provenance.now(),
        model="model.onnx",
        model_digest="sha256:1",
        target=Target(name="cpu-1thread"),
        fingerprint=Fingerprint(processor="a processor", logical_processors=1, system="a system", runtime_version="r 1"),
        plan=SamplingPlan(),
        samples=Samples(visits_ns=tuple((microseconds * 1000 + number,) for number in range(samples))),
        doubts=(),
    )


def card(**changes: object) -> ModelCard:
    values: dict[str, object] = {
        "provenance": Provenance.now(), "model": "model.onnx", "model_digest": "sha256:1", "model_bytes": 1000,
        "precision": "fp32", "space": "fashion", "space_digest": FASHION.digest, "head": "", "architecture": TINY,
        "layers": layer_facts(FASHION, tiny()), "parameters": 40_090, "deployed_parameters": 39_300, "macs": 1_480_000,
        "asked": WHY, "predicted": WHY, "measured": WHY, "parity": WHY, "metrics": WHY, "baselines": (), "dataset": WHY,
        "labels": tuple("abcdefghij"), "seeds": {"training": 3}, "packages": {}, "digests": {"weights": "sha256:2"},
        "reproduce": "dna-deploy run",
    }  # fmt: skip
    return ModelCard.model_validate({**values, **changes})


TABLE = random_table(FASHION, random.Random(0))
RATINGS = random_ratings(FASHION, random.Random(1))
