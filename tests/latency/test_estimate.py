"""How long a profile will take, told from some visits of two models."""

from __future__ import annotations

import itertools

import pytest

from dna_deploy.latency.profile import chosen_probes, estimate
from dna_deploy.records.probe_kit import KitProbe, ProbeKit
from dna_deploy.spaces.catalog import find_chain
from dna_deploy.spaces.placed import PlacedLayer
from dna_deploy.targets.plan import SamplingPlan
from tests.latency.pretend import make_kit

VISIT_S, MAC_S = 0.3e-3, 1e-9


class Machine:
    """A bench with a clock of its own, which each visit moves; now and then a visit waits for the neighbours to be quiet."""

    def __init__(self, kit: ProbeKit, *waits_s: float) -> None:
        self.now, self._waits_s = 0.0, itertools.cycle(waits_s or (0.0,))
        self._macs = {probe.file: self._macs_of(probe) for probe in chosen_probes(kit, 0)}

    @staticmethod
    def _macs_of(probe: KitProbe) -> float:
        space = find_chain("fashion").with_head()
        match probe.role:
            case "empty":
                return 0.0
            case "calibration" | "validation":
                return float(sum(layer.macs for layer in space.place(space.parse(probe.key))))
            case _:
                return float(PlacedLayer.parse(probe.key).macs)

    def clock(self) -> float:
        return self.now

    def visit(self, name: str) -> tuple[int, ...]:
        self.now += VISIT_S + MAC_S * self._macs[name] + next(self._waits_s)
        return (1,)


@pytest.mark.parametrize("waits_s", [(), (0.0,) * 19 + (0.1,)], ids=["quiet", "busy"])
def test_a_profile_takes_about_as_long_as_was_told(waits_s: tuple[float, ...]) -> None:
    kit, plan = make_kit(), SamplingPlan(rounds=96)
    told = estimate(kit, 0, plan, machine := Machine(kit, *waits_s), machine.clock).seconds
    begin = machine.clock()
    for _ in range(plan.rounds):
        for probe in chosen_probes(kit, 0):
            machine.visit(probe.file)
    assert 0.5 < told / (machine.clock() - begin) < 2


def test_one_visit_that_waits_long_does_not_tell_of_hours() -> None:
    """The first look at a noisy machine once said four hours for what took one minute."""
    kit, plan = make_kit(), SamplingPlan(rounds=96)
    lucky = estimate(kit, 0, plan, machine := Machine(kit), machine.clock).seconds
    unlucky = estimate(kit, 0, plan, machine := Machine(kit, 0.0, 0.03, *(0.0,) * 1000), machine.clock).seconds
    assert unlucky < 1.5 * lucky
