"""A folder of classes or of shards as a data set: surveyed, every image checked, pixels decoded when they are used."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np
from PIL import ImageColor

from dna_deploy.data.config import Reading
from dna_deploy.data.encoded_images import EncodedImages
from dna_deploy.data.file_names import readable
from dna_deploy.data.image_facts import FLOATS, INTEGERS, TRANSPARENT, image_facts
from dna_deploy.data.image_memory import ImageFacts
from dna_deploy.data.image_remarks import broken_images, remarks_on
from dna_deploy.data.image_set import IMAGENET_NORMALISATION, Dataset, Normalisation
from dna_deploy.data.listing import Sample
from dna_deploy.data.rendering import NEGATIVE, Range, Rendering, full_range
from dna_deploy.data.strata import Integers, Strata
from dna_deploy.data.survey import Survey, collector_paused, survey
from dna_deploy.errors import UsageError
from dna_deploy.progress import OnProgress, silent
from dna_deploy.records.files import digest_of
from dna_deploy.records.preprocessing import Shown
from dna_deploy.spaces.shapes import FeatureMap


@collector_paused()
def read_folder(
    folder: Path,
    shape: FeatureMap,
    reading: Reading | None = None,
    *,
    is_shards: bool | None = None,
    surveyed: Survey | None = None,
    on_progress: OnProgress = silent,
) -> Dataset:
    """The images in the class folders or shards below ``folder``, resized and centre-cropped to ``shape``.

    A file is read once to see what it holds, and for this again only when it was touched.

    Args:
        folder: of class folders or shards.
        shape: what networks take.
        reading: how files become pixels, and whether broken ones are left out.
        is_shards: None sees for itself.
        surveyed: What lies there, where somebody has looked already.
        on_progress: hears of the images that are checked.

    Raises:
        UsageError: no such folder, no two classes, more than one way to read it, or images that cannot be used.
    """
    reading = reading or Reading()
    colour = _colour(reading.background)
    named = surveyed or survey(folder, is_shards=is_shards, needs_classes=reading.needs_classes)
    facts = dict(
        zip(
            [sample.name for sample in named.samples],
            image_facts(folder, named.samples, reading.most_megapixels, on_progress),
            strict=True,
        )
    )
    unusual = {name: fact for name, fact in facts.items() if fact.remarks or fact.problem}
    broken = {name: unusual.pop(name).problem for name, fact in [*unusual.items()] if fact.problem}
    if broken and not reading.skip_broken:
        raise broken_images(folder, broken, len(facts))
    for name in broken:
        del facts[name]
    sound = named.without(broken.keys()) if broken else named
    sound.check_parts()
    rendering = Rendering(colour, _range(unusual, INTEGERS), _range(unusual, FLOATS))
    images = partial(_images, sound, shape=shape, rendering=rendering, most_megapixels=reading.most_megapixels)
    training = images(samples=(*sound.training, *sound.validation))
    remarks = {remark for fact in unusual.values() for remark in fact.remarks}
    shown = rendering if TRANSPARENT in remarks else replace(rendering, background=(0, 0, 0))
    return Dataset(
        name=readable(folder.resolve().name),
        digest=_digest(sound, facts, f"2 {shape} {shown} {sound.listing.classes}{' negative' * (NEGATIVE in remarks)}"),
        shape=shape,
        classes=sound.listing.classes,
        normalisation=usual_normalisation(shape),
        training=training,
        test=images(samples=sound.test),
        strata=Strata(training.classes, _groups(sound), len(sound.validation)),
        notices=(*sound.notices, *remarks_on(sound, facts, unusual, rendering, reading, broken)),
        skipped=len(broken),
        shown=Shown(background=rendering.background, integers=rendering.integers, floats=rendering.floats),
    )


def _colour(name: str) -> tuple[int, int, int]:
    try:
        red, green, blue, *_ = ImageColor.getrgb(name)
    except ValueError:
        raise UsageError(f"there is no colour {name!r}", "name one such as black, or write #rrggbb") from None
    return red, green, blue


def usual_normalisation(shape: FeatureMap) -> Normalisation:
    """What images of unknown origin are normalised by: ImageNet's constants for colour."""
    return IMAGENET_NORMALISATION if shape.channels == 3 else Normalisation((0.5,) * shape.channels, (0.25,) * shape.channels)


def _groups(sound: Survey) -> Integers:
    """The number of the group of each training image, those of a validation part last; one without a group is its own."""
    group_of, numbers = sound.listing.groups.get, dict[str, int]()
    if not sound.listing.groups:
        return np.arange(len(sound.training) + len(sound.validation))
    pool = (*sound.training, *sound.validation)
    return np.array([numbers.setdefault(group_of(sample.name, sample.name), len(numbers)) for sample in pool], np.int64)


def _images(
    sound: Survey, samples: Sequence[Sample], shape: FeatureMap, rendering: Rendering, most_megapixels: float
) -> EncodedImages:
    numbers = {label: number for number, label in enumerate(sound.listing.classes)}
    classes = np.array([numbers[sample.label] for sample in samples], np.int64)
    return EncodedImages(samples, classes, shape, rendering, most_megapixels)


def _range(facts: Mapping[str, ImageFacts], kind: str) -> Range | None:
    """Black and white of the deep images of one kind; None where there are none."""
    deep = [fact for fact in facts.values() if kind in fact.remarks]
    if not deep:
        return None
    lowest, highest = min(fact.lowest for fact in deep), max(fact.highest for fact in deep)
    return full_range(lowest, highest, is_float=kind == FLOATS)


def _digest(sound: Survey, facts: Mapping[str, ImageFacts], beginning: str) -> str:
    """Names what pixels and labels follow from, and nothing else: bytes, parts, classes, and how they are shown."""
    lines = [beginning]
    for part, samples in (("train", sound.training), ("validation", sound.validation), ("test", sound.test)):
        lines += [f"{part} {sample.label} {facts[sample.name].digest}" for sample in samples]
    lines += [f"group {name} {group}" for name, group in sorted(sound.listing.groups.items()) if name in facts]
    return digest_of("\n".join(lines).encode("utf-8", "surrogateescape"))
