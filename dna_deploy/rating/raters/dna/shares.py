"""How the blocks of a rating are divided over processes."""

from __future__ import annotations

from dataclasses import replace

from dna_deploy.rating.raters.dna.work import BlockWork


def for_process(work: BlockWork, number: int) -> BlockWork:
    """The same work for one of several processes on this machine."""
    return replace(work, compute=work.compute.for_process(number))


def cost(work: BlockWork, index: int) -> float:
    """What block ``index`` costs relative to others: operations of an average path of each of its cells."""
    chain, total = work.space.index, 0.0
    for trunk in chain.trunks(index, share_depths=work.config.share_depths):
        for layers in chain.place_trunk(index, trunk, chain.inputs[index][-1]):
            total += sum(layer.macs + 40 * layer.peak_activation_elements for layer in layers) / len(layers)
    return total


def shares(work: BlockWork, processes: int) -> list[list[int]]:
    """The blocks divided over processes, the costliest first to whoever has least; none is without a block."""
    costs = [cost(work, index) for index in work.space.block_numbers]
    divided: list[list[int]] = [[] for _ in range(min(processes, len(costs)))]
    for index in sorted(range(len(costs)), key=costs.__getitem__, reverse=True):
        min(divided, key=lambda share: sum(costs[block] for block in share)).append(index)
    return [sorted(share) for share in divided if share]
