"""A folder or shards read by one rule: which images train, which test, which classes there are, and what was left out.

Test images are those of the part ``test``, else those of ``val``, else every tenth image, with one at least of a class.
Where both parts are there, those of ``val`` validate. Classes are those of the training images.
"""

from __future__ import annotations

import gc
from collections import Counter
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path

from dna_deploy.data.file_names import IMAGE_ENDINGS, SplitName, ending_of, readable
from dna_deploy.data.file_tree import LeftOut, Tree, enumerated, read_tree
from dna_deploy.data.folder_listing import LAYOUT, list_folder
from dna_deploy.data.listing import GROUPS_FILE, Listing, Sample
from dna_deploy.data.shard_listing import SHARD_ENDING, list_shards
from dna_deploy.errors import UsageError
from dna_deploy.records.files import digest_of

TEST_SHARE = 10


@dataclass(frozen=True)
class Survey:
    """What a data set holds, by names alone: no image was opened. ``validation`` is empty where training images validate."""

    listing: Listing
    training: tuple[Sample, ...]
    validation: tuple[Sample, ...]
    test: tuple[Sample, ...]
    remarks: tuple[str, ...]
    """What was left out and why, and what is unusual about the files."""

    @property
    def notices(self) -> tuple[str, ...]:
        """The remarks, and which classes a part lacks."""
        present = {"test": {sample.label for sample in self.test}, "validation": {sample.label for sample in self.validation}}
        return (*self.remarks, *absent_classes(self.listing.classes, present))

    @property
    def samples(self) -> tuple[Sample, ...]:
        """All images that are used: training, validation, test."""
        return (*self.training, *self.validation, *self.test)

    @property
    def summary(self) -> str:
        """One line: classes, and how many images there are for what."""
        validating = f", {len(self.validation):,} to validate on" if self.validation else ""
        return (
            f"{readable(self.listing.root.resolve().name)}: {len(self.listing.classes):,} classes; images: "
            f"{len(self.training):,} to learn from{validating}, {len(self.test):,} to test on"
        )

    @cached_property
    def look(self) -> str:
        """Names the files as they look from outside: another look may mean other images, an equal one hardly does."""
        lines = [f"{sample.name} {sample.stamp[0]} {sample.stamp[1]} {sample.label}" for sample in self.samples]
        return digest_of("\n".join(lines).encode("utf-8", "surrogateescape"))

    def without(self, names: Collection[str]) -> Survey:
        """The same without some images; the others stay in their parts."""
        training, validation, test = (
            tuple(sample for sample in part if sample.name not in names) for part in (self.training, self.validation, self.test)
        )
        return replace(self, training=training, validation=validation, test=test)

    def check_parts(self) -> None:
        """Raises `UsageError` where a class has nothing to train on, or nothing is left to test on."""
        if missing := set(self.listing.classes) - {sample.label for sample in self.training}:
            raise UsageError(f"no image is left to train on for these classes: {enumerated(sorted(missing))}", LAYOUT)
        if not self.test:
            raise UsageError(f"{readable(str(self.listing.root))} leaves no test images: every class has one image", LAYOUT)

    def check_division(self) -> None:
        """Raises `UsageError` where every class has too few images to be trained, rated and validated."""
        few = 1 if self.validation else 2  # of a class: one to rate on and one to validate on are missing then
        if self.listing.groups or len(self.training) <= few * len(self.listing.classes):
            group_of = self.listing.groups.get
            homes = {group_of(sample.name, sample.name): sample.label for sample in self.training}
            if max(Counter(homes.values()).values()) <= few:
                raise UsageError(
                    f"the {len(self.training)} training images of {readable(str(self.listing.root))} leave none for rating",
                    "a class needs three images or groups to be trained, rated and validated",
                )


@contextmanager
def collector_paused() -> Iterator[None]:
    """Hundreds of thousands of small values that all stay would be looked at again and again: half of the time."""
    was_enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_enabled:
            gc.enable()


@collector_paused()
def survey(root: Path, *, is_shards: bool | None = None, needs_classes: bool = True) -> Survey:
    """Reads the names of all files below a folder of classes, or of shards; None sees for itself which of them it is.

    Raises:
        UsageError: there is no such folder, or what lies there cannot be read in one way.
    """
    left_out = LeftOut()
    tree = read_tree(root, left_out)
    if _has_shards(tree) if is_shards is None else is_shards:
        listing = list_shards(tree, left_out)
    else:
        listing = list_folder(tree, left_out, needs_classes=needs_classes)
    used = {part: _of_known_classes(listing, part) for part in listing.parts}
    training, validation, test = (used.get(part, []) for part in ("train", "validation", "test"))
    notices = list(listing.notices)
    spelled = Counter(label.casefold() for label in listing.classes)
    if alike := [label for label in listing.classes if spelled[label.casefold()] > 1]:
        notices.append(f"doubt: classes that differ in capitals alone: {enumerated(alike)}")
    if not test:
        validation, test = [], validation
    if not test:
        training, test = _every_tenth(training, listing)
        notices.append("every tenth image is a test image, and one at least of each class")
    names = {sample.name for samples in listing.parts.values() for sample in samples} if listing.groups else ()
    if nowhere := [name for name in listing.groups if name not in names]:
        notices.append(f"doubt: {GROUPS_FILE} names images that are not there: {enumerated(nowhere)}")
    parts = (tuple(training), tuple(validation), tuple(test))
    return Survey(listing, *parts, (*notices, *left_out.lines()))


def absent_classes(classes: Sequence[str], present: Mapping[str, Collection[str]]) -> Iterator[str]:
    """What is said where a part that has images has none of a class."""
    for part, labels in present.items():
        if labels and (absent := [label for label in classes if label not in labels]):
            yield f"classes without {part} images: {enumerated(absent)}"


def _has_shards(tree: Tree) -> bool:
    """Archives are shards, unless folders of images lie beside them."""
    if not any(file.name.lower().endswith(SHARD_ENDING) for file in tree.files):
        return False
    return not any("/" in file.name and ending_of(file.name) in IMAGE_ENDINGS for file in tree.files)


def _of_known_classes(listing: Listing, part: SplitName) -> list[Sample]:
    """The images of a part, without those of classes that have no training images."""
    samples = listing.parts[part]
    labels = sorted({sample.label for sample in samples} - set(listing.classes))
    if not labels:
        return [*samples]
    names = [sample.name for sample in samples if sample.label in labels]
    listing.left_out.add(f"{part} images of classes without training images ({enumerated(labels)})", *names)
    return [sample for sample in samples if sample.label not in labels]


def _every_tenth(samples: Sequence[Sample], listing: Listing) -> tuple[list[Sample], list[Sample]]:
    """Training and test images: each tenth image or group tests, and the last of every class that has none among them."""
    group_of = listing.groups.get
    homes = {group_of(sample.name, sample.name): sample.label for sample in samples}
    sizes = Counter(homes.values())
    place = {label: number for number, label in enumerate(listing.classes)}
    by_class = sorted(homes.items(), key=lambda home: place[home[1]])  # shards may deal classes out in turn
    for_test = {group: label for group, label in by_class[TEST_SHARE - 1 :: TEST_SHARE] if sizes[label] > 1}
    tested = set(for_test.values())
    last = {label: group for group, label in homes.items()}
    for_test.update({group: label for label, group in last.items() if label not in tested and sizes[label] > 1})
    parts: tuple[list[Sample], list[Sample]] = ([], [])
    for sample in samples:
        parts[group_of(sample.name, sample.name) in for_test].append(sample)
    return parts
