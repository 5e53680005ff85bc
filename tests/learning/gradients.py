"""The gradients of one step of the loop, before any weight is changed by them."""

from __future__ import annotations

import torch

from dna_deploy.learning.compute import Compute
from dna_deploy.learning.memory import Portions
from dna_deploy.learning.state import TrainingState
from dna_deploy.learning.train import TrainingPlan, _Loop


def gradients(state: TrainingState, portions: int, pieces: int = 1) -> tuple[float, dict[str, torch.Tensor]]:
    """The loss of a state's first step, run in so many portions, and the gradient of every parameter that it has."""
    loop = _Loop([state], TrainingPlan("it", Portions("it", 16), Compute(), pieces), range(1))
    (loss,) = loop._gather([state], 0, 0, loop._pieces(state.phases[0], 0), portions)
    named = state.phases[0].group.named_parameters()
    return float(loss), {name: weight.grad.clone() for name, weight in named if weight.grad is not None}


def check_portions(state: TrainingState, pieces: int = 1) -> None:
    """Gradients of portions add up to those of the batch."""
    state.module.eval()  # batch norms would see other statistics in a portion: that is what the remark says
    (whole_loss, whole), (loss, parts) = gradients(state, 1, pieces), gradients(state, 3, pieces)
    assert whole
    assert abs(loss - whole_loss) <= 1e-5 * abs(whole_loss)
    for name, gradient in whole.items():
        torch.testing.assert_close(parts[name], gradient, rtol=1e-4, atol=1e-6)
