"""``dna-deploy export``: a network as an ONNX file that stands alone, checked against torch, with its model card."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, ClassVar

import typer

from dna_deploy.cli.console import aligned, complain, note, print_json, print_result
from dna_deploy.cli.options.general import READING, SPACE, Json
from dna_deploy.cli.options.groups import Knob, Knobs
from dna_deploy.pipeline.settings import Settings

if TYPE_CHECKING:
    from dna_deploy.data.config import Reading
    from dna_deploy.data.splits import ImageData
    from dna_deploy.export.delivery import Delivery
    from dna_deploy.export.formats.picture_size import PictureSize
    from dna_deploy.export.source import Source


@dataclass(frozen=True)
class Origin:
    """What is exported, besides the network's name, and what its card says of it."""

    PANEL: ClassVar = "Origin"

    weights: Annotated[Path | None, typer.Option(help="Weights as safetensors; none gives random ones.")] = None
    outcome: Annotated[Path | None, typer.Option(help="The search outcome that the network comes from.")] = None
    table: Annotated[Path | None, typer.Option(help="A latency table, to predict by.")] = None


@dataclass(frozen=True)
class Judging:
    """What the file is judged on."""

    PANEL: ClassVar = "Judging"

    dataset: Annotated[
        str | None, typer.Option(help="Judge on the test images of this data set; by default what it was trained on.")
    ] = None
    images: Annotated[int | None, typer.Option(min=1, help="How many test images to judge on; all by default.")] = None


@dataclass(frozen=True)
class Form:
    """In which forms the network is written."""

    PANEL: ClassVar = "Form"

    formats: Annotated[
        list[str] | None,
        typer.Option(
            "--format", help="A further format, and once more for each: onnx-fp16, onnx-int8, openvino, tensorrt-rtx, ..."
        ),
    ] = None
    with_preprocessing: Annotated[
        str | None,
        typer.Option(
            help="Also a file that takes pictures (bytes, channels last) of HEIGHTxWIDTH or 'any' size and gives probabilities."
        ),
    ] = None
    batch: Annotated[
        str | None,
        typer.Option(help="Images at once: a number, or 'any' to leave it open; by default what the latency was asked for."),
    ] = None

    @property
    def pictures(self) -> PictureSize | None:
        """The size of the pictures that a further file takes."""
        from dna_deploy.export.formats.picture_size import PictureSize

        return None if self.with_preprocessing is None else PictureSize.parse(self.with_preprocessing)

    @property
    def names(self) -> list[str]:
        """The further formats."""
        names = list(self.formats or ())
        if self.with_preprocessing is None:
            return names
        return [*names, "onnx-pictures", *(["openvino-pictures"] if "openvino" in names else [])]


def export(
    network: Annotated[
        str,
        typer.Argument(help="A trained network's record, a search outcome, or an architecture's line (with --space)."),
    ] = "trained/trained-network.json",
    *,
    settings: Annotated[Settings, SPACE, READING, Knobs("Options", Knob("seed", help="For random weights"))],
    origin: Origin,
    judging: Judging,
    out: Annotated[Path, typer.Option("--out", "--output", "-o", help="A new folder for the model and its card.")] = Path(
        "model"
    ),
    form: Form,
    replace: Annotated[bool, typer.Option("--replace", help="Replace a model that is in the folder.")] = False,
    json: Json = False,
) -> None:
    """Export a network as ONNX: batch norms folded, weights and provenance inside, checked against torch.

    Example: dna-deploy export trained.json --out model

    Example: dna-deploy export trained.json --format onnx-int8 --format openvino

    Example: dna-deploy export trained.json --with-preprocessing 480x640

    Example: dna-deploy export 24:k3e1/40:k5e3,p1/80:k3e3 --space fashion --out untrained
    """
    from dna_deploy.export.delivery import deliver

    pictures = form.pictures
    source = _source(network, settings.space, origin)
    data = _data(source, judging.dataset, settings.data)
    if data is not None:
        source = source.with_labels(data.classes, data.normalisation.mean, data.normalisation.deviation, data.shown)
    note(f"exporting {source.architecture}")
    delivery = deliver(
        source, out, formats=form.names, data=data, images=judging.images, batch=_batch(form.batch, source),
        seed=settings.seed, replace=replace, pictures=pictures,
    )  # fmt: skip
    _show(delivery, json=json)
    _complain(delivery)
    note(f"next: dna-deploy verify {delivery.model} --latency 20ms")


