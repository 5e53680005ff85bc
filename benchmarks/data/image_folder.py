"""How long it takes to read a folder of images the first time, and again: one line a reading.

python -m benchmarks.data.image_folder [images, by default 100,000]
"""

from __future__ import annotations

import os
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
from PIL import Image

from dna_deploy.data.catalog import load_dataset
from dna_deploy.spaces.shapes import FeatureMap

CLASSES = 100


def main(images: int) -> None:
    """Makes the folder, and reads it three times."""
    with tempfile.TemporaryDirectory() as name:
        os.environ["XDG_CACHE_HOME"] = str(Path(name) / "cache")
        folder = Path(name) / "photos"
        rng = np.random.default_rng(0)
        for label in range(CLASSES):
            (folder / f"{label:03d}").mkdir(parents=True)
            for number in range(images // CLASSES):
                pixels = rng.integers(0, 256, (8, 8, 3), np.uint8)
                Image.fromarray(pixels).save(folder / f"{label:03d}" / f"{number:06d}.png", compress_level=0)
        time.sleep(2.5)  # younger files are not remembered
        for reading in ("first", "second", "third"):
            began, worked = time.perf_counter(), time.process_time()
            data = load_dataset(str(folder), None, FeatureMap(3, 32, 32))
            seconds, work = time.perf_counter() - began, time.process_time() - worked
            print(f"{reading} reading of {images:,} files: {seconds:.2f} s, {work:.2f} s of processors, {data.digest[:19]}")


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 100_000)
