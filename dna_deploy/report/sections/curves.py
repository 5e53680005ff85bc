"""Training curves: the supernet of every block or of the whole space, the teacher, and the final network."""

from __future__ import annotations

from typing import TYPE_CHECKING

from dna_deploy.records.embedding_history import EmbeddingHistory
from dna_deploy.records.trained_network import TrainedNetwork
from dna_deploy.records.training_history import TrainingHistory
from dna_deploy.report.content import Facts, Missing, Piece, Plot, Section, Table
from dna_deploy.report.evidence import Evidence
from dna_deploy.report.findings import Findings
from dna_deploy.report.numbers import NOTHING, metric_number, signed
from dna_deploy.report.sections.card import metric_texts
from dna_deploy.report.sections.embeddings import embeddings_plot
from dna_deploy.report.theme import LIGHT, PlotSize, series

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

TITLE = "How training went"
_STYLES = ("-", (0, (6, 2)), (0, (2, 1.5)))
"""With four colours they keep twelve curves apart."""


def curves_section(evidence: Evidence) -> Section:
    """The loss of every block's supernet, then loss and metric of whole networks."""
    blocks = tuple(history for history in evidence.histories if history.block is not None)
    wholes = tuple(history for history in evidence.histories if history.block is None)
    pieces: list[Piece] = []
    if blocks:
        pieces.append(_block_plot(blocks))
        pieces += _lacking(blocks, evidence)
    elif {history.subject for history in wholes} <= {"teacher", "network"}:
        pieces.append(Missing("There is no training history of the blocks.", f"dna-deploy rate --space {evidence.space_name}"))
    pieces += [embeddings_plot(history) for history in _embeddings(blocks, evidence.findings) if history.looks]
    pieces += [_network_plot(history) for history in wholes]
    if not any(history.subject == "network" for history in wholes):
        pieces.append(Missing("There is no training history of the final network.", "dna-deploy train outcome.json"))
    if evidence.trained:
        pieces.append(_trained(evidence.trained))
    lead = (
        "Every block learns by itself what the title of its curve names; then the chosen network learns as a whole. "
        "A curve that still falls at its end says that more epochs would help."
    )
    return Section("curves", TITLE, lead if blocks or wholes else "", tuple(pieces))


def _embeddings(blocks: tuple[TrainingHistory, ...], findings: Findings) -> list[EmbeddingHistory]:
    """What lies beside the first block, of embeddings that were trained with it."""
    beside = {findings.folder_of(block) for block in blocks[:1]}
    return [history for history in findings.of(EmbeddingHistory) if findings.folder_of(history) in beside][:1]


def _lacking(blocks: tuple[TrainingHistory, ...], evidence: Evidence) -> list[Piece]:
    """The blocks without a curve."""
    trained = {history.block for history in blocks}
    lacking = [
        str(block + 1) for block in range(len(evidence.space.block_numbers) if evidence.space else 0) if block not in trained
    ]
    if not lacking:
        return []
    return [
        Missing(
            f"There is no training history of block {', '.join(lacking)}.", f"dna-deploy rate --space {evidence.space_name}"
        )
    ]


def _trained(network: TrainedNetwork) -> Facts:
    """Where the final training ended."""
    images = ", ".join(f"{name} {count:,}" for name, count in network.images.items())
    rows = (
        ("data", f"{network.dataset} ({images} images)"),
        ("best epoch", str(network.best_epoch)),
        *metric_texts(network.validation, "validation {}"),
        *metric_texts(network.test, "test {}"),
        ("taught by", "labels and a teacher" if network.teacher else "labels alone"),
    )
    return Facts("The final network", rows)


def _block_plot(histories: tuple[TrainingHistory, ...]) -> Plot:
    words = "; ".join(f"{history.subject} falls from {_first(history):.3g} to {_last(history):.3g}" for history in histories)
    rows = tuple(
        (history.subject, str(history.steps), f"{_first(history):.4g}", f"{_last(history):.4g}", _tail(history))
        for history in histories
    )
    numbers = Table(
        "Loss of the blocks",
        ("block", "steps", "first loss", "last loss", "change in the last tenth"),
        rows,
        frozenset({1, 2, 3, 4}),
    )
    title = f"Loss of every block's supernet ({histories[0].measure})"
    return Plot("training-blocks", title, f"{words}.", lambda figure, shape: _draw_blocks(figure, shape, histories), numbers)


