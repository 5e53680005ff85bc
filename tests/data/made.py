"""Images that tests make for themselves."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from PIL import Image


def class_folders(folder: Path, *classes: str, images: int = 12) -> Path:
    rng = np.random.default_rng(0)
    for name in classes:
        (folder / name).mkdir(parents=True)
        for number in range(images):
            Image.fromarray(rng.integers(0, 256, (40, 50, 3), np.uint8)).save(folder / name / f"{number}.png")
    return folder
