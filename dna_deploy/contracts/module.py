"""What a torch module must keep: it is what its operation says, it can learn, and it can leave torch. Torch comes late."""

from __future__ import annotations

import copy
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from dna_deploy.contracts.operation import OperationContract

if TYPE_CHECKING:
    import torch
    from torch import nn

    from dna_deploy.spaces.placed import PlacedLayer

_BATCH = 3


class ModuleContract(OperationContract):
    """Inherit it, and give an operation: it checks the operation and its module."""

    def test_its_module_gives_the_shape_that_it_says(self) -> None:
        for layer, module in self._built():
            shape = tuple(module(*self._tensors()).shape[1:])
            said = layer.output.sizes
            assert shape == (said[:1] if self.reduces_to_one else said), f"{layer} gives {shape}, not {said}"

    def test_its_module_has_the_parameters_that_it_says(self) -> None:
        for layer, module in self._built():
            parameters = sum(parameter.numel() for parameter in module.parameters())
            assert parameters == layer.parameters, f"{layer} has {parameters} parameters, not {layer.parameters}"

    def test_its_module_does_the_work_that_it_says(self) -> None:
        from torch.utils.flop_counter import FlopCounterMode

        from dna_deploy.export.formats.onnx_graph import fold_batch_norms

        for layer, module in self._built():
            deployed = fold_batch_norms(copy.deepcopy(module))
            with FlopCounterMode(display=False) as counter:
                deployed(*self._tensors(1))
            macs = counter.get_total_flops() // 2  # a multiply-accumulate operation is two floating-point ones
            assert macs == layer.macs, f"{layer} does {macs} MACs, not {layer.macs}"

    def test_images_of_a_batch_do_not_mix(self) -> None:
        import torch

        for layer, module in self._built():
            tensors = self._tensors()
            alone = torch.cat([module(*(tensor[index : index + 1] for tensor in tensors)) for index in range(_BATCH)])
            assert torch.allclose(module(*tensors), alone, atol=1e-4), f"{layer}: a batch gives other results than its images"

    def test_every_parameter_learns(self) -> None:
        for layer, module in self._built():
            module.train()(*self._tensors()).square().sum().backward()
            idle = [name for name, parameter in module.named_parameters() if parameter.grad is None]
            assert not idle, f"{layer}: no gradient reaches {', '.join(idle)}"

    def test_the_exported_module_computes_the_same(self) -> None:
        import torch

        from dna_deploy.export.formats.onnx_graph import export_side_by_side
        from dna_deploy.export.runtimes.onnx_runtime import run_once

        layers, modules = zip(*self._built(), strict=True)
        tensors = self._tensors()
        with tempfile.TemporaryDirectory() as folder, torch.inference_mode():
            path, copies = Path(folder) / "modules.onnx", copy.deepcopy(modules)
            path.write_bytes(export_side_by_side(copies, [layer.inputs for layer in layers], _BATCH).SerializeToString())
            outputs = run_once(path, *(tensor.numpy() for _ in layers for tensor in tensors))
            for layer, module, judged in zip(layers, modules, outputs, strict=True):
                expected = module(*tensors)
                error = float((torch.from_numpy(judged) - expected).abs().max() / expected.abs().max())
                assert error < 1e-3, f"{layer}: ONNX Runtime is {error:.1e} off, relative to the largest value"

    def _built(self) -> list[tuple[PlacedLayer, nn.Module]]:
        import torch

        from dna_deploy.export.formats.onnx_graph import draw_shifts
        from dna_deploy.nets.layers import build_layer

        built = []
        with torch.random.fork_rng():
            torch.manual_seed(0)
            for layer in self._placed():
                module = build_layer(layer)
                draw_shifts(module)
                built.append((layer, module.eval()))
        return built

    def _tensors(self, batch: int = _BATCH) -> tuple[torch.Tensor, ...]:
        """Noise, a tensor an input."""
        import torch

        generator = torch.Generator().manual_seed(0)
        return tuple(torch.randn(batch, *shape.sizes, generator=generator).requires_grad_() for shape in self.inputs)
