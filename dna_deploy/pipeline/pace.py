"""How fast trainings were seen to be, for estimates before the first step; `TimeLeft` corrects them by what it then sees.

Images a second on two quiet cores of one server, in the space `fashion`, as the demos in
`benchmarks/results/promise_demos.csv` took; a larger space is slower by the multiply-accumulates of its largest network.
"""

from __future__ import annotations

from dna_deploy.spaces.chain import ChainSpace
from dna_deploy.spaces.scaling import largest

FASHION_MACS = 15.7e6
LARGEST_TEACHER, SMALL_TEACHER, HEIR, SUPERNETS, NETWORK, WHOLE_NETWORKS = 160, 900, 200, 135, 330, 1400
START_S = 20.0
"""What a training takes besides its images."""


def training_s(images: float, pace: float, space: ChainSpace) -> float:
    """About how long a training of so many images takes, its start included."""
    return START_S + seconds_for(images, pace, space)


def rating_s(images: float, space: ChainSpace) -> float:
    """About how long it takes to rate every candidate on so many images: they share what they begin with, so each is a layer.

    One core takes 40 s an image in `mbconv` (`benchmarks/results/cost_mbconv.txt`); two are taken here to need 27.
    """
    layers = len(space.with_head().place(largest(space)))
    return seconds_for(images * sum(space.index.counts) / layers, WHOLE_NETWORKS, space)


def seconds_for(images: float, pace: float, space: ChainSpace) -> float:
    """About how long so many images take, at a pace in `fashion`."""
    return images / pace * sum(layer.macs for layer in space.with_head().place(largest(space))) / FASHION_MACS
