"""Networks whose ratings cannot be told from the optimum's, given the errors of the ratings, and the cheapest of them.

A better rating that may be chance is no reason to spend more. Where no confidence is asked, one standard error decides:
the one-standard-error rule (Breiman, Friedman, Olshen and Stone, "Classification and Regression Trees", 1984, section 3.4).
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from dna_deploy.search.cost_model import CostModel
from dna_deploy.search.front import TradeOff
from dna_deploy.search.solver.exact import Solution


def tied_with(model: CostModel, optimum: NDArray[np.intp], front: TradeOff) -> NDArray[np.intp]:
    """The cheaper networks of a front whose ratings the optimum does not surely beat, cheapest first, the optimum last.

    The error of a difference comes only from the blocks in which two networks differ. Networks beside the front, which
    another beats in rating and cost, are none to prefer: their larger errors would be their only merit.

    Returns:
        Choices, ``(networks, blocks)``: the optimum alone where nothing ties with it.
    """
    errors = [model.block_errors(block) for block in range(optimum.size)]
    own = np.array([error[choice] for error, choice in zip(errors, optimum, strict=True)])
    theirs = np.stack([error[chosen] for error, chosen in zip(errors, front.choices.T, strict=True)], axis=1)
    deviation = np.sqrt(((front.choices != optimum) * (own**2 + theirs**2)).sum(axis=1))
    lost = front.ratings - model.rating(optimum.tolist())[0]
    is_cheaper = front.costs[0] < model.value(front.axes[0], optimum.tolist())
    tied = is_cheaper & (lost <= (model.tables.deviations or 1.0) * deviation)
    return np.concatenate((front.choices[tied], optimum[None]))


def cheapest_first(solution: Solution, ties: NDArray[np.intp]) -> Solution:
    """The same networks behind the cheapest that ties with the first of them: none is lost, the optimum comes next."""
    others = solution.choices[(solution.choices != ties[0]).any(axis=1)]
    return Solution(np.concatenate((ties[:1], others)), solution.states, solution.expanded)
