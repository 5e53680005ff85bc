"""What is said about the images of a folder once they were checked: what cannot be used, what is unusual, what is doubtful."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Collection, Mapping
from pathlib import Path

from dna_deploy.data.config import Reading
from dna_deploy.data.decoding import READS_HEIC
from dna_deploy.data.file_names import ending_of, readable
from dna_deploy.data.file_tree import enumerated
from dna_deploy.data.image_facts import FLOATS, INTEGERS, PLAIN, SEVERAL, TRANSPARENT, TURNED
from dna_deploy.data.image_memory import ImageFacts
from dna_deploy.data.rendering import DIM, NEGATIVE, Rendering
from dna_deploy.data.survey import Survey
from dna_deploy.errors import UsageError
from dna_deploy.records.cache import cache_folder, cache_notice
from dna_deploy.records.files import write_atomically

_LISTED = 10
"""Broken images that an error names; a file names all of them."""


def broken_images(folder: Path, problems: Mapping[str, str], images: int) -> UsageError:
    """The error that lists every image that cannot be used."""
    shown = readable(str(folder))
    lines = [f"{readable(name)} {problem}" for name, problem in problems.items()]
    text = "; ".join(lines[:_LISTED])
    if len(lines) > _LISTED:
        name = hashlib.sha256(shown.encode()).hexdigest()[:12]
        path = cache_folder("images") / f"{name}-broken.txt"
        write_atomically(path, "\n".join(lines).encode())
        text += f"; and {len(lines) - _LISTED:,} more, all listed in {path}"
    hint = "repair or remove the files, or leave them out with --skip-broken"
    if any("the limit" in problem for problem in problems.values()):
        hint += "; larger images are read with --most-megapixels"
    if any("Git LFS" in problem for problem in problems.values()):
        hint += "; files of Git LFS come with: git lfs pull"
    if not READS_HEIC and any(ending_of(name) in (".heic", ".heif", ".hif") for name in problems):
        hint += "; HEIC is read with: pip install pillow-heif"
    return UsageError(f"{len(lines):,} of {images:,} images in {shown} cannot be used: {text}", hint)


def remarks_on(
    survey: Survey,
    facts: Mapping[str, ImageFacts],
    unusual: Mapping[str, ImageFacts],
    rendering: Rendering,
    reading: Reading,
    broken: Mapping[str, str],
) -> tuple[str, ...]:
    """One line for each thing that a user would want to know, with how many images it concerns."""
    remarks = {
        TURNED: "images turned upright, as they say themselves (EXIF)",
        TRANSPARENT: f"transparent images, shown before {reading.background}",
        INTEGERS: f"images deeper than 8 bits, {_span(rendering.integers)}",
        FLOATS: f"images of fractions, {_span(rendering.floats)}",
        NEGATIVE: "deep images whose lowest value is white",
        SEVERAL: "images of several frames or pages, of which the first is shown",
        DIM: "doubt: colour images of 16 bits a channel that use 14 at most, and so are dark; store 8 bits a channel",
        PLAIN: "doubt: images that are nearly black, white or of one colour throughout",
    }
    lines = [_line(text, [name for name, fact in unusual.items() if kind in fact.remarks]) for kind, text in remarks.items()]
    lines.append(_line("doubt: test images that are among the training images as well", _repeated(survey, facts)))
    lines.append(_line("doubt: equal images in several classes", _contradictory(survey, facts)))
    lines.append(_line("doubt: groups that lie in several parts", _torn_groups(survey)))
    lines.append(_line("left out images that cannot be read", broken))
    lines.append(cache_notice("images"))
    return tuple(filter(None, lines))


def _line(text: str, names: Collection[str]) -> str:
    return f"{text}: {enumerated(list(names))}" if names else ""


def _span(ends: tuple[float, float] | None) -> str:
    return "" if ends is None else f"from {ends[0]:g} (black) to {ends[1]:g} (white)"


def _repeated(survey: Survey, facts: Mapping[str, ImageFacts]) -> list[str]:
    trained_on = {facts[sample.name].digest for sample in (*survey.training, *survey.validation)}
    return [sample.name for sample in survey.test if facts[sample.name].digest in trained_on]


def _contradictory(survey: Survey, facts: Mapping[str, ImageFacts]) -> list[str]:
    labels = dict[str, set[str]]()
    for sample in survey.samples:
        labels.setdefault(facts[sample.name].digest, set()).add(sample.label)
    return [sample.name for sample in survey.samples if len(labels[facts[sample.name].digest]) > 1]


def _torn_groups(survey: Survey) -> list[str]:
    if not survey.listing.groups:
        return []
    group_of: Callable[[str], str | None] = survey.listing.groups.get
    parts = [{group_of(sample.name) for sample in part} for part in (survey.training, survey.validation, survey.test)]
    torn = {group for index, part in enumerate(parts) for other in parts[index + 1 :] for group in part & other}
    return sorted(group for group in torn if group is not None)
