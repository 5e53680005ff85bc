"""DNA+: the winner of a first round, made larger and trained, teaches a second one."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from benchmarks.rating.bench import Bench, Scores
from benchmarks.rating.raters.block_wise import dna_work, two_stages
from benchmarks.rating.teachers import RECIPE
from benchmarks.rating.truth import TRUTHS
from dna_deploy.data.splits import Split
from dna_deploy.nets.teachers.scaled import ScaledConfig
from dna_deploy.nets.teachers.teacher import load_teacher
from dna_deploy.pipeline.evolution import Growth
from dna_deploy.rating.raters.dna.rating import rate_space
from dna_deploy.records.latency_table import LatencyTable
from dna_deploy.search import Constraint, Latency, search
from dna_deploy.spaces.scaling import Scaling, grown
from dna_deploy.training.teacher import train_scaled

TABLE = Path(__file__).parents[3] / "latency_tables" / "fashion.cpu-1thread.json"


def rate(bench: Bench) -> Scores:
    """A second round: what the first round's ratings find within the slowest band, made larger and trained, is the teacher.

    The first round is the experiment ``dna`` with the same seed. The whole table, which only the search needs, is rated on one
    batch of images.
    """
    space, some, work = bench.space, bench.data.rating, dna_work(bench)
    data = replace(bench.data, rating=Split(some.source, some.indices[: work.config.rating_batch]))
    ratings = rate_space(space, work.teacher, data, work.config, work.folder, compute=bench.compute)
    winner = search(space, ratings, [LatencyTable.read(TABLE)], [Constraint(Latency(), at_most=slowest_s())]).network(space)
    growth = Growth()
    heir = grown(space, winner, Scaling(growth.depth, growth.width, growth.resolution), growth.parameters)
    shape, name = ScaledConfig.for_space(space, heir), f"heir of {winner}"
    path = train_scaled(shape, RECIPE, bench.data, bench.folder / "heir", name=name, compute=bench.compute)
    return two_stages(bench, bench.judge(load_teacher(path)))


def slowest_s() -> float:
    """The budget of the first round, of the first list whichever is judged, so that every list judges the same heir."""
    return max(network.predicted_s for network in TRUTHS["a"].listed.networks)
