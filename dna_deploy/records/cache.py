"""Where what can be made again is kept between runs: this user's cache, or a temporary folder where that cannot be written."""

from __future__ import annotations

import os
import tempfile
from contextlib import suppress
from pathlib import Path


def cache_places(kind: str) -> list[Path]:
    """Where files of one kind may lie, the usual place first. A user without a name and a home has no place of their own."""
    bases = [Path(base) for base in (os.environ.get("XDG_CACHE_HOME"),) if base]
    with suppress(RuntimeError):
        bases.append(Path.home() / ".cache")
    user = os.getuid() if hasattr(os, "getuid") else "user"
    return [base / "dna-deploy" / kind for base in (*bases, Path(tempfile.gettempdir()) / f"cache-of-{user}")]


def cache_folder(kind: str) -> Path:
    """A folder for files of one kind, which exists and can be written: the usual one, or one that is temporary."""
    for folder in cache_places(kind):
        with suppress(OSError):
            folder.mkdir(parents=True, exist_ok=True)
            if os.access(folder, os.W_OK | os.X_OK):
                return folder
    return Path(tempfile.mkdtemp(prefix=f"dna-deploy-{kind}-"))


def cache_notice(kind: str) -> str:
    """What is said where files of one kind cannot be kept in the usual place; else nothing."""
    folder, (usual, *_) = cache_folder(kind), cache_places(kind)
    return "" if folder == usual else f"{usual} cannot be written: what is remembered lies in {folder}"
