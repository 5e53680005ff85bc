"""What a source of pretrained teachers must keep, so that blocks can imitate its networks. Torch comes late."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING

from dna_deploy.contracts.tiny import is_refused
from dna_deploy.errors import DnaDeployError
from dna_deploy.spaces.catalog import find_chain
from dna_deploy.spaces.chain import ChainSpace

if TYPE_CHECKING:
    import torch

    from dna_deploy.nets.teachers.cutting import CutByModules
    from dna_deploy.nets.teachers.pretrained import Pretrained
    from dna_deploy.nets.teachers.teacher import Teacher

_BATCH = 2


class TeacherContract:
    """Inherit it; give a teacher as ``source:model``, and a space whose blocks it can teach. Weights are random here."""

    name: str
    space: str
    cuts: tuple[str, ...] = ()

    @cached_property
    def found_space(self) -> ChainSpace:
        """The space as the command line finds it."""
        return find_chain(self.space)

    def test_it_says_what_its_inputs_are(self) -> None:
        pretrained, channels = self._pretrained(), self.found_space.input.channels
        assert len(pretrained.mean) == len(pretrained.deviation) == channels, (
            f"{len(pretrained.mean)} numbers for {channels} channels"
        )
        assert min(pretrained.deviation) > 0, f"a deviation is not positive: {pretrained.deviation}"

    def test_it_has_features_for_every_block_of_the_space(self) -> None:
        self._teacher(self._cut()).check_fits(self.found_space)

    def test_cut_it_gives_the_scores_that_it_gave_whole(self) -> None:
        import torch

        pretrained = self._pretrained()
        with torch.inference_mode():
            whole = pretrained.network.eval()(self._images())
            cut = self._teacher(self._cut(pretrained)).scores(self._images())
        assert whole.shape == cut.shape == (_BATCH, whole.shape[1]), f"scores are {tuple(cut.shape)}, not {tuple(whole.shape)}"
        error = float((whole - cut).abs().max() / whole.abs().max())
        assert error < 1e-3, f"its head gives other scores than the whole network: {error:.1e}"

    def test_images_of_a_batch_do_not_mix(self) -> None:
        import torch

        teacher, images = self._teacher(self._cut()), self._images()
        together, alone = teacher.features(images), teacher.features(images[:1])
        assert all(
            torch.allclose(both[:1], single, atol=1e-3 * float(single.abs().max()))
            for both, single in zip(together, alone, strict=True)
        ), "an image has other features in company"

    def test_a_model_that_it_does_not_have_is_refused_by_name(self) -> None:
        from dna_deploy.nets.teachers.pretrained import Known, load_pretrained

        wrong = f"{self.name.partition(':')[0]}:no-such-model"
        assert is_refused(lambda: load_pretrained(wrong, Known.NONE, self.found_space.input), DnaDeployError), (
            "an unknown model must be refused with a DnaDeployError"
        )

    def _pretrained(self) -> Pretrained:
        import torch

        from dna_deploy.nets.teachers.pretrained import Known, load_pretrained

        with torch.random.fork_rng():
            torch.manual_seed(0)
            return load_pretrained(self.name, Known.NONE, self.found_space.input)

    def _cut(self, pretrained: Pretrained | None = None) -> CutByModules:
        from dna_deploy.nets.teachers.cutting import cut_network

        pretrained = pretrained or self._pretrained()
        return cut_network(pretrained.network, self.found_space, self.cuts, pretrained.made_for)

    def _teacher(self, network: CutByModules) -> Teacher:
        from dna_deploy.nets.teachers.teacher import Teacher

        return Teacher.freeze(self.name, "sha256:0", network, self.found_space.input)

    def _images(self) -> torch.Tensor:
        import torch

        shape = self.found_space.input
        generator = torch.Generator().manual_seed(0)
        return torch.randn(_BATCH, shape.channels, shape.height, shape.width, generator=generator)
