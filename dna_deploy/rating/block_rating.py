"""Rates every candidate of a block: how far, on held-out images, its imitation is from the teacher's features.

The rating is relative L1, ``mean|teacher - candidate| / deviation(teacher)`` (DNA, section 3.3): the deviation makes blocks
commensurable, so that their ratings add. Candidates share prefixes, and batch norms use the batch's own statistics.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import torch
from scipy.stats import t as student_t

from dna_deploy.data.batches import in_order
from dna_deploy.errors import DivergedError, UsageError
from dna_deploy.nets.batch_norm import batch_statistics
from dna_deploy.nets.supernet import SupernetBlock
from dna_deploy.nets.tensor_file import TensorFile
from dna_deploy.progress import OnProgress, Progress
from dna_deploy.rating.work import BlockWork

_FEWEST_BATCHES = 4
"""Batches from which a spread can be told at all."""


@dataclass
class BatchRatings:
    """The ratings of all candidates of a block, a row a batch of images; saved after every batch."""

    path: Path
    identity: str
    rows: list[torch.Tensor] = field(default_factory=list)

    @classmethod
    def resume(cls, path: Path, identity: str) -> BatchRatings:
        """The rows that are in the file already.

        Raises:
            UsageError: the file belongs to other inputs.
        """
        if not path.exists():
            return cls(path, identity)
        file = TensorFile.read(path, "ratings")
        if file.facts.get("identity") != identity:
            raise UsageError(f"{path} was made from other settings, images or teacher", "give another folder, or remove it")
        return cls(path, identity, list(file.tensors["ratings"]))

    def append(self, row: torch.Tensor) -> None:
        """Adds and saves the ratings on one more batch."""
        self.rows.append(row)
        TensorFile({"ratings": torch.stack(self.rows)}, {"identity": self.identity}).write(self.path)

    def is_settled(self, top: int) -> bool:
        """Whether more images would hardly change the order of the ``top`` best candidates.

        Neighbours in that order are compared on the same batches: each step must exceed its 95 % interval (Student's t).
        """
        count = len(self.rows)
        if count < _FEWEST_BATCHES or not top:
            return False
        rows = torch.stack(self.rows)
        best = rows[:, rows.mean(0).argsort(stable=True)[: top + 1]]
        steps = best[:, 1:] - best[:, :-1]
        needed = float(student_t.ppf(0.975, count - 1)) * steps.std(0) / count**0.5
        return bool((steps.mean(0) > needed).all())

    @property
    def means(self) -> torch.Tensor:
        """The rating of every candidate, ``(candidates,)``."""
        return torch.stack(self.rows).mean(0)

    @property
    def standard_errors(self) -> torch.Tensor:
        """Of the means, ``(candidates,)``, from the spread over batches."""
        rows = torch.stack(self.rows)
        return rows.std(0) / len(rows) ** 0.5 if len(rows) > 1 else torch.zeros_like(rows[0])


def relative_l1(wanted: torch.Tensor, found: torch.Tensor, deviation: torch.Tensor | None = None) -> torch.Tensor:
    """``mean|wanted - found| / deviation(wanted)``: 0 for a perfect imitation, about 0.8 for the constant mean.

    Many candidates share what is wanted: its deviation may be given.
    """
    return (wanted - found).abs_().mean() / (wanted.std() if deviation is None else deviation)


@torch.no_grad()
def rate_batch(supernet: SupernetBlock, before: torch.Tensor, after: torch.Tensor) -> torch.Tensor:
    """The rating of every candidate of a block on one batch, in the order of `Block.candidates`, 64-bit."""
    ratings: dict[int, list[torch.Tensor]] = {}
    deviation = after.std()
    with batch_statistics(supernet):
        for cell, output in supernet.walk(before):
            ratings.setdefault(cell, []).append(relative_l1(after, output, deviation))
    return torch.stack([rating for cell in sorted(ratings) for rating in ratings[cell]]).double().cpu()


def rate_blocks(work: BlockWork, supernets: Mapping[int, SupernetBlock], on_progress: OnProgress) -> dict[int, BatchRatings]:
    """Rates every candidate of the blocks on the rating slice, batch after batch; a batch that was rated is not again.

    Raises:
        DivergedError: a rating is not a number.
    """
    paths = {index: work.folder / f"ratings-{index + 1}.safetensors" for index in supernets}
    found = {index: BatchRatings.resume(path, work.identity) for index, path in paths.items()}
    batches = -(-len(work.data.rating) // work.config.rating_batch)
    top = work.config.settled_top

    def is_finished(ratings: BatchRatings) -> bool:
        return len(ratings.rows) == batches or ratings.is_settled(top)

    if all(map(is_finished, found.values())):
        return found
    for number, features in enumerate(_teacher_features(work)):
        for index, supernet in supernets.items():
            if number < len(found[index].rows) or is_finished(found[index]):
                continue
            row = rate_batch(supernet, features[index], features[index + 1])
            if not bool(row.isfinite().all()):
                raise DivergedError(f"block {index + 1}: a rating is not a number", "rate again with a lower learning rate")
            found[index].append(row)
            done = sum(batches if is_finished(ratings) else len(ratings.rows) for ratings in found.values())
            on_progress(Progress("rating", done, batches * len(found), f"best {row.min():.3f}"))
    return found


def _teacher_features(work: BlockWork) -> Iterator[list[torch.Tensor]]:
    """For every batch of the rating slice: the images, then the teacher's features after every block."""
    for batch in in_order(work.data.rating, work.data, work.config.rating_batch, work.compute.device):
        yield [batch.inputs, *work.teacher.features(batch.inputs)]
