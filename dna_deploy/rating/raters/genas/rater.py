"""GeNAS (IJCAI 2023, arXiv 2305.08611): networks of a one-shot supernet, rated by how flat their loss is."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Any, ClassVar

from dna_deploy.errors import DivergedError
from dna_deploy.progress import OnProgress, silent
from dna_deploy.rating.raters.genas.config import FlatnessConfig
from dna_deploy.rating.raters.genas.flatness import Flatness, losses_with_noise
from dna_deploy.rating.raters.one_shot.rater import OneShot
from dna_deploy.rating.raters.one_shot.rating import OpenSupernet
from dna_deploy.rating.work import RatingWork
from dna_deploy.records.files import Part
from dna_deploy.records.score import Score, ScoreKind
from dna_deploy.spaces.architecture import Architecture

TOTAL = ScoreKind(name="flatness")
SLOPE = ScoreKind(name="slope of the loss", better="lower")


class Genas:
    """Rates by published flatness; slope, accuracy and cross entropy stand beside it."""

    config: ClassVar[type[Part]] = FlatnessConfig
    needs: ClassVar = FlatnessConfig.needs
    folder_name: ClassVar[str] = "genas"

    def __init__(self, work: RatingWork[Any, None]) -> None:
        self.work, self._supernet = work, OneShot(work, measure=_flatness)

    def train(self, on_progress: OnProgress = silent) -> None:
        self._supernet.train(on_progress)

    def score(self, networks: Sequence[Architecture], on_progress: OnProgress = silent) -> tuple[Score, ...]:
        return self._supernet.score(networks, on_progress)


def _flatness(supernet: OpenSupernet, network: Architecture) -> Score:
    """Raises `DivergedError` where a loss is no number."""
    config: Any = supernet.work.config
    accuracy, path = supernet.rate(network), supernet.supernet.path(network)  # its batch statistics are its own now
    on_path = {id(tensor) for tensor in path.parameters()}
    weights = {name: tensor for name, tensor in supernet.supernet.named_parameters() if id(tensor) in on_path}
    flatness = Flatness(losses_with_noise(weights, partial(supernet.loss, path), config.noises, config.seed), config.noises)
    if not flatness.total > 0:
        raise DivergedError(f"the loss of {network} is no number", "train again with a lower learning rate")
    slope = Score(value=flatness.slope, kind=SLOPE)
    plain = accuracy.model_copy(update={"further": ()})
    return Score(value=flatness.total, kind=TOTAL, further=(slope, plain, *accuracy.further))
