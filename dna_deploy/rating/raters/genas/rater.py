"""GeNAS (IJCAI 2023, arXiv 2305.08611): networks of a one-shot supernet, rated by how flat their loss is."""

from __future__ import annotations

from functools import partial

from dna_deploy.errors import DivergedError
from dna_deploy.rating.raters.genas.config import FlatnessConfig
from dna_deploy.rating.raters.genas.flatness import Flatness, losses_with_noise
from dna_deploy.rating.raters.one_shot.rater import SupernetRater
from dna_deploy.rating.raters.one_shot.rating import OpenSupernet
from dna_deploy.records.score import Score, ScoreKind
from dna_deploy.spaces.architecture import Architecture

TOTAL = ScoreKind(name="flatness")
SLOPE = ScoreKind(name="slope of the loss", better="lower")


class Genas(SupernetRater):
    """Rates by published flatness; slope, accuracy and cross entropy stand beside it."""

    config = FlatnessConfig
    folder_name = "genas"

    def measure(self, opened: OpenSupernet, network: Architecture) -> Score:
        """Raises `DivergedError` where a loss is no number."""
        noises, seed = self.work.config.noises, self.work.config.seed
        accuracy, path = opened.rate(network), opened.supernet.path(network)  # its batch statistics are its own now
        on_path = {id(tensor) for tensor in path.parameters()}
        weights = {name: tensor for name, tensor in opened.supernet.named_parameters() if id(tensor) in on_path}
        flatness = Flatness(losses_with_noise(weights, partial(opened.loss, path), noises, seed), noises)
        if not flatness.total > 0:
            raise DivergedError(f"the loss of {network} is no number", "train again with a lower learning rate")
        slope = Score(value=flatness.slope, kind=SLOPE)
        plain = accuracy.model_copy(update={"further": ()})
        return Score(value=flatness.total, kind=TOTAL, further=(slope, plain, *accuracy.further))