def _draw_blocks(figure: Figure, shape: PlotSize, histories: tuple[TrainingHistory, ...]) -> None:
    figure.set_size_inches(figure.get_figwidth(), (330 if shape.is_narrow else 340) / 72)
    axes = figure.subplots()
    for index, history in enumerate(histories):
        epochs = [point.step / history.steps_per_epoch for point in history.losses]
        losses = [point.loss for point in history.losses]
        style = _STYLES[index // 4 % len(_STYLES)]
        axes.plot(epochs, losses, color=series(index)[0], linestyle=style, label=history.subject)
    _log_if_positive(axes, histories)
    axes.set(xlabel="epoch", ylabel="loss", xlim=(0, None))
    figure.legend(loc="outside upper left", ncols=min(len(histories), 3 if shape.is_narrow else 6))


def _network_plot(history: TrainingHistory) -> Plot:
    subject = "Final network" if history.subject == "network" else history.subject.capitalize()
    words = f"The loss falls from {_first(history):.3g} to {_last(history):.3g}."
    title, numbers = f"{subject}: {history.measure}", None
    if history.best is not None:
        metric = history.best.metrics[0]
        words += f" Validation {metric.name} is best after epoch {history.best.epoch} with {metric_number(metric)}."
        rows = tuple((str(score.epoch), *map(metric_number, score.metrics)) for score in history.scores)
        names = tuple(metric.name for metric in history.best.metrics)
        caption = f"{subject}: on {metric.images:,} validation images"
        numbers = Table(caption, ("epoch", *names), rows, frozenset(range(len(names) + 1)))
        title += f" and validation {metric.name}"
    name = f"training-{history.subject.replace(' ', '-')}"
    return Plot(name, title, words, lambda figure, shape: _draw_network(figure, shape, history), numbers)


def _draw_network(figure: Figure, shape: PlotSize, history: TrainingHistory) -> None:
    panels = 2 if history.scores else 1
    rows, columns = (panels, 1) if shape.is_narrow else (1, panels)
    figure.set_size_inches(figure.get_figwidth(), (250 * rows if shape.is_narrow else 280) / 72)
    first, *others = figure.subplots(rows, columns, squeeze=False).ravel()
    epochs = [point.step / history.steps_per_epoch for point in history.losses]
    first.plot(epochs, [point.loss for point in history.losses], color=LIGHT["blue"])
    first.set(xlabel="epoch", ylabel="loss", xlim=(0, history.steps / history.steps_per_epoch))
    for axes in others:
        metric = history.scores[0].metrics[0]
        scores = [metric.factor * score.metrics[0].value for score in history.scores]
        axes.plot([score.epoch for score in history.scores], scores, "o-", color=LIGHT["green"], markersize=5)
        axes.set(
            xlabel="epoch",
            ylabel=f"validation {metric.axis}",
            xlim=(0, history.steps / history.steps_per_epoch * 1.02),
        )


def _log_if_positive(axes: Axes, histories: tuple[TrainingHistory, ...]) -> None:
    from matplotlib.ticker import LogLocator, NullFormatter

    losses = [point.loss for history in histories for point in history.losses]
    if min(losses) > 0 and max(losses) / min(losses) > 5:
        axes.set_yscale("log")
        axes.yaxis.set_major_locator(LogLocator(subs=(1.0, 2.0, 5.0)))
        axes.yaxis.set_major_formatter(lambda value, _: f"{value:g}")
        axes.yaxis.set_minor_formatter(NullFormatter())


def _first(history: TrainingHistory) -> float:
    return history.losses[0].loss


def _last(history: TrainingHistory) -> float:
    return history.losses[-1].loss


def _tail(history: TrainingHistory) -> str:
    """How much the loss still changed over the last tenth of the curve."""
    before = history.losses[-max(2, len(history.losses) // 10)].loss if len(history.losses) > 1 else _last(history)
    return signed(f"{100 * (_last(history) / before - 1):+.1f} %") if before else NOTHING
