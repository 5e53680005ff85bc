"""Folders of classes: ``CLASS/*``, or ``train/CLASS/*`` beside ``val/CLASS/*``, ``test/CLASS/*`` or both.

All that lies below a class folder belongs to the class, however deep. A name such as ``train`` is a part where it holds
folders of images, and a class where it holds images. What could be read in two ways is refused with a question.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from pathlib import Path

from dna_deploy.data.file_names import (
    IMAGE_ENDINGS,
    SIGNATURE_BYTES,
    SplitName,
    begins_as_image,
    class_name,
    ending_of,
    part_of,
    readable,
)
from dna_deploy.data.file_tree import LeftOut, Tree, TreeFile, enumerated
from dna_deploy.data.listing import GROUPS_FILE, Listing, Sample, read_groups
from dna_deploy.errors import UsageError

LAYOUT = "the layout is train/CLASS/*.jpg and val/CLASS/*.jpg, or CLASS/*.jpg"

_TEXTS = frozenset({".txt", ".xml", ".json", ".csv", ".md", ".html", ".yaml", ".yml", ".npy", ".npz", ".mat", ".pkl", ".py"})
"""Endings that are common beside images and are not worth a look inside."""

UNLABELLED = "unlabelled"
"""The class of images that have none."""

ClassFolders = Mapping[str, list[TreeFile]]


def list_folder(tree: Tree, left_out: LeftOut, *, needs_classes: bool = True) -> Listing:
    """The images below a folder by part and class; where no class is needed, also those in no folder of a class.

    Raises:
        UsageError: there are no images, too few classes, or more than one way to read it.
    """
    root, folders = tree.root, _by_first_name(_images(tree, left_out))
    if not needs_classes and (unlabelled := _without_classes(root, folders)):
        return Listing(root, (UNLABELLED,), unlabelled, left_out, (), read_groups(root))
    left_out.add("images in no class folder", *(file.name for file in folders.pop("", [])))
    parts = _parts(root, folders, left_out)
    if parts is None:
        parts, level = {"train": [file for files in folders.values() for file in files]}, 0
        _check_not_turned_round(root, parts["train"])
    else:
        level = 1
        left_out.add("folders without images", *(name for name in tree.folders if "/" not in name and name not in folders))
    labelled = {part: _in_classes(root, files, level, left_out) for part, files in parts.items()}
    classes = _classes(tree, parts["train"], labelled["train"], level, left_out)
    deep = [file.name for files in parts.values() for file in files if file.name.count("/") > level + 1]
    notices = (f"images in folders below their class: {enumerated(deep)}",) if deep else ()
    return Listing(root, classes, labelled, left_out, notices, read_groups(root))


def _without_classes(root: Path, folders: ClassFolders) -> dict[SplitName, list[Sample]]:
    """Images that are all in one folder, or in folders that are parts; nothing where there are folders of classes."""
    is_deep = any(file.name.count("/") > 1 for files in folders.values() for file in files)
    parts = {part_of(name): files for name, files in folders.items()}
    if len(folders) == 1 and not is_deep:
        named: dict[SplitName, list[TreeFile]] = {"train": next(iter(folders.values()))}
    elif is_deep or len(parts) < len(folders) or "train" not in parts or None in parts:
        return {}
    else:
        named = {part: files for part, files in parts.items() if part is not None}
    return {
        part: [Sample(str(root), file.name, file.stamp, UNLABELLED, file.name) for file in files]
        for part, files in named.items()
    }


def _images(tree: Tree, left_out: LeftOut) -> list[TreeFile]:
    """Files that are images by their ending; where they have none, by how they begin."""
    images: list[TreeFile] = []
    unknown: list[TreeFile] = []
    for file in tree.files:
        ending = ending_of(file.name)
        if ending in IMAGE_ENDINGS:
            images.append(file)
        elif file.name == GROUPS_FILE:
            continue
        elif ending in _TEXTS or not _begins_as_image(tree.root, file):
            left_out.add("files that are no images", file.name)
        else:
            (unknown if ending else images).append(file)
    if len(unknown) > len(images):
        raise UsageError(
            f"{readable(str(tree.root))} holds more images with unknown endings than with known ones: "
            f"{enumerated([file.name for file in unknown])}",
            f"give them endings such as {', '.join(sorted(IMAGE_ENDINGS)[:6])}, or move them away",
        )
    for file in unknown:
        left_out.add(f"images with the unknown ending {ending_of(file.name)}", file.name)
    return images


def _begins_as_image(root: Path, file: TreeFile) -> bool:
    try:
        with (root / file.name).open("rb") as content:
            return begins_as_image(content.read(SIGNATURE_BYTES))
    except OSError:
        return False


def _by_first_name(files: Iterable[TreeFile]) -> dict[str, list[TreeFile]]:
    """Files by the folder that they lie in, as seen from the root; those in the root itself under no name."""
    folders: dict[str, list[TreeFile]] = defaultdict(list)
    for file in files:
        first, slash, _ = file.name.partition("/")
        folders[first if slash else ""].append(file)
    return dict(folders)


def _parts(root: Path, folders: ClassFolders, left_out: LeftOut) -> dict[SplitName, list[TreeFile]] | None:
    """The parts where folders are parts, None where they are classes."""
    named = {name: part for name in folders if (part := part_of(name)) is not None}
    nested = [name for name in named if any(file.name.count("/") > 1 for file in folders[name])]
    shown = readable(str(root))
    if not nested:
        if folders and len(named) == len(folders):
            raise UsageError(f"{shown}/{readable(next(iter(named)))} holds images, but no class folders", LAYOUT)
        return None
    if others := [name for name in folders if name not in named]:
        raise UsageError(
            f"in {shown}, {readable(nested[0])} looks like a part, and {readable(others[0])} beside it like a class",
            f"{LAYOUT}; rename or move one of them",
        )
    counts = Counter(named[name] for name in nested)
    if twice := [name for name in nested if counts[named[name]] > 1]:
        raise UsageError(f"{shown} has two folders for one part: {', '.join(map(readable, twice))}", "keep one of them")
    if "train" not in counts:
        raise UsageError(f"{shown} has {', '.join(map(readable, nested))}, but nothing to train on", LAYOUT)
    for name in named:
        if name not in nested:
            left_out.add("images of a part without class folders", *(file.name for file in folders[name]))
    return {named[name]: folders[name] for name in nested}


def _check_not_turned_round(root: Path, files: Iterable[TreeFile]) -> None:
    for file in files:
        _, inner, *rest = file.name.split("/")
        if rest and part_of(inner) is not None and inner.isalpha():
            place = readable(f"{root}/{file.name.rpartition('/')[0]}")
            raise UsageError(f"{place} looks like a part inside of a class", LAYOUT)


def _in_classes(root: Path, files: Iterable[TreeFile], level: int, left_out: LeftOut) -> list[Sample]:
    """The images of a part; ``level`` says which folder of the path is the class."""
    samples, names, below = [], dict[str, str](), str(root)
    for file in files:
        path = file.name.split("/", level + 1)
        if len(path) < level + 2:
            left_out.add("images in no class folder", file.name)
            continue
        folder = path[level]
        label = names.get(folder)
        if label is None:
            label = names[folder] = class_name(folder)
        samples.append(Sample(below, file.name, file.stamp, label, file.name))
    if len(set(names.values())) < len(names):
        spelled = sorted(map(ascii, names))
        raise UsageError(f"{readable(below)} has two folders of one name, differently encoded: {', '.join(spelled)}")
    return samples


def _classes(
    tree: Tree, files: Iterable[TreeFile], samples: Iterable[Sample], level: int, left_out: LeftOut
) -> tuple[str, ...]:
    classes = tuple(dict.fromkeys(sample.label for sample in samples))
    first = next(iter(files), None)
    place = tree.root / first.name.split("/")[0] if level and first else tree.root
    prefix = f"{place.relative_to(tree.root)}/" if level else ""
    inside = [name[len(prefix) :] for name in tree.folders if name.startswith(prefix)]
    folders = [name for name in inside if "/" not in name]
    if empty := [name for name in folders if class_name(name) not in classes]:
        raise UsageError(
            f"{readable(str(place / empty[0]))} holds no images",
            f"fill it or move it away; known endings: {', '.join(sorted(IMAGE_ENDINGS))}",
        )
    if len(classes) < 2:
        within = [name for name in inside if name.count("/") == 1]
        hint = (
            f"is the data set in {readable(str(place / folders[0]))}?"
            if len(within) > 1
            else "; ".join((LAYOUT, *left_out.lines()))
        )
        raise UsageError(f"{readable(str(place))} has {len(classes)} folders of images; at least two classes are needed", hint)
    return classes