def _show(done: Delivery, *, json: bool) -> None:
    """Prints the cards of the files that were written."""
    written = (done, *done.others)
    if json:
        cards = [delivery.card.model_dump(mode="json") for delivery in written]
        files = [{"model": str(delivery.model), "card_file": str(delivery.card_file)} for delivery in written]
        refused = [{"format": one.name, "reason": one.error.message} for one in done.refused]
        print_json("export", models=[file | card for file, card in zip(files, cards, strict=True)], refused=refused)
        return
    from dna_deploy.export.cards.card_text import headline

    print_result("\n\n".join(aligned(headline(delivery.card)) for delivery in written))
    for delivery in written:
        note(f"wrote {delivery.model} and {delivery.card_file} (and as Markdown)")


def _complain(delivery: Delivery) -> None:
    """Ends with the first error of a format that was not delivered, after each is named."""
    for refused in delivery.refused:
        complain(f"{refused.name} was not delivered: {refused.error.message}")
    if delivery.refused:
        raise delivery.refused[0].error


def _source(network: str, space: str, origin: Origin) -> Source:
    from dataclasses import replace

    from dna_deploy.export.source import Source, source_of_record
    from dna_deploy.records.latency_table import LatencyTable
    from dna_deploy.records.search_outcome import SearchOutcome
    from dna_deploy.spaces.catalog import find_chain

    if ":" in network and not Path(network).exists():
        chain = find_chain(space).with_head()
        source = Source(chain, chain.parse(network))
    else:
        source = source_of_record(Path(network))
    if origin.weights is not None:
        source = replace(source, weights=origin.weights)
    if origin.outcome is not None:
        source = source.with_outcome(SearchOutcome.read(origin.outcome))
    if origin.table is not None:
        source = source.with_table(LatencyTable.read(origin.table))
    return source


def _data(source: Source, dataset: str | None, reading: Reading) -> ImageData | None:
    from dataclasses import replace

    from dna_deploy.data.config import DataConfig, Reading
    from dna_deploy.data.image_set import Normalisation
    from dna_deploy.data.splits import load_data
    from dna_deploy.errors import UsageError
    from dna_deploy.records.model_card import Absent
    from dna_deploy.records.trained_network import ImagePlace

    if dataset:
        place = ImagePlace(dataset=dataset)
    elif source.place is not None:
        place = source.place
        if Path(place.dataset).is_absolute() and not Path(place.dataset).exists():
            raise UsageError(f"the images that it was trained on left {place.dataset}", "say where they are: --dataset FOLDER")
    elif isinstance(source.dataset, Absent):
        return None
    else:  # a file of an older version knows the name alone
        place = ImagePlace(dataset=source.dataset.name)
    read = {key: getattr(reading, key) for key in Reading.model_fields}
    folder = Path(place.folder) if place.folder else None
    data = load_data(DataConfig(dataset=place.dataset, folder=folder, **read), source.space.input)
    for line in (data.summary, *data.notices):
        note(line)
    known = len(source.labels) or source.space.out_channels
    if len(data.classes) != known:
        raise UsageError(
            f"{data.name} has {len(data.classes)} classes, the network has {known}",
            "judge it on the data set that it was trained on",
        )
    for number, (theirs, own) in enumerate(zip(data.classes, source.labels, strict=False)):
        if theirs != own:
            raise UsageError(
                f"class {number} is {theirs!r} in {data.name} and {own!r} in the network", "call them what it was trained with"
            )
    # a network sees images as it was trained, whatever these images are usually normalised by
    return replace(data, normalisation=Normalisation(source.mean, source.deviation)) if source.mean else data


def _batch(text: str | None, source: Source) -> int | None:
    from dna_deploy.errors import UsageError
    from dna_deploy.records.model_card import Absent

    if text is None:
        return 1 if isinstance(source.asked, Absent) else source.asked.batch
    if text == "any":
        return None
    if not text.isdecimal() or int(text) < 1:
        raise UsageError(f"cannot use the batch {text!r}", "write a number such as 1, or 'any'")
    return int(text)
