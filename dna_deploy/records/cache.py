"""Where what can be made again is kept between runs: this user's cache, or a temporary folder where that cannot be written."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path


def cache_folder(kind: str) -> Path:
    """A folder for one kind of files that exists and can be written: in ``XDG_CACHE_HOME``, ``~/.cache``, or a temporary one."""
    for base in _bases():
        folder = base / "dna-deploy" / kind
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except OSError:
            continue
        if os.access(folder, os.W_OK | os.X_OK):
            return folder
    return Path(tempfile.mkdtemp(prefix=f"dna-deploy-{kind}-"))


def _bases() -> list[Path]:
    """Candidates, the usual first. A user without a name or a home has no cache."""
    bases = [Path(base) for base in (os.environ.get("XDG_CACHE_HOME", ""),) if base]
    try:
        bases.append(Path.home() / ".cache")
    except RuntimeError:
        pass
    return [*bases, Path(tempfile.gettempdir()) / f"cache-of-{os.getuid() if hasattr(os, 'getuid') else 'user'}"]
