"""What experiments said about the networks of the lists, ``scores/EXPERIMENT.csv``, and what runs took, ``scores/runs.csv``."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from benchmarks.rows import add_rows, read_rows
from dna_deploy.records.files import Provenance

FOLDER = Path(__file__).parent / "scores"
ACCURACY = "teacher's validation accuracy"


@dataclass(frozen=True)
class RunScores:
    """What one run of one experiment says about every network of a list, by kind of score; more is better."""

    experiment: str
    list_name: str
    seed: int
    cpu_s: float
    """Of this run; less than the whole where it began in another process."""
    teacher_accuracy: float | None
    scores: Mapping[str, tuple[float, ...]]

    @property
    def key(self) -> tuple[str, str, int]:
        return self.experiment, self.list_name, self.seed


def is_done(key: tuple[str, str, int], folder: Path = FOLDER) -> bool:
    """Whether a run (experiment, list, seed) has left its scores."""
    return any((row["experiment"], row["list"], int(row["seed"])) == key for row in read_rows(folder / "runs.csv"))


def keep(run: RunScores, folder: Path = FOLDER) -> None:
    """Adds the scores of a run, and then the run itself, whose row says that the scores are whole."""
    rows = [
        {"list": run.list_name, "seed": run.seed, "kind": kind, "network": number, "score": repr(float(score))}
        for kind, scores in run.scores.items()
        for number, score in enumerate(scores)
    ]
    add_rows(folder / f"{run.experiment}.csv", rows)
    add_rows(
        folder / "runs.csv",
        [
            {
                "experiment": run.experiment,
                "list": run.list_name,
                "seed": run.seed,
                "cpu_s": run.cpu_s,
                "teacher_accuracy": "" if run.teacher_accuracy is None else run.teacher_accuracy,
                **Provenance.now().model_dump(mode="json"),
            }
        ],
    )


def read_scores(list_name: str, experiments: Sequence[str], folder: Path = FOLDER) -> list[RunScores]:
    """Every finished run for a list, in the order of the names of experiments and seeds."""
    rows = [row for row in read_rows(folder / "runs.csv") if row["list"] == list_name]
    finished = {(row["experiment"], int(row["seed"])): row for row in rows}
    runs = []
    for experiment in sorted(experiments, key=lambda name: f"{name}-"):
        said: dict[int, dict[str, dict[int, float]]] = {}
        for row in read_rows(folder / f"{experiment}.csv"):
            if row["list"] == list_name:
                kinds = said.setdefault(int(row["seed"]), {})
                kinds.setdefault(row["kind"], {})[int(row["network"])] = float(row["score"])
        for seed in sorted(said, key=str):
            if (experiment, seed) in finished:
                runs.append(_run(experiment, list_name, seed, finished[experiment, seed], said[seed]))
    return runs


def _run(
    experiment: str, list_name: str, seed: int, row: Mapping[str, str], said: Mapping[str, Mapping[int, float]]
) -> RunScores:
    scores = {kind: tuple(numbers[number] for number in sorted(numbers)) for kind, numbers in said.items()}
    accuracy = float(row["teacher_accuracy"]) if row["teacher_accuracy"] else None
    return RunScores(experiment, list_name, seed, float(row["cpu_s"]), accuracy, scores)
