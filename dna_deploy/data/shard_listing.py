"""WebDataset shards: tar archives in which ``KEY.jpg`` and ``KEY.cls`` are an image and the number of its class.

The archives are indexed once, which is remembered, and then read at any place, so that the fixed splits hold for them as
for folders of classes; streaming, which the package ``webdataset`` does, could not hold out the same images for good. A
shard belongs to the part that its name or its folder speaks of (``val-0000.tar``, ``valid.tar``, ``test/7.tar``).
``classes.txt``, a name a line, names the classes; without it their numbers do.
"""

from __future__ import annotations

import tarfile
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path

from dna_deploy.data.file_names import IMAGE_ENDINGS, SplitName, class_name, ending_of, is_leftover, part_of, readable
from dna_deploy.data.file_tree import LEFTOVER, LeftOut, Tree, TreeFile, enumerated
from dna_deploy.data.listing import CLASSES_FILE, GROUPS_FILE, Listing, Sample, read_groups, read_lines
from dna_deploy.data.shard_memory import ShardIndex, ShardMemory
from dna_deploy.errors import UsageError

LAYOUT = "the layout is train-0000.tar, val-0000.tar, ... with KEY.jpg and KEY.cls in them"
SHARD_ENDING = ".tar"
_LABEL = "cls"
_BESIDE = frozenset({"json", "txt"})
"""Members that the package commonly writes beside images."""


def list_shards(tree: Tree, left_out: LeftOut) -> Listing:
    """The images in the shards of a folder by part and class.

    Raises:
        UsageError: shards that are damaged or belong to no part, images without a class, or too few classes.
    """
    shards = _by_part(tree, left_out)
    memory = ShardMemory(tree.root)
    numbered = {
        part: [s for file in files for s in _index(tree.root, file, memory, left_out)] for part, files in shards.items()
    }
    memory.save()
    numbers = {int(sample.label) for samples in numbered.values() for sample in samples}
    names, notices = _names(tree.root, numbers)
    labels = {number: names[number] for number in sorted({int(sample.label) for sample in numbered["train"]})}
    if not labels:
        test = sum(len(samples) for part, samples in numbered.items() if part != "train")
        raise UsageError(f"the shards of {readable(str(tree.root))} hold 0 training and {test} test images", LAYOUT)
    if len(labels) < 2:
        raise UsageError(f"the training shards of {tree.root} hold {len(labels)} classes; at least two are needed", LAYOUT)
    parts = {
        part: [sample._replace(label=names[int(sample.label)]) for sample in samples] for part, samples in numbered.items()
    }
    return Listing(tree.root, tuple(labels.values()), parts, left_out, notices, read_groups(tree.root))


def _by_part(tree: Tree, left_out: LeftOut) -> dict[SplitName, list[TreeFile]]:
    shards = [file for file in tree.files if ending_of(file.name) == SHARD_ENDING]
    used = {CLASSES_FILE, GROUPS_FILE, *(file.name for file in shards)}
    others = [file.name for file in tree.files if file.name not in used]
    if packed := [name for name in others if SHARD_ENDING + "." in name.lower() or name.lower().endswith(".tgz")]:
        raise UsageError(f"{readable(str(tree.root / packed[0]))} is compressed", "shards are plain tar files: unpack it")
    if not shards:
        raise UsageError(f"there are no shards (*.tar) in {readable(str(tree.root))}", LAYOUT)
    left_out.add("files beside shards", *others)
    parts: dict[SplitName | None, list[TreeFile]] = defaultdict(list)
    for file in shards:
        folder, _, name = file.name.rpartition("/")
        parts[part_of(name) or part_of(folder)].append(file)
    unnamed = parts.pop(None, [])
    if unnamed and "train" in parts:
        named, nameless = parts["train"][0].name, unnamed[0].name
        raise UsageError(f"{tree.root} has {readable(named)} for training; what is {readable(nameless)} for?", LAYOUT)
    return {"train": unnamed, **{part: files for part, files in parts.items() if part}}


def _index(root: Path, shard: TreeFile, memory: ShardMemory, left_out: LeftOut) -> list[Sample]:
    """The images of one archive under the numbers of their classes, read or remembered."""
    index = memory.recall(shard)
    if index is None:
        own = LeftOut()
        index = ShardIndex(_samples(root, shard, own), own.names)
    memory.keep(shard, index)
    for reason, names in index.left_out.items():
        left_out.add(reason, *names)
    return index.samples


