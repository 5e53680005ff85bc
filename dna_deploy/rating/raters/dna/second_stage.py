"""The second stage of a search: a shortlist ranked anew by what its networks do as a whole.

Four ranks are averaged, with no freedom to fit: the stitched divergence from the teacher, how often answers are the teacher's,
the block sum, and parameters. Without a teacher no answers can agree, and three are left. Networks that know nothing of what
the teacher believes are alike by the first two.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from scipy.stats import rankdata

from dna_deploy.data.splits import ImageData
from dna_deploy.progress import OnProgress, Progress, silent
from dna_deploy.rating.raters.dna.shortlist import rate_sets
from dna_deploy.rating.raters.dna.stitched import StitchedRating
from dna_deploy.rating.raters.dna.work import BlockWork
from dna_deploy.records.files import Provenance
from dna_deploy.records.rating_table import RatingTable
from dna_deploy.records.refinement import RefinedNetwork, Refinement
from dna_deploy.spaces.architecture import Architecture
from dna_deploy.spaces.chain import ChainSpace


@dataclass
class StitchedStage:
    """The second stage of searches that ask again and again, as the promise loop does: a network is rated once.

    Raises:
        TableError: the ratings are for another space, teacher or data set than the supernets.
    """

    works: Sequence[BlockWork]
    """A rating whose supernets are trained, and further sets of its supernets: what they say is averaged."""
    table: RatingTable
    """Its ratings."""
    with_labels: bool = False
    """Also count how often a stitched network is right."""
    known: dict[Architecture, StitchedRating] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for work in self.works:
            work.check_ratings(self.table)

    def refine(self, architectures: Sequence[Architecture], on_progress: OnProgress = silent) -> Refinement:
        """The networks of a shortlist, best first by the mean of their ranks.

        Raises:
            UsageError: an architecture is not in the space.
        """
        fresh = [architecture for architecture in dict.fromkeys(architectures) if architecture not in self.known]
        if fresh or not architectures:
            ratings = rate_sets(self.works, fresh, with_labels=self.with_labels, is_logged=True, on_progress=on_progress)
            self.known |= {rating.architecture: rating for rating in ratings}
            _say_who_knows_nothing(ratings, on_progress)
        stitched = [self.known[architecture] for architecture in architectures]
        work = self.works[0]
        sets = len(self.works)
        return by_mean_rank(work.space, self.table, stitched, teacher=work.teacher.digest, data=work.data, sets=sets)


def _say_who_knows_nothing(ratings: Sequence[StitchedRating], on_progress: OnProgress) -> None:
    lost = sum(rating.knows_nothing for rating in ratings)
    if lost == len(ratings):
        what = (
            "no network knows what the teacher believes, so that block sum and size decide: supernets need more training, or "
            "the teacher was not trained for such images"
        )
    else:
        what = f"{lost} of {len(ratings)} networks know nothing of what the teacher believes: block sum and size decide on them"
    if lost:
        on_progress(Progress("stitched networks", 1, 1, notice=what))


def by_mean_rank(
    space: ChainSpace,
    table: RatingTable,
    stitched: Sequence[StitchedRating],
    *,
    teacher: str,
    data: ImageData,
    sets: int = 1,
    by_labels: Mapping[str, Sequence[float]] | None = None,
) -> Refinement:
    """Networks with all that is known about them, best first by the mean of their ranks: by the columns of ``by_labels``, less
    is better, where the divergence is from labels.
    """
    ratings = [table.of(space, rated.architecture) for rated in stitched]
    headed = space.with_head(space.head_for(len(data.classes)))
    layers = [headed.place(rated.architecture) for rated in stitched]
    parameters = [sum(layer.parameters for layer in placed) for placed in layers]
    agreements = [-rated.counted_agreement for rated in stitched if rated.counted_agreement is not None]
    columns = by_labels or {
        "divergence": [-rated.score for rated in stitched],
        **({"agreement": agreements} if agreements else {}),
        "rating": ratings,
        "parameters": [float(-count) for count in parameters],
    }
    mean_ranks = np.mean([rankdata(column) for column in columns.values()], axis=0)
    networks = [
        RefinedNetwork(
            architecture=str(rated.architecture),
            divergence=rated.divergence,
            standard_error=rated.standard_error,
            temperature=rated.temperature,
            known=rated.known,
            agreement=rated.agreement,
            rating=rating,
            parameters=count,
            macs=sum(layer.macs for layer in placed),
            accuracy=rated.accuracy,
            mean_rank=float(rank),
        )
        for rated, rating, count, placed, rank in zip(stitched, ratings, parameters, layers, mean_ranks, strict=True)
    ]
    return Refinement(
        provenance=Provenance.now(),
        space=space.name,
        space_digest=space.digest,
        ratings=table.digest,
        teacher=teacher,
        dataset=data.digest,
        images=len(data.rating),
        sets=sets,
        divergence_from="labels" if by_labels else "beliefs" if agreements else "centre",
        ranked_by=tuple(columns),
        networks=tuple(sorted(networks, key=lambda network: (network.mean_rank, network.divergence))),
    )
