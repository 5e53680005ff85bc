"""A space of an own model that takes no time to make: two units, the second of which changes the shape."""

from __future__ import annotations

from dna_deploy.records.files import Provenance
from dna_deploy.records.own_space import OwnCandidate, OwnPart, OwnSpace

PROVENANCE = Provenance(
    created_at="2026-11-29T00:00:00+00:00", tool_version="0", python_version="3", host="laptop", command="c"
)


def part(path: str, input: str, output: str, **macs: int) -> OwnPart:
    """A part whose candidates have these costs and the same structure wherever they cost the same."""
    candidates = (
        OwnCandidate(code=code, structure=f"{cost:08x}", parameters=cost // 10, macs=cost) for code, cost in macs.items()
    )
    return OwnPart(path=path, input=input, output=output, candidates=tuple(candidates))


def own_space(second: str = "32x28x28") -> OwnSpace:
    """Three units, of which the first two are alike; the third receives another shape than the second emits."""
    return OwnSpace(
        provenance=PROVENANCE,
        model="my_net.py:build",
        input="3x64x64",
        rest=part("", "3x64x64", "16x32x32", rest=500),
        units=(
            part("a", "16x32x32", "16x32x32", keep=100, width50=50, skip=0),
            part("b", "16x32x32", "16x32x32", keep=100, width50=50, skip=0),
            part("c", second, "64x28x28", keep=300, width50=150),
        ),
    )