def _samples(root: Path, shard: TreeFile, left_out: LeftOut) -> list[Sample]:
    """The images of one archive, in their order, under the numbers of their classes."""
    images: dict[str, Sample] = {}
    labels: dict[str, Sample] = {}
    for member in _members(root, shard, left_out):
        folder, _, base = member.member.rpartition("/")
        stem, _, ending = base.partition(".")  # a key ends at the first dot, as in the package
        key = f"{folder}/{stem}"
        if ending.lower() == _LABEL:
            labels[key] = member
        elif f".{ending.lower()}" in IMAGE_ENDINGS and key not in images:
            images[key] = member
        elif ending_of(base) in IMAGE_ENDINGS:
            left_out.add("further images of a sample", member.name)
        elif ending.lower() not in _BESIDE:
            left_out.add("files that are no images", member.name)
    left_out.add("classes of samples without an image", *(label.name for key, label in labels.items() if key not in images))
    for key, image in images.items():
        if key not in labels:
            raise UsageError(f"{image} has no class: there is no {readable(key.strip('/'))}.{_LABEL} beside it", LAYOUT)
    return [image._replace(label=str(_number(labels[key]))) for key, image in images.items()]


def _members(root: Path, shard: TreeFile, left_out: LeftOut) -> list[Sample]:
    path, below, members = root / shard.name, str(root), []
    shown = readable(str(path))
    try:
        with tarfile.open(path, "r:") as archive:
            for member in archive:
                if any(is_leftover(part) for part in member.name.split("/") if part not in (".", "..")):
                    left_out.add(LEFTOVER, f"{shard.name}:{member.name}")
                elif member.isfile():
                    place = (f"{shard.name}:{member.name}", member.name, member.offset_data, member.size)
                    members.append(Sample(below, shard.name, shard.stamp, "", *place))
                elif not member.isdir():
                    left_out.add("links and other members that are no files", f"{shard.name}:{member.name}")
            end = archive.offset
    except (OSError, tarfile.TarError) as error:
        raise UsageError(f"{shown} is no tar archive: {error}", "shards are plain tar files, not compressed") from error
    if members and members[-1].offset + members[-1].size > shard.stamp[0]:
        raise UsageError(f"{shown} is truncated in {readable(members[-1].member)}", "copy it again")
    with path.open("rb") as file:  # where a header is damaged, tarfile takes it for the end
        file.seek(end)
        rest = file.read(tarfile.BLOCKSIZE)
    if rest.strip(b"\0"):
        raise UsageError(f"{shown} is damaged at byte {end:,}: what follows cannot be read", "copy it again")
    if not rest:
        left_out.add("what may have followed in archives that stop without an end", shard.name)
    return members


def _number(member: Sample) -> int:
    text = member.read_bytes().decode(errors="replace").strip()
    if not (text.isascii() and text.isdecimal() and len(text) < 10):
        raise UsageError(f"{member} holds {text[:20]!r}, not the number of a class", LAYOUT)
    return int(text)


def _names(root: Path, numbers: set[int]) -> tuple[dict[int, str], tuple[str, ...]]:
    """The name of every class, and what has to be said about them."""
    path = root / CLASSES_FILE
    if not path.exists():
        return {number: str(number) for number in numbers}, ()
    names: Sequence[str] = [class_name(line.strip()) for line in read_lines(path) if line.strip()]
    if len(set(names)) < len(names):
        twice = next(name for name in names if names.count(name) > 1)
        raise UsageError(f"{path} names the class {twice!r} twice", "give every class a name of its own")
    first = 1 if max(numbers, default=0) == len(names) and 0 not in numbers else 0
    if max(numbers, default=0) >= len(names) + first:
        raise UsageError(f"{path} names {len(names)} classes; there are labels up to {max(numbers)}", "name all of them")
    notices = [f"labels begin at 1: they count the lines of {CLASSES_FILE}"] if first else []
    if unused := [name for number, name in enumerate(names, first) if number not in numbers]:
        notices.append(f"classes of {CLASSES_FILE} without images: {enumerated(unused)}")
    return {number: names[number - first] for number in numbers}, tuple(notices)
