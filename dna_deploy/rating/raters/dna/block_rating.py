"""Rates every candidate of a block: how far, on held-out images, its imitation is from the teacher's features.

The rating is relative L1, ``mean|teacher - candidate| / deviation(teacher)`` (DNA, section 3.3): the deviation makes blocks
commensurable, so that their ratings add. Candidates share prefixes, and batch norms use the batch's own statistics.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

import torch
from scipy.stats import t as student_t

from dna_deploy.data.batches import in_order
from dna_deploy.errors import DivergedError, UsageError
from dna_deploy.learning.memory import Portions
from dna_deploy.learning.tensor_file import TensorFile
from dna_deploy.nets.batch_norm import batch_statistics
from dna_deploy.nets.supernets.blocks import SupernetBlock
from dna_deploy.progress import OnProgress, Progress
from dna_deploy.rating.raters.dna.teacher_features import Features, features_of
from dna_deploy.rating.raters.dna.work import BlockWork

_STEP = "rating"
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


def relative_l1(target: torch.Tensor, output: torch.Tensor) -> torch.Tensor:
    """``mean|wanted - found| / deviation(wanted)``: 0 for a perfect imitation, about 0.8 for the constant mean."""
    return spent_error(target, output.clone()) / target.std()


def spent_error(target: torch.Tensor, output: torch.Tensor) -> torch.Tensor:
    """``mean|target - output|``; ``output`` is overwritten, since a candidate's output serves for nothing else."""
    return output.sub_(target).abs_().mean()


@torch.no_grad()
def rate_batch(supernet: SupernetBlock, before: torch.Tensor, after: torch.Tensor) -> torch.Tensor:
    """The rating of every candidate of a block on one batch, in the order of `Block.candidates`, 64-bit."""
    errors: dict[int, list[torch.Tensor]] = {}
    with batch_statistics(supernet):
        for cell, output in supernet.walk(before):
            errors.setdefault(cell, []).append(spent_error(after, output))
    ratings = torch.stack([error for cell in sorted(errors) for error in errors[cell]]) / after.std()
    return ratings.double().cpu()


def rate_blocks(work: BlockWork, supernets: Mapping[int, SupernetBlock], on_progress: OnProgress) -> dict[int, BatchRatings]:
    """Rates every candidate of the blocks on the rating slice, batch after batch; a batch that was rated is not again.

    Raises:
        DivergedError: a rating is not a number.
    """
    paths = {index: work.folder / f"ratings-{index + 1}.safetensors" for index in supernets}
    of_blocks = {index: BatchRatings.resume(path, work.identity) for index, path in paths.items()}
    batches = -(-len(work.data.rating) // work.config.rating_batch)
    top = work.config.settled_top

    def is_finished(ratings: BatchRatings) -> bool:
        return len(ratings.rows) == batches or ratings.is_settled(top)

    teach, portions = features_of(work, _STEP, on_progress), Portions("rating", work.config.rating_batch)
    for number, batch in enumerate(in_order(work.data.rating, work.data, work.config.rating_batch, work.compute.device)):
        if all(is_finished(ratings) for ratings in of_blocks.values()):
            return of_blocks
        if all(number < len(ratings.rows) for ratings in of_blocks.values()):
            continue
        features = portions.run(partial(_features, teach, batch.inputs))
        for index, supernet in supernets.items():
            if number < len(of_blocks[index].rows) or is_finished(of_blocks[index]):
                continue
            row = portions.run(partial(_rate_in_portions, supernet, features[index], features[index + 1]))
            if not bool(row.isfinite().all()):
                raise DivergedError(f"block {index + 1}: a rating is not a number", "rate again with a lower learning rate")
            of_blocks[index].append(row)
            finished = sum(batches if is_finished(ratings) else len(ratings.rows) for ratings in of_blocks.values())
            on_progress(Progress(_STEP, finished, batches * len(of_blocks), f"best {row.min():.3f}", portions.news()))
    return of_blocks


def _features(teach: Features, images: torch.Tensor, portions: int) -> list[torch.Tensor]:
    features = [teach(portion) for portion in images.chunk(portions)]
    return features[0] if portions == 1 else [torch.cat(parts) for parts in zip(*features, strict=True)]


def _rate_in_portions(supernet: SupernetBlock, before: torch.Tensor, after: torch.Tensor, portions: int) -> torch.Tensor:
    """The rating of every candidate on a batch: the mean over its portions."""
    pairs = zip(before.chunk(portions), after.chunk(portions), strict=True)
    return torch.stack([len(x) / len(before) * rate_batch(supernet, x, target) for x, target in pairs]).sum(0)
