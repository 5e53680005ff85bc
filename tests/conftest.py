"""Settings for every test."""

from __future__ import annotations

import pytest
from hypothesis import settings

from dna_deploy.export.checks import verification

settings.register_profile("shared-machine", deadline=None)
settings.load_profile("shared-machine")


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """A machine that is slower than its table is measured again at once: other tests slow it down, for minutes."""
    monkeypatch.setattr(verification, "WAITS_S", (0.0,) * len(verification.WAITS_S))
