"""The machine and the software that a number was measured with."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, Field


class Fingerprint(BaseModel):
    """Everything that must be equal for two measurements to be of one thing."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    processor: str
    logical_processors: int
    system: str
    governor: str = "unknown"
    runtime_version: str
    libraries: dict[str, str] = Field(default_factory=dict)

    def differences(self, other: Fingerprint) -> tuple[str, ...]:
        """What is not equal, one line each, this one's value first."""
        mine, theirs = self.model_dump(), other.model_dump()
        return tuple(f"{name}: {mine[name]!r}, not {theirs[name]!r}" for name in mine if mine[name] != theirs[name])
