"""A method under its check: a supernet that is trained with a seed, and what its scores are worth."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.rating.one_shots.grounds import COMPUTE, Ground, Values
from dna_deploy.progress import OnProgress
from dna_deploy.rating.rater import load_rater
from dna_deploy.rating.raters.one_shot.rater import SupernetRater
from dna_deploy.rating.raters.one_shot.rating import OpenSupernet
from dna_deploy.rating.work import RatingWork
from dna_deploy.spaces.architecture import Architecture
from dna_deploy.statistics.ranks import Estimate, bootstrap, gain_of_top, resamples, tau, tau_given, tau_within

Numbers = dict[str, float | str]
BUDGETS = 10
SETTINGS: Mapping[str, Mapping[str, Mapping[str, Any]]] = {
    "fashion": {
        "setn": {"evaluator_every": 8},
        "angle": {"keep": 1_000, "children": 300},
        "neas": {"children": 50, "judged": 128, "searched": 100},
    },
    "nats-size": {
        "setn": {"evaluator_every": 64},
        "angle": {"keep": 1_000, "children": 300},
        "ddpnas": {"batch": 8, "sweeps": 1, "judged": 32},
        "neas": {"rounds": 5, "children": 20, "judged": 64, "searched": 60},
    },
}
"""What differs from a method's defaults, such that a row takes a quarter of an hour: fewer networks are judged on fewer images.
DDPNAS has 2,079 networks to train on `nats-size`: so its batches are half as large there, for twice as many steps."""
TINY: Mapping[str, Mapping[str, Any]] = {
    "angle": {"keep": 1_000, "children": 8, "rounds": 2},
    "ddpnas": {"batch": 2, "sweeps": 1, "epochs": 27, "judged": 8},
    "neas": {"children": 3, "judged": 8, "searched": 4, "rounds": 1},
    "setn": {"evaluator_every": 2},
}


@dataclass(frozen=True)
class Bench:
    """A ground, a seed, and the folder of checkpoints."""

    ground: Ground
    seed: int
    work: Path
    tell: OnProgress

    def rater(self, method: str, kind: type[SupernetRater] | None = None, **changes: Any) -> SupernetRater:
        """A method of the product, or ``kind``, which trains like it, with batches as large as those of all others."""
        ground, kind = self.ground, kind or load_rater(method)  # type: ignore[assignment]
        settings = {"epochs": ground.epochs, "batch": ground.BATCH, "calibration_images": ground.scale.of(256, 16)}
        if ground.name == "nats-size":
            settings |= {"calibration_images": ground.scale.of(128, 16), "share_widths": True}
        settings |= {**(TINY if ground.scale.is_tiny else SETTINGS[ground.name]).get(method, {}), **changes}
        config = kind.config.model_validate({**settings, "seed": self.seed})  # type: ignore[union-attr]
        work = RatingWork.of(method, ground.space, None, ground.data, config, self.work, COMPUTE)
        folder = self.work / f"{ground.name}-{method}-{work.short_name}"
        return kind(RatingWork.of(method, ground.space, None, ground.data, config, folder, COMPUTE))

    def opened(self, rater: SupernetRater) -> OpenSupernet:
        """Its supernet, trained."""
        return OpenSupernet.open(rater.work, partial(rater.supernet, self.tell))

    def accuracies(self, opened: OpenSupernet, networks: Sequence[Architecture]) -> Values:
        """With shared weights, in points."""
        return np.array([100 * opened.rate(network).value for network in networks])

    def alone(self, network: Architecture) -> float | str:
        """The accuracy of a network that is trained alone, in points."""
        return number(float(self.ground.alone([network], self.work)[0]))


def about(rater: SupernetRater, ground: Ground, begun: float) -> Numbers:
    """What it took."""
    config: Any = rater.work.config
    steps = config.epochs * (len(ground.data.train) // config.batch)
    return {"steps": steps, "batch": config.batch, "seconds": round(time.process_time() - begun, 1)}


def mean(name: str, values: Values) -> Numbers:
    """With its standard error over networks."""
    error = float(np.std(values, ddof=1)) / len(values) ** 0.5 if len(values) > 1 else float("nan")
    return {name: number(float(np.mean(values))), f"{name} error": number(error)}


def sizes(name: str, networks: Sequence[Architecture], ground: Ground) -> Numbers:
    """The size confounds of some networks: the means of MACs and parameters in millions, and of predicted milliseconds."""
    placed = [ground.space.place(network) for network in networks]
    macs, parameters = (
        np.mean([sum(getattr(x, cost) for x in layers) for layers in placed]) for cost in ("macs", "parameters")
    )
    milliseconds = 1e3 * np.mean([ground.seconds(network) for network in networks])
    return {
        f"{name} MMACs": number(float(macs) / 1e6),
        f"{name} Mparameters": number(float(parameters) / 1e6),
        f"{name} ms": number(float(milliseconds)),
    }


def orders(name: str, scores: Values, ground: Ground) -> Numbers:
    """What a score of the listed networks says of their accuracy, with 95 % intervals over networks, bands kept."""
    accuracy, macs, parameters = ground.accuracy, ground.macs, ground.parameters
    drawn = resamples(ground.bands)
    return {
        **estimate(f"tau {name}", bootstrap(lambda of: tau(scores[of], accuracy[of]), drawn)),
        **estimate(f"{name} given MACs", bootstrap(lambda of: tau_given(scores[of], accuracy[of], (macs[of],)), drawn)),
        **estimate(
            f"{name} given parameters", bootstrap(lambda of: tau_given(scores[of], accuracy[of], (parameters[of],)), drawn)
        ),
        **estimate(f"{name} within bands", bootstrap(lambda of: tau_within(scores[of], accuracy[of], ground.bands[of]), drawn)),
        f"{name} regret": number(regret(scores, ground)),
    }


def regret(scores: Values, ground: Ground) -> float:
    """What the best-scored listed network within a latency lacks, in points, in the mean of ten budgets."""
    seconds, lost = np.array([ground.seconds(network) for network in ground.networks]), []
    for budget in np.quantile(seconds, np.linspace(0, 1, BUDGETS + 1)[1:]):
        within = seconds <= budget
        best = ground.accuracy[within].max()
        lost.append(best - ground.accuracy[within].mean() - gain_of_top(scores[within], ground.accuracy[within], 1))
    return float(np.mean(lost))


def estimate(name: str, value: Estimate) -> Numbers:
    """A number with its interval."""
    return {name: number(value.value), f"{name} low": number(value.low), f"{name} high": number(value.high)}


def number(value: float) -> float | str:
    """As a file keeps it."""
    return "NaN" if np.isnan(value) else round(value, 4)
