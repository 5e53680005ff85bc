"""How far predicted accuracies are to be believed: networks that were trained shortly, each predicted by the others."""

from __future__ import annotations

from typing import TYPE_CHECKING

from dna_deploy.records.rating_calibration import CalibrationNetwork, RatingCalibration
from dna_deploy.report.content import Facts, Missing, Plot, Section, Table
from dna_deploy.report.evidence import Evidence
from dna_deploy.report.numbers import share_text, signed
from dna_deploy.report.theme import LIGHT, Shape

if TYPE_CHECKING:
    from matplotlib.figure import Figure

TITLE = "Can the predicted accuracy be trusted?"
_LEAD = (
    "Each of these networks was trained shortly from its blocks' weights, and predicted by a model that had not seen it. "
    "Its accuracy is on training images that were held out; a full training ends higher."
)


def accuracy_section(evidence: Evidence) -> Section | None:
    """Predicted against reached accuracies; nothing where ratings are not calibrated."""
    merit = evidence.merit
    if not merit.is_calibrated:
        return None
    found = merit.calibration
    if found is None:
        missing = Missing("The record of the calibration was not found.", "dna-deploy calibrate RUN")
        return Section("accuracy", TITLE, "", (missing,))
    plot = Plot(
        "accuracy", "Predicted against reached accuracy", _words(found), lambda figure, shape: _draw(figure, shape, found),
        _table(found),
    )  # fmt: skip
    return Section("accuracy", TITLE, _LEAD, (plot, _facts(found)))


def _words(found: RatingCalibration) -> str:
    reached = [network.accuracy.fraction for network in found.networks]
    return (
        f"{len(reached)} networks reached {share_text(min(reached))} to {share_text(max(reached))}. "
        f"{found.covered} of the 95 % intervals around their predictions hold what was reached."
    )


def _draw(figure: Figure, shape: Shape, found: RatingCalibration) -> None:
    figure.set_size_inches(figure.get_figwidth(), (330 if shape.is_narrow else 400) / 72)
    axes = figure.subplots()
    reached = [100 * network.accuracy.fraction for network in found.networks]
    predicted = [100 * network.predicted for network in found.networks]
    below = [100 * (network.predicted - network.low) for network in found.networks]
    above = [100 * (network.high - network.predicted) for network in found.networks]
    ends = (min(reached), max(reached))
    axes.plot(ends, ends, color=LIGHT["green"], linewidth=1.2, label="as predicted")
    axes.errorbar(reached, predicted, yerr=(below, above), fmt="o", color=LIGHT["blue"], markersize=5, elinewidth=1.0,
                  label="a network, with its 95 % interval")  # fmt: skip
    axes.set(xlabel="reached accuracy (%)", ylabel="predicted accuracy (%)")
    figure.legend(loc="outside upper left", ncols=1 if shape.is_narrow else 2)


def _facts(found: RatingCalibration) -> Facts:
    epochs = found.recipe.get("epochs")
    rows = (
        ("networks trained shortly", f"{len(found.networks)}, for {epochs} {'epoch' if epochs == 1 else 'epochs'} each"),
        ("leave-one-out error (root mean square)", share_text(found.error, 2)),
        ("95 % intervals that hold", f"{found.covered} of {len(found.networks)}"),
        ("order kept by the predictions (Kendall tau)", signed(f"{found.tau_of_prediction:.3f}")),
        ("order kept by the plain sum of ratings", signed(f"{found.tau_of_sum:.3f}")),
        ("taught by", found.teacher),
        ("images", found.dataset),
    )
    return Facts("How far predictions are off", rows)


def _table(found: RatingCalibration) -> Table:
    ordered = sorted(found.networks, key=lambda network: -network.accuracy.fraction)
    headers = ("reached", "predicted", "95 % interval", "within", "plain sum", "architecture")
    caption = "Every network that was trained shortly"
    return Table(caption, headers, tuple(map(_row, ordered)), frozenset({0, 1, 2, 4}), is_folded=True)


def _row(network: CalibrationNetwork) -> tuple[str, ...]:
    interval = f"{100 * network.low:.2f} to {share_text(network.high, 2)}"
    return (
        share_text(network.accuracy.fraction, 2), share_text(network.predicted, 2), interval,
        "yes" if network.is_covered else "missed", f"{network.rating:.4g}", network.architecture,
    )  # fmt: skip
