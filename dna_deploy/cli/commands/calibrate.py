"""``dna-deploy calibrate``: a few short trainings teach a rating to speak of accuracy."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from dna_deploy.cli.console import aligned, note, print_json, print_result
from dna_deploy.cli.options.general import Json
from dna_deploy.cli.options.groups import Knob, Knobs
from dna_deploy.cli.options.learning import SPREADING
from dna_deploy.cli.options.tables import Ratings
from dna_deploy.cli.views.journey import journey_view
from dna_deploy.pipeline.settings import Settings

if TYPE_CHECKING:
    from dna_deploy.records.rating_calibration import RatingCalibration


def calibrate(
    run: Annotated[Path, typer.Argument(help="The folder with the supernets, as `dna-deploy rate` named it.")],
    *,
    networks: Annotated[int, typer.Option(min=6, help="How many networks to train shortly; 8 to 24 are usual.")] = 16,
    epochs: Annotated[int, typer.Option(min=1, help="Epochs of each, from its blocks' weights in the supernets.")] = 1,
    ratings: Ratings,
    settings: Annotated[Settings, Knobs("Options", Knob("seed", help="Chooses the networks")), SPREADING],
    out: Annotated[
        Path | None,
        typer.Option("--out", "--output", "-o", help="The calibrated table; default: ratings/SPACE.calibrated.json."),
    ] = None,
    json: Json = False,
) -> None:
    """Turn ratings into predicted accuracies: train a few networks shortly, fit what the plain sum cannot know.

    The networks are spread over cost and rating, and judged on held-out training images. The same command resumes.

    Example: dna-deploy calibrate runs/rate-1a2b3c4d --networks 16

    Example: dna-deploy calibrate runs/rate-1a2b3c4d --networks 24 --on ray://head:10001
    """
    from dna_deploy.pipeline.calibrate import calibrate_rating
    from dna_deploy.rating.rater import BlockRater, open_rater
    from dna_deploy.records.rating_calibration import calibration_beside
    from dna_deploy.search.spread import spread
    from dna_deploy.spaces.chain import as_headed
    from dna_deploy.training.recipe import Recipe

    rater = open_rater(run, BlockRater, settings.compute)
    work = rater.work
    table = ratings.read(work.space.name)
    chosen = spread(as_headed(work.space), table, networks, seed=settings.seed)
    with journey_view() as view:
        calibration = calibrate_rating(rater, table, chosen, Recipe(epochs=epochs), run / "short-trainings", on_progress=view)
    path = out or Path("ratings") / f"{work.space.name}.calibrated.json"
    beside = calibration_beside(path)
    calibration.table.write(path)
    calibration.record.write(beside)
    if json:
        print_json(
            "calibrate",
            table=str(path),
            calibration=calibration.record.model_dump(mode="json"),
            covered=calibration.record.covered,
        )
    else:
        print_result(calibration_view(calibration.record))
    note(f"wrote {path}, whose ratings are wrong answers in percent, and {beside}")
    note(f"next: dna-deploy search --space {work.space.name} --ratings {path} --latency 20ms")


def calibration_view(record: RatingCalibration) -> str:
    """Every trained network beside what the others predict of it, and what that is worth."""
    rows = [
        (
            network.architecture,
            network.reached.text(network.reached.value, 1),
            network.reached.text(network.predicted, 1),
            f"{network.reached.text(network.low, 1)} to {network.reached.text(network.high, 1)}"
            + ("" if network.is_covered else ": missed"),
        )
        for network in sorted(record.networks, key=lambda network: -network.reached.merit)
    ]
    headers = ("network", "reached", "predicted", "95 % interval")
    summary = f"{record.covered} of {len(rows)} intervals hold what was reached; each network is predicted by the others"
    order = f"Kendall's tau with accuracy: block sum {record.tau_of_sum:.2f}, predictions {record.tau_of_prediction:.2f}"
    return f"{aligned(rows, headers)}\n\n{summary}\n{order}"
