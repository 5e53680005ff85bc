"""How the blocks of a rating are divided over processes."""

from __future__ import annotations

from dataclasses import replace

from dna_deploy.nets.supernets.blocks import trunks_of
from dna_deploy.rating.raters.dna.work import BlockWork
from dna_deploy.spaces.placed import PlacedLayer


def for_process(work: BlockWork, number: int) -> BlockWork:
    """The same work for one of several processes on this machine."""
    return replace(work, compute=work.compute.for_process(number))


def cost(work: BlockWork, index: int) -> float:
    """What block ``index`` costs relative to others: operations of an average path of each of its cells."""
    block, total = work.space.blocks[index], 0.0
    for trunk in trunks_of(block, share_depths=work.config.share_depths):
        input = work.space.block_inputs(index)[-1]
        for depth, operations in enumerate(trunk.cell.layers):
            stride = block.stride if depth == 0 else 1
            placed = [PlacedLayer(operation, input, trunk.cell.width, stride) for operation in operations]
            total += sum(layer.macs + 40 * layer.peak_activation_elements for layer in placed) / len(placed)
            input = placed[0].output
    return total


def shares(work: BlockWork, processes: int) -> list[list[int]]:
    """The blocks divided over processes, the costliest first to whoever has least; none is without a block."""
    costs = [cost(work, index) for index in range(len(work.space.blocks))]
    divided: list[list[int]] = [[] for _ in range(min(processes, len(costs)))]
    for index in sorted(range(len(costs)), key=costs.__getitem__, reverse=True):
        min(divided, key=lambda share: sum(costs[block] for block in share)).append(index)
    return [sorted(share) for share in divided if share]
