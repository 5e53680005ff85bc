"""Do ratings know which network is better? Every experiment of `experiments.toml` against lists of known accuracy.

    python -m benchmarks.rating run                 (every experiment without scores; stops and goes on at any time)
    python -m benchmarks.rating run dna spos        (some of them; several processes share the work)
    python -m benchmarks.rating report              (writes benchmarks/results/rating.md and rating.svg)
    python -m benchmarks.rating mends               (writes benchmarks/results/rating_mends.md)
    python -m benchmarks.rating truth list|train|show   (makes a list, trains its networks, says what it can tell apart)
    python -m benchmarks.rating truth train --on processes:2   (or ray://HOST:PORT)

``--list a`` and ``b`` judge by the lists that were looked at while deciding, instead of the fresh one; their report is printed.
"""

from __future__ import annotations

import argparse
from pathlib import Path

from benchmarks.rating.experiments import EXPERIMENTS
from benchmarks.rating.truth import TRUTHS

RESULTS = Path(__file__).parents[1] / "results"
CURRENT = list(TRUTHS)[-1]


def main() -> None:
    parser = argparse.ArgumentParser(
        "python -m benchmarks.rating", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("step", choices=("run", "report", "mends", "truth"))
    parser.add_argument("names", nargs="*", metavar="NAME", help="experiments, or a step of truth; default: all")
    parser.add_argument("--list", choices=TRUTHS, default=CURRENT, dest="list_name")
    parser.add_argument("--on", default="here", help="where networks of a list are trained, as `dna-deploy rate --on`")
    arguments = parser.parse_args()
    if arguments.step == "truth":
        from benchmarks.rating.trainings import STEPS, train_list

        if set(arguments.names) - {*STEPS, "train"} or len(arguments.names) != 1:
            parser.error(f"truth takes one of train, {', '.join(STEPS)}")
        if arguments.names[0] == "train":
            train_list(arguments.list_name, arguments.on)
        else:
            STEPS[arguments.names[0]](arguments.list_name)
    elif arguments.step == "run":
        from benchmarks.rating.run import run

        if unknown := set(arguments.names) - EXPERIMENTS.keys():
            parser.error(f"unknown experiment {', '.join(sorted(unknown))}; there are {', '.join(EXPERIMENTS)}")
        run(arguments.list_name, arguments.names)
    elif arguments.step == "mends":
        from benchmarks.rating.mends import report_mends

        (RESULTS / "rating_mends.md").write_text(report_mends())
    else:
        from benchmarks.rating.report import draw, report

        text = report(arguments.list_name)
        if arguments.list_name == CURRENT:
            (RESULTS / "rating.md").write_text(text)
            draw(arguments.list_name, RESULTS / "rating.svg")
        else:
            print(text)


if __name__ == "__main__":
    main()
