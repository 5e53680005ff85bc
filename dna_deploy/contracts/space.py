"""What a search space must keep, so that it can be profiled, rated, searched and written to files."""

from __future__ import annotations

import random
import re
from functools import cached_property

from dna_deploy.errors import UsageError
from dna_deploy.spaces.architecture import Architecture
from dna_deploy.spaces.catalog import find_space
from dna_deploy.spaces.chain import HeadedSpace, as_headed, with_usual_head
from dna_deploy.spaces.placed import PlacedLayer
from dna_deploy.spaces.shapes import FeatureMap
from dna_deploy.spaces.space import SearchSpace

_CODE = re.compile(r"[A-Za-z0-9._]+")
_SAMPLES = 50
_DRAWS = 200
_FEW = 10_000
"""Spaces up to this size are walked through."""


class SpaceContract:
    """Inherit it, and give the name of a space."""

    name: str

    @cached_property
    def space(self) -> SearchSpace:
        """The space as the command line finds it, with its usual head."""
        return with_usual_head(find_space(self.name))

    def test_it_is_found_by_its_own_name(self) -> None:
        assert self.space.name == self.name, f"{self.name!r} is called {self.space.name!r}"

    def test_networks_read_back_from_their_line(self) -> None:
        for architecture in self._sampled():
            assert self.space.parse(str(architecture)) == architecture, f"{architecture} reads back as another network"

    def test_layers_read_back_from_their_key(self) -> None:
        for layer in self.space.rows():
            assert PlacedLayer.parse(layer.key) == layer, f"{layer.key} reads back as another layer"

    def test_equal_chance_draws_equal_networks(self) -> None:
        assert self._sampled() == self._sampled(), "the same random numbers draw other networks"

    def test_changed_networks_stay_in_the_space(self) -> None:
        rng = random.Random(1)
        changed = [(architecture, self.space.mutate(architecture, rng)) for architecture in self._sampled()]
        for _, architecture in changed:
            self.space.check(architecture)
        assert any(before != after for before, after in changed), "mutate never changes a network"

    def test_what_is_no_network_is_refused(self) -> None:
        for line in ("", "no network", f"{self._sampled()[0]}/"):
            try:
                self.space.parse(line)
            except UsageError:
                continue
            raise AssertionError(f"{line!r} is read as a network")

    def test_layers_join(self) -> None:
        for architecture in self._sampled():
            layers, wires = self.space.place(architecture), self.space.wires(architecture)
            for number, (layer, sources) in enumerate(zip(layers, wires, strict=True)):
                assert all(source < number for source in sources), f"{layer} receives from a layer behind it in {architecture}"
                given = tuple(self.space.inputs[-1 - of] if of < 0 else layers[of].output for of in sources)
                assert given == layer.inputs, f"{layer} is given {', '.join(map(str, given))} in {architecture}"

    def test_rows_hold_every_layer_of_every_network(self) -> None:
        rows = set(self.space.rows())
        for architecture in self._sampled():
            missing = [layer.key for layer in self.space.place(architecture) if layer not in rows]
            assert not missing, f"{architecture} needs {missing[0]}, which rows() lacks"

    def test_no_more_networks_are_drawn_than_there_are(self) -> None:
        size, drawn = self.space.size(), {self.space.sample(random.Random(seed)) for seed in range(_DRAWS)}
        assert size is None or len(drawn) <= size, f"{len(drawn)} networks were drawn of {size}"

    def _sampled(self) -> list[Architecture]:
        rng = random.Random(0)
        return [self.space.sample(rng) for _ in range(_SAMPLES)]


class ChainContract(SpaceContract):
    """The same for a chain of blocks."""

    @cached_property
    def chain(self) -> HeadedSpace:
        """The space as a chain with its usual head."""
        return as_headed(self.space)

    def test_codes_name_one_operation_each(self) -> None:
        codes = [operation.code for operation in self.chain.index.operations]
        assert len(set(codes)) == len(codes), f"two operations share a code: {sorted(codes)}"
        assert all(_CODE.fullmatch(code) for code in codes), f"a code has other characters than {_CODE.pattern}: {codes}"

    def test_the_usual_head_gives_a_vector(self) -> None:
        last = self.space.place(self._sampled()[0])[-1].output
        assert last == FeatureMap(self.chain.out_channels, 1, 1), f"the last layer gives {last}"

    def test_the_count_is_exact(self) -> None:
        if self.chain.size() <= _FEW:
            networks = {str(architecture) for architecture in self.chain.architectures()}
            assert len(networks) == self.chain.size(), f"{len(networks)} networks, but it counts {self.chain.size()}"
