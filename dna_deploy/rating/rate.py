"""Rates a whole space against a teacher: trains the block supernets, rates every candidate, writes one table."""

from __future__ import annotations

from pathlib import Path

from dna_deploy.data.splits import ImageData
from dna_deploy.nets.compute import Compute
from dna_deploy.nets.teacher import Teacher
from dna_deploy.progress import OnProgress, silent
from dna_deploy.rating.block_rating import BatchRatings
from dna_deploy.rating.config import RatingConfig
from dna_deploy.rating.processes import run_all_blocks
from dna_deploy.rating.run import write_run
from dna_deploy.rating.work import BlockWork
from dna_deploy.records.files import Provenance, digest_of
from dna_deploy.records.rating_table import BlockRatings, CellRatings, RatingTable
from dna_deploy.spaces.space import Block, SearchSpace

METHOD = "dna"


def rate_space(
    space: SearchSpace,
    teacher: Teacher,
    data: ImageData,
    config: RatingConfig,
    folder: Path,
    *,
    on_progress: OnProgress = silent,
    compute: Compute | None = None,
) -> RatingTable:
    """The rating of every candidate of every block. ``folder`` keeps the supernets; the same folder resumes.

    Raises:
        UsageError: the teacher's features do not fit the space, or the folder belongs to other inputs.
        DivergedError: the loss of a block is no longer a number.
    """
    work = block_work(space, teacher, data, config, folder, compute)
    write_run(work)
    found = run_all_blocks(work, on_progress)
    return RatingTable(
        provenance=Provenance.now(),
        space=space.name,
        space_digest=space.digest,
        method=METHOD,
        teacher=work.teacher_label,
        dataset=work.data_label,
        images=min(len(data.rating), config.rating_batch * max(len(ratings.rows) for ratings in found.values())),
        blocks=tuple(block_ratings(block, found[index]) for index, block in enumerate(space.blocks)),
    )


def block_work(
    space: SearchSpace,
    teacher: Teacher,
    data: ImageData,
    config: RatingConfig,
    folder: Path,
    compute: Compute | None = None,
) -> BlockWork:
    """The inputs of a rating, checked against each other.

    Raises:
        UsageError: the teacher's features do not fit the space, or there are learning rates for another number of blocks.
    """
    compute = compute or Compute()
    teacher.check_fits(space)
    config.check_blocks(len(space.blocks))
    identity = rating_identity(space, teacher, data, config, compute)
    return BlockWork(space, teacher, data, config, folder, identity, compute)


def rating_identity(
    space: SearchSpace, teacher: Teacher, data: ImageData, config: RatingConfig, compute: Compute | None = None
) -> str:
    """Names everything that the ratings depend on."""
    parts = [METHOD, space.digest, teacher.digest, data.digest, config.model_dump_json()]
    if compute is not None and compute.rounding:
        parts.append(compute.rounding)
    return digest_of(" ".join(parts).encode())


def block_ratings(block: Block, found: BatchRatings) -> BlockRatings:
    """The ratings of a block's candidates, cell by cell, as a table holds them."""
    means, errors = found.means.tolist(), found.standard_errors.tolist()
    cells, start = [], 0
    for cell in block.cells:
        end = start + cell.count()
        cells.append(
            CellRatings(
                width=cell.width,
                depth=cell.depth,
                ratings=tuple(means[start:end]),
                standard_errors=tuple(errors[start:end]),
            )
        )
        start = end
    return BlockRatings(cells=tuple(cells))
