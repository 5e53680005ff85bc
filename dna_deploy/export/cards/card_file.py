"""Where a model's card lies: beside the model, as a record and as Markdown. Free of torch, so that a device can add to it."""

from __future__ import annotations

from pathlib import Path

from dna_deploy.export.cards.card_text import card_markdown
from dna_deploy.records.files import write_atomically
from dna_deploy.records.model_card import ModelCard

SENTINELS = "sentinels.kit"
"""Beside models and their cards: layers of the latency table as models, to tell the pace of the machine by."""


def card_path(model: Path) -> Path:
    """The record of a model's card: ``model.onnx`` has ``model.card.json``."""
    return model.with_suffix(".card.json")


def write_card(card: ModelCard, folder: Path) -> tuple[Path, Path]:
    """Writes the card beside its model, as a record and as Markdown; each is written whole or not at all."""
    record = card_path(folder / card.model)
    text = record.with_suffix(".md")
    write_atomically(text, card_markdown(card).encode())
    card.write(record)
    return record, text
