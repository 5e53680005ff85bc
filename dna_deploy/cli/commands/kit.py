"""``dna-deploy kit``: everything that a device needs to be profiled, in one small file."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from dna_deploy.cli.console import note, print_json, print_result
from dna_deploy.cli.options.general import SPACE, Json
from dna_deploy.cli.options.groups import Knob, Knobs
from dna_deploy.cli.options.model import MODEL
from dna_deploy.cli.views.journey import journey_view
from dna_deploy.pipeline.settings import Settings

if TYPE_CHECKING:
    from dna_deploy.export.kits.kit import KitPlan
    from dna_deploy.export.kits.own_kit import OwnKit
    from dna_deploy.pipeline.fit.config import ModelConfig
    from dna_deploy.progress import OnProgress
    from dna_deploy.records.probe_kit import ProbeKit


def kit(
    *,
    settings: Annotated[Settings, SPACE, Knobs("Options", Knob("seed", help="Draws whole networks and random weights")), MODEL],
    output: Annotated[Path, typer.Option("--out", "--output", "-o", help="The kit to write, such as mbconv.kit.")],
    calibration: Annotated[
        int | None, typer.Option(help="Whole networks to fit the table on.", show_default="10, or 40 if they are small", min=3)
    ] = None,
    validation: Annotated[int, typer.Option(help="Whole networks to judge the table on.", min=0)] = 40,
    batch: Annotated[int, typer.Option(help="Images at once.", min=1)] = 1,
    precision: Annotated[str, typer.Option(help="fp32, fp16 or int8.")] = "fp32",
    json: Json = False,
) -> None:
    """Write a probe kit: the layers of a space as weightless ONNX graphs, to be profiled on a device without torch.

    Example: dna-deploy kit --space mbconv -o mbconv.kit

    Example, of one's own model: dna-deploy kit --model timm:resnet50 -o mine.kit
    """
    from dna_deploy.errors import UsageError
    from dna_deploy.export.kits.kit import KitPlan
    from dna_deploy.export.kits.kit_cache import cached_kit, keep_own_kit
    from dna_deploy.records.own_space import write_own_space
    from dna_deploy.spaces.catalog import find_space
    from dna_deploy.spaces.chain import with_usual_head
    from dna_deploy.targets.target import as_precision

    plan, also = KitPlan(settings.seed, calibration, validation, batch, as_precision(precision)), ""
    with journey_view() as on_progress:
        if settings.model.name:
            if precision != "fp32":
                raise UsageError(f"a kit of one's own model in {precision} cannot be made", "leave out --precision")
            own = _own_kit(settings.model, plan, on_progress)
            keep_own_kit(own.kit)
            made, also = own.kit, f", with {write_own_space(own.space, output.parent)} beside it"
        else:
            made = cached_kit(with_usual_head(find_space(settings.space)), plan, on_progress)
    made.write(output)
    _show(made, output, json=json)
    note(f"next, on the device: dna-deploy profile {output}{also}")


def _own_kit(model: ModelConfig, plan: KitPlan, on_progress: OnProgress) -> OwnKit:
    """The kit and the space of somebody's own model, with every candidate that needs no images."""
    from dna_deploy.export.kits.own_kit import make_own_kit
    from dna_deploy.fit.freezing import frozen
    from dna_deploy.fit.units import find_units
    from dna_deploy.fit.unrated import unrated_candidates

    own = model.open(trained=False)
    network = find_units(own.network, own.input).network
    candidates = unrated_candidates(network, frozen(network.units, model.freeze), own.input)
    return make_own_kit(own.name, own.input, network, candidates, plan, on_progress)


def _show(made: ProbeKit, output: Path, *, json: bool) -> None:
    """Prints what is in a kit."""
    from dna_deploy.units import Bytes

    size = output.stat().st_size
    layers = len(made.probes("layer"))
    if json:
        print_json(
            "kit",
            path=str(output),
            size_bytes=size,
            digest=made.digest,
            space=made.manifest.space,
            layers=layers,
            calibration_networks=len(made.probes("calibration")),
            validation_networks=len(made.probes("validation")),
        )
        return
    print_result(f"{output}: {Bytes(size)}, {layers} layers and {len(made.graphs) - layers - 2} whole networks")
