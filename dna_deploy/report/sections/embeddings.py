"""How much embeddings differed between images while a population learnt without labels: what would have shown a collapse."""

from __future__ import annotations

from typing import TYPE_CHECKING

from dna_deploy.records.embedding_history import EmbeddingHistory, EmbeddingLook
from dna_deploy.report.content import Plot
from dna_deploy.report.theme import LIGHT, PlotSize, series

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_PANELS = (
    ("deviation", "deviation of a dimension", "deviation"),
    ("rank", "effective rank (share)", "effective_rank"),
    ("cosine", "mean cosine between images", "cosine"),
)
"""The key of a monitor's limit, its label, and the field of a look that holds it."""


def embeddings_plot(history: EmbeddingHistory) -> Plot:
    """Three monitors over the steps, a curve a block, with the limits beyond which a block counts as collapsed."""
    title = f"Spread of the embeddings ({history.method})"
    return Plot("training-embeddings", title, _words(history), lambda figure, shape: _draw(figure, shape, history))


def _words(history: EmbeddingHistory) -> str:
    last = [looks[-1] for looks in _by_block(history).values()]
    ends = "; ".join(
        f"block {look.block} ends with deviation {look.deviation:.2f}, effective rank {look.effective_rank:.1f} of "
        f"{history.size} and mean cosine {look.cosine:.2f}" for look in last
    )  # fmt: skip
    if history.stopped_at is None:
        return f"No collapse ended the training: {ends}."
    return f"A collapsed block ended the training at step {history.stopped_at}: {ends}."


def _by_block(history: EmbeddingHistory) -> dict[int, list[EmbeddingLook]]:
    by_block: dict[int, list[EmbeddingLook]] = {}
    for look in history.looks:
        by_block.setdefault(look.block, []).append(look)
    return dict(sorted(by_block.items()))


def _draw(figure: Figure, shape: PlotSize, history: EmbeddingHistory) -> None:
    rows, columns = (3, 1) if shape.is_narrow else (1, 3)
    figure.set_size_inches(figure.get_figwidth(), (230 * rows + 30) / 72)
    panels = figure.subplots(rows, columns).ravel()
    for axes, (limit, label, field) in zip(panels, _PANELS, strict=True):
        share = history.size if limit == "rank" else 1
        for index, (block, looks) in enumerate(_by_block(history).items()):
            values = [getattr(look, field) / share for look in looks]
            axes.plot([look.step for look in looks], values, color=series(index)[0], label=f"block {block}")
        axes.axhline(history.limits[limit], color=LIGHT["muted"], linewidth=1.2, linestyle=(0, (5, 4)), label="limit")
        axes.set(xlabel="step", ylabel=label)
    handles = panels[0].get_legend_handles_labels()
    figure.legend(*handles, loc="outside upper left", ncols=min(len(handles[0]), 3 if shape.is_narrow else 7))
