"""Networks whose ratings cannot be told apart, given the errors of the ratings."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from dna_deploy.search.cost_model import CostModel
from dna_deploy.search.front import TradeOff


def tied_with(model: CostModel, best: NDArray[np.intp], front: TradeOff) -> NDArray[np.intp]:
    """Positions on the front of the networks no dearer than ``best`` that it does not surely beat, cheapest first.

    The error of a difference comes only from the blocks in which two networks differ. Where no confidence is asked, one
    standard error decides.
    """
    errors = [model.block_errors(block) for block in range(best.size)]
    own = np.array([error[choice] for error, choice in zip(errors, best, strict=True)])
    theirs = np.stack([error[chosen] for error, chosen in zip(errors, front.choices.T, strict=True)], axis=1)
    differs = front.choices != best
    deviation = np.sqrt((differs * (own**2 + theirs**2)).sum(axis=1))
    rating = model.rating(best.tolist())[0]
    cost = model.value(front.axes[0], best.tolist())
    tied = (front.ratings - rating <= (model.deviations or 1.0) * deviation) & (front.costs[0] <= cost)
    return np.flatnonzero(tied)
