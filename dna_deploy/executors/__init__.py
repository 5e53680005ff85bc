"""Where independent tasks run: one file each, and one line here; third parties use entry points ``dna_deploy.executors``."""

from __future__ import annotations

EXECUTORS = {
    "here": "dna_deploy.executors.here:Here",
    "processes": "dna_deploy.executors.processes:LocalProcesses",
    "ray": "dna_deploy.executors.ray_cluster:RayCluster",
}
"""Name -> class, called with ``(place, demand)``; see `dna_deploy.executors.executor`."""
