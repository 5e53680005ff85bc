"""What replacing units does to the answers: every candidate alone, and the depths of stages; read where it was found before."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from torch import nn

from dna_deploy.fit.candidates import SKIP, Candidates
from dna_deploy.fit.depth import Depth, rate_depths
from dna_deploy.fit.judging import Mean, Rated
from dna_deploy.learning.compute import Compute
from dna_deploy.pipeline.fit.spreading import rate_apart
from dna_deploy.pipeline.fit.wholes import Wholes
from dna_deploy.progress import OnProgress, silent
from dna_deploy.records.files import write_atomically


@dataclass(frozen=True)
class Ratings:
    """By path and code, and depths of stages."""

    rated: Mapping[str, Mapping[str, Rated]]
    depths: tuple[Depth, ...]

    @property
    def divergences(self) -> dict[str, dict[str, float]]:
        """What replacing one unit does to the answers."""
        return {path: {code: each.divergence.value for code, each in rated.items()} for path, rated in self.rated.items()}

    @property
    def errors(self) -> dict[str, dict[str, float]]:
        """How far units are off by themselves."""
        return {path: {code: each.error.value for code, each in rated.items()} for path, rated in self.rated.items()}

    @property
    def skippable(self) -> tuple[str, ...]:
        """Units that may be left out."""
        return tuple(path for path, rated in self.rated.items() if SKIP in rated)


def rate(
    wholes: Wholes,
    candidates: Mapping[str, Candidates],
    folder: Path,
    *,
    mends: bool = True,
    compute: Compute | None = None,
    on_progress: OnProgress = silent,
) -> Ratings:
    """Rates every candidate alone, then the depths of stages; what the folder holds of an earlier run is read."""
    files = {path: folder / f"{path.replace(':', '-')}.json" for path in candidates}

    def write(path: str, rated: Sequence[Rated]) -> None:
        rows = [(each.code, *vars(each.divergence).values(), *vars(each.error).values()) for each in rated]
        write_atomically(files[path], json.dumps(rows).encode())

    rest = {path: listed for path, listed in candidates.items() if not files[path].exists()}
    rate_apart(wholes.judge, rest, compute or Compute(), on_progress, write)
    rated = {
        path: {code: Rated(code, Mean(*values[:2]), Mean(*values[2:])) for code, *values in json.loads(file.read_text())}
        for path, file in files.items()
    }

    def without(paths: Sequence[str]) -> Mean:
        return wholes.divergence(dict.fromkeys(paths, SKIP), dict.fromkeys(paths, nn.Identity()), mends=mends)

    skips = {path: each[SKIP] for path, each in rated.items() if SKIP in each}
    units = [listed.unit for listed in candidates.values()]
    return Ratings(rated, rate_depths(units, skips, without, on_progress))
