"""Folders of images: as many as asked for, each of noise of its own."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from tests.data.inputs.pictures import noise


def tree(folder: Path, names: Iterable[str], content: bytes | None = None, seed: int = 0) -> Path:
    """Files at these paths below the folder: pictures of noise, each of its own, or all of one content."""
    for number, name in enumerate(names):
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(noise(seed + number) if content is None else content)
    return folder


def numbered(pattern: str, count: int) -> list[str]:
    """Names such as ``cat/0.png``, ``cat/1.png`` from ``cat/*.png``."""
    return [pattern.replace("*", str(number)) for number in range(count)]
