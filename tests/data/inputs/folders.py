"""Folders of images: as many as asked for, each of noise of its own."""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path

import numpy as np
from PIL import Image

from tests.data.inputs.pictures import noise


def class_folders(folder: Path, *classes: str, images: int = 12) -> Path:
    """Images of 40x50 in a folder a class; folders of several calls hold the same pictures."""
    rng = np.random.default_rng(0)
    for name in classes:
        (folder / name).mkdir(parents=True)
        for number in range(images):
            Image.fromarray(rng.integers(0, 256, (40, 50, 3), np.uint8)).save(folder / name / f"{number}.png")
    return folder


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


def aged(folder: Path) -> Path:
    """The folder with all its files changed for the last time an hour ago, as far as that can be set."""
    for path in folder.rglob("*"):
        state = path.stat()
        os.utime(path, ns=(state.st_atime_ns, state.st_mtime_ns - 3600 * 10**9))
    return folder
