"""Spaces in files: somebody's own model taken apart, or a space that was made smaller."""

from __future__ import annotations

import json
from contextlib import suppress
from pathlib import Path

from dna_deploy.errors import TableError, UsageError
from dna_deploy.records.cache import cache_folder, cache_places
from dna_deploy.records.changed_space import ChangedSpace, EnsembleSpace, GrownSpace, ShrunkSpace
from dna_deploy.records.files import read_bytes
from dna_deploy.records.own_space import OwnSpace
from dna_deploy.spaces.catalog import SUFFIX
from dna_deploy.spaces.chain import ChainSpace


def find_space_file(name: str) -> ChainSpace:
    """The space in a file; or of a name such as ``own-0123456789ab`` whose file is here or was written on this machine.

    Raises:
        UsageError: there is no such file.
        TableError: it is damaged, or of another kind.
    """
    here = Path(name if name.endswith(SUFFIX) else f"{name}{SUFFIX}")
    places = [here] if name.endswith(SUFFIX) else [here, *(folder / here for folder in cache_places("spaces"))]
    path = next((path for path in places if path.is_file()), None)
    if path is None and name.endswith(SUFFIX):
        raise TableError(f"cannot read the space {name}: there is no such file")
    if path is None:
        raise UsageError(f"the space {name!r} is not here", f"copy {here} into this folder from where it was made")
    record = _read(path)
    if name.endswith(SUFFIX):
        record.write(cache_folder("spaces") / f"{record.name}{SUFFIX}")
    return record.chain


def _read(path: Path) -> OwnSpace | ChangedSpace:
    content = read_bytes(path, "space")
    kinds = {kind.KIND: kind for kind in (ShrunkSpace, GrownSpace, EnsembleSpace)}
    with suppress(ValueError, AttributeError, TypeError):  # what is no JSON object is refused by whoever reads it
        if kind := kinds.get(json.loads(content).get("kind")):
            return kind.parse(content, str(path))
    return OwnSpace.parse(content, str(path))
