"""``dna-deploy shrink`` and ``grow``: another space, by a method that drops or combines choices while it trains."""

from __future__ import annotations

from itertools import zip_longest
from pathlib import Path
from typing import Annotated

import typer

from dna_deploy.cli.console import aligned, note, note_new, print_json, print_result
from dna_deploy.cli.options.general import DATASET, SEED, SPACE, Json
from dna_deploy.cli.options.groups import Further
from dna_deploy.cli.options.learning import COMPUTE, METHOD, SUPERNETS
from dna_deploy.cli.views.journey import journey_view
from dna_deploy.pipeline.settings import Settings

LATENCIES = Path("latency_tables")


def shrink(
    settings: Annotated[Settings, SPACE, DATASET, SEED, METHOD, SUPERNETS, COMPUTE, Further("rate")],
    context: typer.Context,
    *,
    folder: Annotated[Path, typer.Option(help="Where checkpoints are kept; the same command resumes.")] = Path("runs"),
    out: Annotated[Path, typer.Option("--out", "--output", "-o", help="The file of the space that is left.")] = Path(
        "shrunk.space.json"
    ),
    json: Json = False,
) -> None:
    """Train a supernet that changes its space; what comes of it is a space of its own, with its part of the latency table.

    angle and ddpnas drop options, nse gives layers several branches, neas gives a network several. With a table and a budget,
    some network that keeps the budget is always left.

    Example: dna-deploy shrink --method angle --keep 1000 --table latency_tables/fashion.json --budget 3ms

    Example: dna-deploy shrink --method ddpnas --left 2

    Example: dna-deploy grow --space catalogue --method nse --table latency_tables/catalogue.json --budget 3ms
    """
    from dna_deploy.errors import UsageError
    from dna_deploy.pipeline.images import ProjectImages
    from dna_deploy.pipeline.stages.rate import Rate
    from dna_deploy.rating.rater import ChangingRater, raters_that
    from dna_deploy.records.latency_table import LatencyTable
    from dna_deploy.spaces.catalog import find_chain

    if settings.method not in (changing := raters_that(ChangingRater)):
        raise UsageError(f"method {settings.method!r} changes no space", f"take one that does: {', '.join(changing)}")
    images = ProjectImages(settings.data, find_chain(settings.space))
    note_new(folder)
    with journey_view() as view:
        images.tell(view)
        rater = Rate(settings.method, settings.rate, images, None, out, settings.compute).rater(folder, own_folder=True)
        assert isinstance(rater, ChangingRater)
        record = rater.changed(view)
    record.write(out)
    record.remember()
    table = getattr(settings.rate, "table", None)
    restricted = record.restricted(LatencyTable.read(table)) if table else None
    if restricted:
        restricted.write(LATENCIES / f"{record.name}.{restricted.target.name}.json")
    if json:
        sizes = {"networks": record.chain.size(), "networks_before": images.space.size()}
        print_json(
            context.info_name or "shrink",
            space=record.name,
            file=str(out),
            folder=str(rater.work.folder),
            record=record.model_dump(mode="json"),
            **sizes,
        )
        return
    rows = zip_longest(images.space.index.counts, record.chain.index.counts, fillvalue="in the head")
    lines = [(number, *row) for number, row in enumerate(rows, 1)]
    print_result(aligned(lines, ("block", "candidates before", "candidates now")))
    note(f"wrote {out}; {images.space.size():,} networks before, {record.chain.size():,} now: the space {record.name}")
    note(f"next: dna-deploy {'rate' if restricted or not table else 'profile'} --space {record.name}")
