"""Our own raters keep their contract on a space of a few dozen candidates: what is claimed does not depend on how many."""

from __future__ import annotations

import pytest

from dna_deploy.contracts import RaterContract
from dna_deploy.spaces import catalog


@pytest.fixture(autouse=True)
def a_small_space(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(catalog.SPACES, "toy", "tests.spaces.chains:TOY_CHAIN")
    monkeypatch.setitem(catalog.SPACES, "toy-catalogue", "tests.spaces.chains:TOY_CATALOGUE")
    monkeypatch.setattr(RaterContract, "space", "toy")
