"""Losses and weights that are no longer numbers: noticed before they spoil what was learnt and saved."""

from __future__ import annotations

import math

from torch import nn

from dna_deploy.errors import DivergedError


def check_loss(loss: float, subject: str, step: int, steps: int) -> None:
    """Raises `DivergedError` unless the loss of a step, counted from 0, is a number."""
    if not math.isfinite(loss):
        raise _diverged(subject, f"the loss became {loss}", step, steps)


def check_weights(module: nn.Module, subject: str, step: int, steps: int) -> None:
    """Raises `DivergedError` unless all weights are numbers after so many steps. To be asked before they are saved."""
    if not all(bool(parameter.isfinite().all()) for parameter in module.parameters()):
        raise _diverged(subject, "a weight is no longer a number", step - 1, steps)


def _diverged(subject: str, what: str, step: int, steps: int) -> DivergedError:
    where = f"at step {step + 1} of {steps}"
    return DivergedError(f"{subject}: {what} {where}", "lower the learning rate; the last good checkpoint is kept")
