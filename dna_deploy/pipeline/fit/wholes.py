"""How far whole networks answer from the original: each is judged once, and what was judged is written down at once."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from torch import nn

from dna_deploy.fit.judging import Judge, Mean
from dna_deploy.fit.mending import deployed, refitted
from dna_deploy.records.files import write_atomically


@dataclass
class Wholes:
    """Networks of one space by what is changed in them; to judge one takes seconds to minutes, and dozens are judged.

    Attributes:
        judge: Of the original.
        file: Is read before anything is judged; none: this process alone remembers.
    """

    judge: Judge
    file: Path | None = None

    @cached_property
    def _known(self) -> dict[str, Mean]:
        rows = json.loads(self.file.read_text()) if self.file and self.file.exists() else {}
        return {name: Mean(*mean) for name, mean in rows.items()}

    def divergence(self, choice: Mapping[str, str], changed: Mapping[str, nn.Module], *, mends: bool) -> Mean:
        """Of a network in the way that keeps its answers nearest, as `deployed`.

        Args:
            choice: Code by path, of what is changed; names the network.
            changed: The modules of these codes.
            mends: Whether refitting it as a whole is one of the ways.
        """
        name = " ".join([*(f"{path}={choice[path]}" for path in sorted(changed)), *["refitted"] * mends])
        if name not in self._known:
            if mends:
                means = [self.divergence(choice, changed, mends=False)]
                means += [alone.joint] if (alone := refitted(self.judge, changed)) else []
                self._known[name] = min(means, key=lambda mean: mean.value)
            else:
                self._known[name] = deployed(self.judge, changed, mends=False).joint
            if self.file:
                rows = {name: (mean.value, mean.standard_error) for name, mean in self._known.items()}
                write_atomically(self.file, json.dumps(rows, indent=0).encode())
        return self._known[name]
