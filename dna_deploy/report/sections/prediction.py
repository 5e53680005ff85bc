"""Predicted against measured latency of whole networks, with the band of five percent that a plan can stand on."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import chain
from typing import TYPE_CHECKING

from dna_deploy.errors import DnaDeployError
from dna_deploy.latency.fidelity import Fidelity
from dna_deploy.records.latency_table import LatencyTable
from dna_deploy.records.model_card import Absent
from dna_deploy.records.samples import Quantile, Samples
from dna_deploy.report.content import Facts, Missing, Plot, Section, Table
from dna_deploy.report.evidence import Evidence
from dna_deploy.report.numbers import TimeScale, change_text, share_text, signed
from dna_deploy.report.theme import LIGHT, PlotSize
from dna_deploy.spaces.chain import HeadedSpace

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

TITLE = "Can the prediction be trusted?"
BAND = 0.05
SEEN, UNSEEN, MODEL = "the calibration was fitted on it", "never seen by the table", "the exported model"
_LOOKS = {SEEN: ("muted", "o", 5.0), UNSEEN: ("blue", "^", 7.0), MODEL: ("orange", "D", 10.0)}


@dataclass(frozen=True)
class Judged:
    """A whole network, as predicted and as measured."""

    kind: str
    name: str
    predicted_s: float
    measured_s: float

    @property
    def error(self) -> float:
        """How far the prediction is off, relative to the measurement."""
        return self.predicted_s / self.measured_s - 1


def prediction_section(evidence: Evidence) -> Section:
    """Whole networks of the profile runs and the exported model, predicted and measured."""
    networks = (*_profiled(evidence), *_model(evidence))
    if not networks:
        missing = Missing(_why(evidence), f"dna-deploy profile --space {evidence.space_name} --validate 40")
        return Section("prediction", TITLE, "", (missing,))
    honest = [network for network in networks if network.kind != SEEN]
    plot = Plot(
        "prediction",
        "Predicted against measured latency",
        _words(networks),
        lambda figure, shape: _draw(figure, shape, networks),
        _table(networks),
    )
    facts = (_facts(honest),) if honest else (Missing(*_NOTHING_UNSEEN),)
    return Section("prediction", TITLE, _lead(honest), (plot, *facts))


_NOTHING_UNSEEN = (
    "No network was measured that the calibration was not fitted on; those shown here flatter the table.",
    "dna-deploy profile --validate 40",
)


def _lead(honest: list[Judged]) -> str:
    lead = "Each point is a whole network. The shaded band is a prediction that is at most 5 % off."
    if not honest:
        return lead
    within = sum(abs(network.error) <= BAND for network in honest)
    return f"{lead} Of {len(honest)} networks that the table was not fitted on, {within} lie within it."


def _profiled(evidence: Evidence) -> tuple[Judged, ...]:
    space, table = evidence.space, evidence.table
    if space is None or table is None:
        return ()
    samples: dict[tuple[str, str], Samples] = {}
    for probe in chain.from_iterable(run.of("calibration", "validation") for run in evidence.runs):
        key = (SEEN if probe.role == "calibration" else UNSEEN, probe.key)
        earlier = samples[key].visits_ns if key in samples else ()
        samples[key] = Samples(visits_ns=earlier + probe.samples.visits_ns)
    judged = (_judged(space, table, evidence.quantile, kind, name, sample) for (kind, name), sample in samples.items())
    return tuple(network for network in judged if network is not None)


def _judged(
    space: HeadedSpace, table: LatencyTable, quantile: Quantile, kind: str, line: str, samples: Samples
) -> Judged | None:
    """None where the table lacks a row of the network or the samples are too few for the quantile."""
    try:
        predicted = table.predict(space, space.parse(line), quantile).seconds
        return Judged(kind, line, predicted, samples.quantile(quantile).seconds)
    except DnaDeployError:
        return None


def _model(evidence: Evidence) -> tuple[Judged, ...]:
    card = evidence.card
    if card is None or isinstance(card.predicted, Absent) or isinstance(card.measured, Absent):
        return ()
    return (Judged(MODEL, card.architecture, card.predicted.latency_s, card.measured.quantile_s),)


def _why(evidence: Evidence) -> str:
    if evidence.table is None:
        return "There is no latency table, so nothing is predicted."
    if not evidence.runs:
        return "There is no profile run, so no whole network was measured."
    return "No whole network was both predicted and measured."


def _words(networks: tuple[Judged, ...]) -> str:
    counts = [
        f"{sum(abs(network.error) <= BAND for network in of_kind)} of {len(of_kind)} ({name}) within 5 %, worst "
        f"{change_text(max((network.error for network in of_kind), key=abs))}"
        for name in _LOOKS
        if (of_kind := [network for network in networks if network.kind == name])
    ]
    return f"Left: predicted over measured latency, around the diagonal. Right: the relative error. {'; '.join(counts)}."


def _draw(figure: Figure, shape: PlotSize, networks: tuple[Judged, ...]) -> None:
    rows, columns = (2, 1) if shape.is_narrow else (1, 2)
    figure.set_size_inches(figure.get_figwidth(), (640 if shape.is_narrow else 400) / 72)
    scatter, errors = figure.subplots(rows, columns)
    scale = TimeScale.of(network.measured_s for network in networks)
    times = [scale.value(time) for network in networks for time in (network.predicted_s, network.measured_s)]
    low, high = min(times) * 0.95, max(times) * 1.05
    scatter.fill_between([low, high], [low * (1 - BAND), high * (1 - BAND)], [low * (1 + BAND), high * (1 + BAND)],
                         color=LIGHT["green"], alpha=0.16, linewidth=0)  # fmt: skip
    scatter.plot([low, high], [low, high], color=LIGHT["green"], linewidth=1.2)
    scatter.set(xlim=(low, high), ylim=(low, high), xlabel=f"measured ({scale.unit})", ylabel=f"predicted ({scale.unit})")
    errors.axhspan(-100 * BAND, 100 * BAND, color=LIGHT["green"], alpha=0.16, linewidth=0)
    errors.axhline(0, color=LIGHT["green"], linewidth=1.2)
    reach = max(1.6 * BAND, *(1.15 * abs(network.error) for network in networks)) * 100
    errors.set(xlim=(low, high), ylim=(-reach, reach), xlabel=f"measured ({scale.unit})", ylabel="prediction is off by (%)")
    _dots(scatter, errors, scale, networks)
    figure.legend(*scatter.get_legend_handles_labels(), loc="outside upper left", ncols=1 if shape.is_narrow else 3)


def _dots(scatter: Axes, errors: Axes, scale: TimeScale, networks: tuple[Judged, ...]) -> None:
    for name, (colour, marker, size) in _LOOKS.items():
        of_kind = [network for network in networks if network.kind == name]
        if not of_kind:
            continue
        measured = [scale.value(network.measured_s) for network in of_kind]
        style = {"color": LIGHT[colour], "markersize": size, "markeredgecolor": LIGHT["paper"], "markeredgewidth": 0.7}
        scatter.plot(measured, [scale.value(network.predicted_s) for network in of_kind], marker, label=name, **style)  # type: ignore[arg-type]
        errors.plot(measured, [100 * network.error for network in of_kind], marker, **style)  # type: ignore[arg-type]


def _facts(honest: list[Judged]) -> Facts:
    fidelity = Fidelity.of([network.predicted_s for network in honest], [network.measured_s for network in honest])
    rows = (
        ("networks not fitted on", str(fidelity.networks)),
        ("mean absolute error", share_text(fidelity.mean_absolute_error, 2)),
        ("bias", change_text(fidelity.bias, 2)),
        ("within 5 %", share_text(fidelity.within_5_percent, 0)),
        ("within 10 %", share_text(fidelity.within_10_percent, 0)),
        ("worst", change_text(fidelity.worst_error, 2)),
        *([("order kept (Kendall tau)", signed(f"{fidelity.kendall_tau:.3f}"))] if len(honest) > 1 else []),
    )
    return Facts("How far predictions are off", rows)


def _table(networks: tuple[Judged, ...]) -> Table:
    scale = TimeScale.of(network.measured_s for network in networks)
    rows = tuple(
        (
            network.kind,
            scale.bare(network.predicted_s),
            scale.bare(network.measured_s),
            change_text(network.error),
            network.name,
        )
        for network in sorted(networks, key=lambda network: network.measured_s)
    )
    headers = ("network", f"predicted ({scale.unit})", f"measured ({scale.unit})", "off by", "architecture")
    return Table("Every network that was predicted and measured", headers, rows, frozenset({1, 2, 3}), is_folded=True)
