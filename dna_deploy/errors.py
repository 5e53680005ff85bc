"""Every failure a user can cause or meet: one class a kind, each with its exit code.

A message says what happened, with the values; a hint says what to do next.
"""

from __future__ import annotations


class DnaDeployError(Exception):
    """An expected failure. The command line prints it as one line and a hint, without a traceback."""

    exit_code = 2

    def __init__(self, message: str, hint: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint


class UsageError(DnaDeployError):
    """A flag, file, name or setting that cannot be used."""


class InfeasibleError(DnaDeployError):
    """No architecture of the space meets the constraints."""

    exit_code = 3


class TableError(DnaDeployError):
    """A record is missing, damaged, or true for another space, target or machine."""

    exit_code = 4


class DependencyError(DnaDeployError):
    """A package or a device that the command needs is not here."""

    exit_code = 5


class UnstableMeasurementError(DnaDeployError):
    """The machine was too noisy for the numbers to mean anything."""

    exit_code = 6


class ParityError(DnaDeployError):
    """The exported network does not compute what the trained one does."""

    exit_code = 7


class DivergedError(DnaDeployError):
    """A loss is no longer a number: going on would only spoil what was learnt."""


class CollapsedError(DivergedError):
    """What a self-supervised training learns no longer tells one image from another."""


class PromiseError(DnaDeployError):
    """A measured file takes longer than it may."""

    exit_code = 8


class OutOfMemoryError(DnaDeployError):
    """The work does not fit in memory as it was asked for."""
