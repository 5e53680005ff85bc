"""How far predicted metrics are to be believed: networks that were trained shortly, each predicted by the others."""

from __future__ import annotations

from typing import TYPE_CHECKING

from dna_deploy.records.rating_calibration import CalibrationNetwork, RatingCalibration
from dna_deploy.records.score import ScoreKind
from dna_deploy.report.content import Facts, Missing, Plot, Section, Table
from dna_deploy.report.evidence import Evidence
from dna_deploy.report.numbers import signed
from dna_deploy.report.theme import LIGHT, PlotSize

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_LEAD = (
    "Each of these networks was trained shortly from its blocks' weights, and predicted by a model that had not seen it. "
    "Its {} is on training images that were held out; a full training ends {}."
)


def accuracy_section(evidence: Evidence) -> Section | None:
    """Predicted against reached metrics; nothing where ratings are not calibrated."""
    merit = evidence.merit
    if not merit.is_prediction:
        return None
    calibration, title = merit.calibration, f"Can the {merit.kind.name} be trusted?"
    if calibration is None:
        missing = Missing("The record of the calibration was not found.", "dna-deploy calibrate RUN")
        return Section("accuracy", title, "", (missing,))
    plot = Plot(
        "accuracy", f"Predicted against reached {merit.metric}", _words(calibration),
        lambda figure, shape: _draw(figure, shape, calibration), _table(calibration),
    )  # fmt: skip
    return Section("accuracy", title, _LEAD.format(merit.metric, merit.kind.better), (plot, _facts(calibration)))


def _words(calibration: RatingCalibration) -> str:
    kind, reached = calibration.networks[0].reached, [network.reached.value for network in calibration.networks]
    return (
        f"{len(reached)} networks reached {_text(kind, min(reached))} to {_text(kind, max(reached))}. "
        f"{calibration.covered} of the 95 % intervals around their predictions hold what was reached."
    )


def _text(kind: ScoreKind, value: float, decimals: int = 1) -> str:
    return signed(kind.text(value, decimals if kind.is_share else None)).replace("%", " %")


def _draw(figure: Figure, shape: PlotSize, calibration: RatingCalibration) -> None:
    figure.set_size_inches(figure.get_figwidth(), (330 if shape.is_narrow else 400) / 72)
    axes, kind = figure.subplots(), calibration.networks[0].reached
    reached = [kind.factor * network.reached.value for network in calibration.networks]
    predicted = [kind.factor * network.predicted for network in calibration.networks]
    below = [kind.factor * (network.predicted - network.low) for network in calibration.networks]
    above = [kind.factor * (network.high - network.predicted) for network in calibration.networks]
    ends = (min(reached), max(reached))
    axes.plot(ends, ends, color=LIGHT["green"], linewidth=1.2, label="as predicted")
    axes.errorbar(reached, predicted, yerr=(below, above), fmt="o", color=LIGHT["blue"], markersize=5, elinewidth=1.0,
                  label="a network, with its 95 % interval")  # fmt: skip
    axes.set(xlabel=f"reached {kind.axis}", ylabel=f"predicted {kind.axis}")
    figure.legend(loc="outside upper left", ncols=1 if shape.is_narrow else 2)


def _facts(calibration: RatingCalibration) -> Facts:
    epochs = calibration.recipe.get("epochs")
    rows = (
        ("networks trained shortly", f"{len(calibration.networks)}, for {epochs} {'epoch' if epochs == 1 else 'epochs'} each"),
        ("leave-one-out error (root mean square)", _text(calibration.networks[0].reached, calibration.error, 2)),
        ("95 % intervals that hold", f"{calibration.covered} of {len(calibration.networks)}"),
        ("order kept by the predictions (Kendall tau)", signed(f"{calibration.tau_of_prediction:.3f}")),
        ("order kept by the plain sum of ratings", signed(f"{calibration.tau_of_sum:.3f}")),
        ("taught by", calibration.teacher),
        ("images", calibration.dataset),
    )
    return Facts("How far predictions are off", rows)


def _table(calibration: RatingCalibration) -> Table:
    ordered = sorted(calibration.networks, key=lambda network: -network.reached.merit)
    headers = ("reached", "predicted", "95 % interval", "within", "plain sum", "architecture")
    caption = "Every network that was trained shortly"
    return Table(caption, headers, tuple(map(_row, ordered)), frozenset({0, 1, 2, 4}), is_folded=True)


def _row(network: CalibrationNetwork) -> tuple[str, ...]:
    kind = network.reached
    interval = f"{_text(kind, network.low, 2).removesuffix(' %')} to {_text(kind, network.high, 2)}"
    return (
        _text(kind, kind.value, 2), _text(kind, network.predicted, 2), interval,
        "yes" if network.is_covered else "missed", f"{network.rating:.4g}", network.architecture,
    )  # fmt: skip
