"""Everything that a rating is made from, and how its blocks are divided over processes."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

from dna_deploy.data.splits import ImageData
from dna_deploy.errors import TableError
from dna_deploy.learning.compute import Compute
from dna_deploy.nets.teachers.teacher import Teacher
from dna_deploy.rating.config import RatingConfig
from dna_deploy.records.rating_table import RatingTable
from dna_deploy.spaces.space import SearchSpace


@dataclass(frozen=True)
class BlockWork:
    """The inputs of a rating. ``identity`` names those that the result depends on."""

    space: SearchSpace
    teacher: Teacher
    data: ImageData
    config: RatingConfig
    folder: Path
    identity: str
    compute: Compute

    @property
    def teacher_label(self) -> str:
        """The teacher, as rating tables name it."""
        return f"{self.teacher.name} ({self.teacher.digest[:19]})"

    @property
    def data_label(self) -> str:
        """The images, as rating tables name them."""
        return f"{self.data.name} ({self.data.digest[:19]})"

    def check_ratings(self, table: RatingTable) -> None:
        """Raises `TableError` unless the table is of this space, and was made with this teacher and these images."""
        table.check_space(self.space)
        for what, rated, here in (("teacher", table.teacher, self.teacher_label), ("images", table.dataset, self.data_label)):
            if rated != here:
                raise TableError(f"the {what} of the ratings, {rated}, are not those of the supernets, {here}", "rate again")

    def for_process(self, number: int) -> BlockWork:
        """The same work for one of several processes on this machine."""
        return replace(self, compute=self.compute.for_process(number))

    def cost(self, index: int) -> float:
        """What block ``index`` costs relative to others: operations of an average path of each of its cells."""
        chain, total = self.space.index, 0.0
        for trunk in chain.trunks(index, share_depths=self.config.share_depths):
            for layers in chain.place_trunk(index, trunk, chain.inputs[index][-1]):
                total += sum(layer.macs + 40 * layer.peak_activation_elements for layer in layers) / len(layers)
        return total

    def shares(self, processes: int) -> list[list[int]]:
        """The blocks divided over processes, the costliest first to whoever has least; none is without a block."""
        shares: list[list[int]] = [[] for _ in range(min(processes, len(self.space.block_numbers)))]
        for index in sorted(self.space.block_numbers, key=self.cost, reverse=True):
            min(shares, key=lambda share: sum(map(self.cost, share))).append(index)
        return [sorted(share) for share in shares if share]
