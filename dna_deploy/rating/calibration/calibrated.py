"""From ratings to accuracy: a Bayesian linear model, fitted on a handful of networks that were trained shortly.

Before any network is trained, the model expects what the plain sum says: every block's rating counts the same, and better
sums mean better networks. Trainings then correct the weight of each block, what cost adds, and how neighbouring blocks work
together, each by as much as so few numbers can show: how far these may stray is averaged over a grid, weighted by how well
each setting explains the trainings (Bayesian model averaging; MacKay, Neural Computation 4, 1992).
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import product
from typing import Self

import numpy as np
import numpy.typing as npt
from scipy.special import softmax
from scipy.stats import t as student_t

from dna_deploy.errors import UsageError
from dna_deploy.rating.raters.dna.candidate_features import CandidateFeatures

Values = npt.NDArray[np.float64]

FEWEST = 5
"""Networks below which there is nothing to fit."""

_EXPECTED = 0.5
"""Correlation of the plain sum with accuracy that is expected before a training: pilots and papers found .4 to .7."""

_BLOCKS, _COSTS, _NEIGHBOURS = (0.0, 0.2, 0.5), (0.0, 0.2, 0.5, 1.0), (0.0, 0.2, 0.5)
_NOISES = (0.2, 0.4, 0.6, 0.8, 1.0)
"""Grids of deviations, in deviations of the accuracies that were seen."""


@dataclass(frozen=True)
class Prediction:
    """What is expected of some networks, with the 95 % interval of a training like those that were fitted."""

    mean: Values
    low: Values
    high: Values


@dataclass(frozen=True)
class _Fit:
    """The posterior of the coefficients for one setting of the grid."""

    mean: Values
    covariance: Values
    noise: float
    log_evidence: float


@dataclass(frozen=True)
class CalibratedModel:
    """Predicts accuracies, shares from 0 to 1, from `CandidateFeatures`."""

    features: CandidateFeatures
    fits: tuple[_Fit, ...]
    weights: Values
    trained: int

    @classmethod
    def fit(cls, features: CandidateFeatures, chosen: npt.NDArray[np.intp], accuracies: Values) -> Self:
        """The model after some trainings.

        Args:
            features: of every candidate of every block.
            chosen: the candidate of every block of each trained network, ``(networks, blocks)``.
            accuracies: what each network reached, ``(networks,)``.

        Raises:
            UsageError: too few networks, or all equally accurate.
        """
        if len(chosen) < FEWEST:
            raise UsageError(f"{len(chosen)} trained networks cannot calibrate a rating", f"give at least {FEWEST}, better 16")
        spread = float(accuracies.std(ddof=1))
        if spread == 0:
            raise UsageError(f"all {len(chosen)} networks reached {accuracies[0]:.2%}", "train them longer, or on more images")
        design = features.design(chosen)
        grid = product(_BLOCKS, _COSTS, _NEIGHBOURS, _NOISES)
        fits = tuple(_posterior(features, design, accuracies, spread, setting) for setting in grid)
        return cls(features, fits, softmax(np.array([fit.log_evidence for fit in fits])), len(chosen))

    def predict(self, chosen: npt.NDArray[np.intp]) -> Prediction:
        """What networks, ``(networks, blocks)``, would reach if they were trained in the same way."""
        design = self.features.design(chosen)
        means = np.array([design @ fit.mean for fit in self.fits])
        variances = np.array([_quadratic(design, fit.covariance) + fit.noise**2 for fit in self.fits])
        mean = self.weights @ means
        deviation = np.sqrt(self.weights @ (variances + (means - mean) ** 2))
        reach = float(student_t.ppf(0.975, self.trained - 1)) * deviation
        return Prediction(mean, mean - reach, mean + reach)

    def of_candidates(self) -> tuple[tuple[Values, Values], ...]:
        """For every block, what each candidate adds to the accuracy of a network, and its standard error.

        The sum over a network is its prediction without the part of neighbours, which no sum can hold. A standard error is
        that of the difference from the block's mean candidate.
        """
        mean = self.weights @ np.array([fit.mean for fit in self.fits])
        covariance = np.einsum(
            "f,fij->ij", self.weights, np.array([fit.covariance + _outer(fit.mean - mean) for fit in self.fits])
        )
        blocks = len(self.features.blocks)
        parts = []
        for block in range(blocks):
            design = self.features.design_of_block(block)
            parts.append((mean[0] / blocks + design @ mean, np.sqrt(np.maximum(_quadratic(design, covariance), 0.0))))
        return tuple(parts)


def _posterior(
    features: CandidateFeatures, design: Values, accuracies: Values, spread: float, setting: tuple[float, ...]
) -> _Fit:
    """Bayesian linear regression with a Gaussian prior, in closed form."""
    blocks, costs, neighbours, noise = (spread * deviation for deviation in setting)
    expected = spread * _EXPECTED * features.sums
    expected[0] = accuracies.mean()
    deviations = (
        spread * 10 * features.constant + blocks * features.sums + costs * features.costs + neighbours * features.neighbours
    )
    prior = np.diag(deviations**2) + _outer(spread * _EXPECTED * features.sums)
    total = design @ prior @ design.T + noise**2 * np.eye(len(design))
    gain = np.linalg.solve(total, design @ prior).T
    surprise = accuracies - design @ expected
    _, log_determinant = np.linalg.slogdet(total)
    log_evidence = -0.5 * (surprise @ np.linalg.solve(total, surprise) + log_determinant)
    return _Fit(expected + gain @ surprise, prior - gain @ design @ prior, noise, float(log_evidence))


def _outer(vector: Values) -> Values:
    return np.outer(vector, vector)


def _quadratic(design: Values, covariance: Values) -> Values:
    """``row @ covariance @ row`` for every row."""
    return np.asarray(np.einsum("ni,ij,nj->n", design, covariance, design))


def leave_one_out(features: CandidateFeatures, chosen: npt.NDArray[np.intp], accuracies: Values) -> Prediction:
    """What is predicted for each network by a model that was fitted on all others."""
    predictions = []
    for left_out in range(len(chosen)):
        others = np.arange(len(chosen)) != left_out
        model = CalibratedModel.fit(features, chosen[others], accuracies[others])
        predictions.append(model.predict(chosen[[left_out]]))
    mean, low, high = (
        np.concatenate([getattr(prediction, name) for prediction in predictions]) for name in ("mean", "low", "high")
    )
    return Prediction(mean, low, high)
