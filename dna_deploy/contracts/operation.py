"""What an operation must keep: a name in files, shapes, and costs that can be counted."""

from __future__ import annotations

import re
from collections.abc import Iterator

from dna_deploy.spaces.operations import Operation, reduced
from dna_deploy.spaces.placed import PlacedLayer, kind_of
from dna_deploy.spaces.shapes import FeatureMap, Shape


class OperationContract:
    """Inherit it, and give an operation; and places for it, where it cannot do with these."""

    operation: Operation
    inputs: tuple[Shape, ...] = (FeatureMap(8, 9, 9),)
    """What it receives: an odd size, since strides must round up."""
    widths: tuple[int, ...] = (8, 16)
    strides: tuple[int, ...] = (1, 2)
    reduces_to_one = False
    """Whether it pools to height and width 1, as a head does."""

    def test_it_has_a_name_in_files(self) -> None:
        assert re.fullmatch(r"[a-z][a-z0-9_]*", kind_of(self.operation)), "a kind is lower case letters, digits and '_'"

    def test_its_code_fits_into_a_line(self) -> None:
        assert re.fullmatch(r"[A-Za-z0-9._]+", self.operation.code), f"{self.operation.code!r} has other characters"

    def test_it_is_a_value(self) -> None:
        copy = PlacedLayer.parse(self._placed_once().key).operation
        assert copy == self.operation, f"{copy} is not equal to {self.operation}"
        assert hash(copy) == hash(self.operation), "equal operations must have equal hashes: use a frozen dataclass"

    def test_it_reads_back_from_its_key(self) -> None:
        for layer in self._placed():
            assert PlacedLayer.parse(layer.key) == layer, f"{layer.key} reads back as another layer"

    def output_of(self, layer: PlacedLayer) -> Shape:
        """What it must emit. Override it where that is no feature map whose size is divided by the stride, rounded up."""
        extent = [1 if self.reduces_to_one else reduced(size, layer.stride) for size in layer.input.extent]
        return FeatureMap(layer.out_channels, *extent)

    def test_it_emits_the_shape_that_it_must(self) -> None:
        for layer in self._placed():
            assert layer.output == self.output_of(layer), f"{layer} gives {layer.output}, not {self.output_of(layer)}"

    def test_its_costs_can_be_counted(self) -> None:
        for layer in self._placed():
            assert layer.macs >= 0, f"{layer} has {layer.macs} MACs"
            assert layer.parameters >= layer.deployed_parameters >= 0, f"{layer}: folding made parameters more"
            least = max(sum(shape.elements for shape in layer.inputs), layer.output.elements)
            assert layer.peak_activation_elements >= least, f"{layer} has less memory than its own tensors"

    def test_a_residual_keeps_the_shape(self) -> None:
        for layer in self._placed():
            if layer.has_residual:
                assert layer.output == layer.input, f"{layer} has a residual, but another shape"

    def _placed(self) -> Iterator[PlacedLayer]:
        for width in self.widths:
            for stride in (1,) if self.reduces_to_one else self.strides:
                yield PlacedLayer(self.operation, self.inputs[0], width, stride, self.inputs[1:])

    def _placed_once(self) -> PlacedLayer:
        return next(self._placed())
