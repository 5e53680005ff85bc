"""Records that tests make up."""

from __future__ import annotations

from dna_deploy.records.files import Provenance
from dna_deploy.records.profile_run import AbsentProbe, Conditions, ProbeSamples, ProfileRun
from dna_deploy.records.samples import Samples
from dna_deploy.targets.fingerprint import Fingerprint
from dna_deploy.targets.plan import SamplingPlan
from dna_deploy.targets.target import Target

PROVENANCE = Provenance(created_at="2026-01-01T00:00:00+00:00", tool_version="0", python_version="3", host="h", command="c")
MACHINE = Fingerprint(processor="p", logical_processors=4, system="s", runtime_version="pretend 1")
TARGET = Target(name="t")


def small_run() -> ProfileRun:
    return ProfileRun(
        provenance=PROVENANCE, space="s", space_digest="sha256:0", head="", kit_digest="sha256:0", target=TARGET,
        fingerprint=MACHINE,
        plan=SamplingPlan(), conditions=Conditions(other_load=(0.5,), seconds=1.0), rounds=2,
        probes=(ProbeSamples(role="layer", key="a", samples=Samples(visits_ns=((10, 11), (12, 13)))),),
        absent=(AbsentProbe(role="layer", key="b", reason="it crashed"),),
    )  # fmt: skip
