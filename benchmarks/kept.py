"""Results that a kill cannot take back: each finished piece of a long benchmark is one small file, and is not made again."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from dna_deploy.records.files import write_atomically


def kept(path: Path, make: Callable[[], dict[str, Any]]) -> dict[str, Any]:
    """What ``make`` gave when it was called first, in this process or an earlier one."""
    if not path.exists():
        write_atomically(path, (json.dumps(make(), indent=1) + "\n").encode())
    found: dict[str, Any] = json.loads(path.read_text())
    return found
