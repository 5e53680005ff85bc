"""What is true of every image file: its digest, whether it can be read, what is unusual. Found once, then remembered."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path

from PIL import UnidentifiedImageError

from dna_deploy.data.decoding import UNREADABLE, opened, reason
from dna_deploy.data.file_tree import NOWHERE
from dna_deploy.data.image_memory import ImageFacts, ImageMemory, memory_file
from dna_deploy.data.listing import Sample
from dna_deploy.data.rendering import DIM, NEGATIVE, Rendering, as_mode, deep_values, is_deep, is_transparent, turn_of
from dna_deploy.progress import OnProgress, Progress, silent
from dna_deploy.targets.machine import usable_processors
from dna_deploy.texts import LOOKED_AT, mistaken

TURNED, TRANSPARENT, INTEGERS, FLOATS, PLAIN, SEVERAL = "turned", "transparent", "integers", "floats", "plain", "several"
"""Remarks: an orientation other than upright, transparency, deep values, one that shows (nearly) nothing, many frames."""

_CHUNK = 1024
_DIGEST_DIGITS = 32
_SAVE_SECONDS = 20
_PLAIN_SPAN, _NEARLY_BLACK, _NEARLY_WHITE = 2, 8, 247


def image_facts(
    root: Path, samples: Sequence[Sample], most_megapixels: float, on_progress: OnProgress = silent
) -> list[ImageFacts]:
    """The facts of all images, in their order; those that were not touched since they were read are not read again."""
    memory = ImageMemory(memory_file(root, f"{most_megapixels:g}").with_suffix(".npz"))  # by the limit: others are too large
    facts = memory.recall(samples)
    unread = [index for index, fact in enumerate(facts) if fact is None]
    saved = time.monotonic()
    with ThreadPoolExecutor(len(usable_processors())) as pool:
        for start in range(0, len(unread), _CHUNK):
            chunk = unread[start : start + _CHUNK]
            for index, fact in zip(chunk, pool.map(partial(_read, samples, most_megapixels), chunk), strict=True):
                facts[index] = fact
            on_progress(Progress("checking images", start + len(chunk), len(unread)))
            if time.monotonic() - saved > _SAVE_SECONDS or start + len(chunk) == len(unread):
                memory.save(samples, facts)
                saved = time.monotonic()
    return [fact for fact in facts if fact is not None]


def _read(samples: Sequence[Sample], most_megapixels: float, index: int) -> ImageFacts:
    sample = samples[index]
    if sample.stamp == NOWHERE:
        return ImageFacts("", "is a link that leads nowhere", is_lasting=False)
    try:
        content = sample.read_bytes()
    except OSError as error:
        return ImageFacts("", f"cannot be read ({error.strerror or error})", is_lasting=False)
    digest = hashlib.sha256(content).hexdigest()[:_DIGEST_DIGITS]
    try:
        with opened(content, most_megapixels, is_reduced=True) as image:
            remarks = [TURNED] * (turn_of(image) != 1) + [TRANSPARENT] * is_transparent(image) + [DIM] * (DIM in image.info)
            lowest = highest = 0.0
            if is_deep(image):
                values = deep_values(image)
                lowest, highest = float(values.min()), float(values.max())
                remarks += [FLOATS if image.mode == "F" else INTEGERS] + [NEGATIVE] * (NEGATIVE in image.info)
            low, high = as_mode(image, "L", Rendering()).getextrema()
            if image.format != "MPO" and getattr(image, "is_animated", False):  # those hold one picture, and previews of it
                remarks.append(SEVERAL)
    except UNREADABLE as error:
        if isinstance(error, UnidentifiedImageError) and (kind := mistaken(content[:LOOKED_AT])):
            return ImageFacts(digest, kind[0])
        return ImageFacts(digest, reason(error), is_lasting=not isinstance(error, MemoryError))
    if high - low <= _PLAIN_SPAN or high <= _NEARLY_BLACK or low >= _NEARLY_WHITE:  # type: ignore[operator]
        remarks.append(PLAIN)
    return ImageFacts(digest, "", tuple(remarks), lowest, highest)
