"""What nearly every command takes."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from dna_deploy.cli.options.groups import Knob, Knobs

Json = Annotated[bool, typer.Option("--json", help="Print one JSON object.")]
Profiles = Annotated[Path, typer.Option(help="The folder of targets.")]

SPACE = Knobs("Options", Knob("space", ("--space", "-s"), "The search space, such as fashion or mbconv@128"))
READING = Knobs("Images", "data.skip_broken", "data.background", "data.most_megapixels")
DATASET = Knobs("Images", Knob("dataset", ("--dataset", "-d")), *READING.knobs)
SEED = Knobs("Options", "seed")
TARGET = Knobs("Options", Knob("target", ("--target", "-t"), "How to run it; see: dna-deploy targets"))
SPACE_AND_QUANTILE = Knobs("Options", *SPACE.knobs, Knob("quantile", help="Latencies are p50, p90 or p99"))

MEASURING = Knobs("Measuring", "profile.rounds", "profile.steady")
