"""The rows that are there as tables: orders with intervals, what every paper claims with its check, and what it took."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np
from tabulate import tabulate

from benchmarks.rows import read_rows

Rows = Mapping[str, Mapping[str, float]]
"""By method."""
HEAD = """<!-- made by: python -m benchmarks.rating.one_shots --show -->

# What the papers of one-shot methods claim, checked in the small

Each method trains a supernet for about as many images as SPOS (`one-shot`), with its defaults, but that widths share weights
on `nats-size`. *Orders* are Kendall's tau with the accuracy of networks that are trained alone: the 72 networks of list `c` on
`fashion`, 100 drawn networks on `nats-size` with published accuracies; in brackets 95 % intervals over networks, in their mean
where there are several seeds. *Checks* are differences, one a seed, in points where nothing else is said. "Shared" is with the
method's own weights; "alone" is trained alone with one seed (`fashion`) or published (`nats-size`); "judged" is published,
too, but on `fashion`, where training many networks alone takes hours, with the weights of SPOS of the next seed, whose order
is above. Size is beside every order, since counting is the opponent. Seconds are the most of all seeds, and those of the
last process where a training was resumed.


"""

CLAIMS: tuple[tuple[str, str, Callable[[Rows], float]], ...] = (
    ("Cream", "shared accuracy within the budget, minus SPOS'", lambda of: of["cream"]["uniform"] - of["one-shot"]["uniform"]),
    ("Cream", "its tau, minus SPOS'", lambda of: of["cream"]["tau accuracy"] - of["one-shot"]["tau accuracy"]),
    ("Cream", "best of the board, minus best of SPOS' drawn networks, alone",
     lambda of: of["cream"]["best of the board alone"] - of["one-shot"]["best of uniform alone"]),
    ("Cream, top1", "shared accuracy within the budget, minus SPOS'",
     lambda of: of["cream-top1"]["uniform"] - of["one-shot"]["uniform"]),
    ("Cream, top1", "its tau, minus SPOS'", lambda of: of["cream-top1"]["tau accuracy"] - of["one-shot"]["tau accuracy"]),
    ("SETN", "shared accuracy of proposals, minus networks drawn", lambda of: of["setn"]["proposals"] - of["setn"]["uniform"]),
    ("SETN", "best of ten proposals, minus best of ten drawn",
     lambda of: of["setn"]["proposals best of 10"] - of["setn"]["uniform best of 10"]),
    ("SETN", "proposals, minus networks drawn, judged",
     lambda of: of["setn"]["proposals judged"] - of["setn"]["uniform judged"]),
    ("SETN", "most likely network, minus the one of most parameters, judged",
     lambda of: of["setn"]["first proposal"] - of["setn"]["most parameters"]),
    ("SETN", "parameters of proposals over those drawn (ratio)",
     lambda of: of["setn"]["proposals Mparameters"] / of["setn"]["uniform Mparameters"]),
    ("ABS", "order by angle after a twelfth with the last, minus that by accuracy (tau)",
     lambda of: of["one-shot"]["angle after a twelfth"] - of["one-shot"]["accuracy after a twelfth"]),
    ("ABS", "the same after a third (tau)",
     lambda of: of["one-shot"]["angle after a third"] - of["one-shot"]["accuracy after a third"]),
    ("ABS", "angle with parameters (tau)", lambda of: of["one-shot"]["tau angle with parameters"]),
    ("ABS", "survivors, minus networks as fast, judged",
     lambda of: of["angle"]["survivors"] - of["angle"]["as fast"]),
    ("ABS", "survivors of chance, minus networks as fast, judged",
     lambda of: of["chance"]["survivors"] - of["chance"]["as fast"]),
    ("ABS", "parameters of survivors over those of networks as fast (ratio)",
     lambda of: of["angle"]["survivors Mparameters"] / of["angle"]["as fast Mparameters"]),
    ("GeNAS", "tau of accuracy and flatness, minus that of accuracy",
     lambda of: of["one-shot"]["tau accuracy and flatness"] - of["one-shot"]["tau accuracy"]),
    ("GeNAS", "flatness with minus the loss (tau)", lambda of: of["one-shot"]["tau flatness with minus loss"]),
    *(("GeNAS", f"{name} images: tau of accuracy and flatness, minus that of accuracy, 12 networks",
       lambda of, name=name: of["genas"][f"order by both, {name}"] - of["genas"][f"order by accuracy, {name}"])
      for name in ("turned", "moved", "noisy")),
    ("GeNAS", "slope with accuracy lost by 8 bits (Spearman), 12 networks",
     lambda of: of["genas"]["slope with lost by 8 bits"]),
    ("GeNAS", "the least that it is, by its 95 % interval", lambda of: of["genas"]["slope with lost by 8 bits low"]),
    ("GeNAS", "accuracy lost by 8 bits", lambda of: of["genas"]["lost by 8 bits"]),
    ("DDPNAS", "the last network, minus the median of ten as fast, judged",
     lambda of: of["ddpnas"]["the last network"] - of["ddpnas"]["median as fast"]),
    ("DDPNAS, a third", "the same (last, minus median as fast) in fewer steps",
     lambda of: of["ddpnas-third"]["the last network"] - of["ddpnas-third"]["median as fast"]),
    ("DDPNAS, a third", "its steps over SPOS' (ratio)", lambda of: of["ddpnas-third"]["steps"] / of["one-shot"]["steps"]),
    ("NEAS", "gain of ensembles with how often branches disagree (correlation)", lambda of: of["neas"]["correlation of both"]),
    ("NEAS", "branches disagree, minus where diversity does not count",
     lambda of: of["neas"]["disagreement"] - of["neas-alike"]["disagreement"]),
    ("NEAS", "ensemble, minus the best single predicted to be as fast, shared",
     lambda of: of["neas"]["ensemble shared"] - of["neas"]["single shared"]),
    ("NEAS", "the same, alone", lambda of: of["neas"]["ensemble alone"] - of["neas"]["single alone"]),
    ("NEAS", "measured latency of the ensemble over the single's, one thread (ratio)",
     lambda of: of["neas"]["ensemble measured ms, 1 threads"] / of["neas"]["single measured ms, 1 threads"]),
    ("NEAS", "the same, two threads (ratio)",
     lambda of: of["neas"]["ensemble measured ms, 2 threads"] / of["neas"]["single measured ms, 2 threads"]),
    ("NEAS", "ensemble, minus the best single of its measured latency, two threads, alone",
     lambda of: of["neas-matched"]["ensemble alone"] - of["neas-matched"]["single alone"]),
    ("NEAS", "its measured latency over that single's, two threads (ratio)",
     lambda of: of["neas-matched"]["ensemble measured ms, 2 threads"] / of["neas-matched"]["single measured ms, 2 threads"]),
    ("NSE", "area under the front, third round minus first, alone",
     lambda of: of["nse"]["round 3, area alone"] - of["nse"]["round 1, area alone"]),
    ("NSE", "third round, minus one round of as many steps, alone",
     lambda of: of["nse"]["round 3, area alone"] - of["nse-once"]["round 1, area alone"]),
)  # fmt: skip


def report(folder: Path) -> str:
    """Everything that the files of a folder say."""
    rows: dict[str, dict[str, dict[str, dict[str, float]]]] = {}
    for path in sorted(folder.glob("*-*.csv")):
        ground = next(name for name in ("nats-size", "fashion") if path.stem.startswith(name))
        for row in read_rows(path):
            numbers = {column: float(json.loads(cell)) for column, cell in row.items() if column != "name"}
            rows.setdefault(ground, {}).setdefault(row["name"], {})[path.stem.removeprefix(f"{ground}-")] = numbers
    return HEAD + "\n".join(_ground(ground, by_seed) for ground, by_seed in rows.items())


def _ground(ground: str, by_seed: Mapping[str, Rows]) -> str:
    parts = {
        "orders": (
            ("method", "score", "seeds", "tau", "given MACs", "given parameters", "within bands", "regret"),
            _orders(by_seed),
        ),
        "checks": (("method", "check", "a seed each", "mean", "standard error"), _checks(by_seed)),
        "what it took": (("method", "seeds", "steps", "batch", "processor seconds"), _costs(by_seed)),
    }
    shown = {name: tabulate(lines, heads, tablefmt="github", disable_numparse=True) for name, (heads, lines) in parts.items()}
    return "\n".join(f"## `{ground}`: {name}\n\n{table}\n" for name, table in shown.items())


def _of(method: str, by_seed: Mapping[str, Rows]) -> list[Mapping[str, float]]:
    return [rows[method] for rows in by_seed.values() if method in rows]


def _methods(by_seed: Mapping[str, Rows]) -> list[str]:
    return list(dict.fromkeys(method for rows in by_seed.values() for method in rows))


def _orders(by_seed: Mapping[str, Rows]) -> list[tuple[str, ...]]:
    lines: list[tuple[str, ...]] = []
    for method in _methods(by_seed):
        rows = _of(method, by_seed)
        for score in [name.removeprefix("tau ") for name in rows[0] if f"{name} low" in rows[0] and name.startswith("tau ")]:
            names = (f"tau {score}", *(f"{score} {what}" for what in ("given MACs", "given parameters", "within bands")))
            regret = np.mean([row[f"{score} regret"] for row in rows])
            lines.append((method, score, str(len(rows)), *(_interval(name, rows) for name in names), f"{regret:.2f}"))
    return lines


def _interval(name: str, rows: list[Mapping[str, float]]) -> str:
    value, low, high = (np.mean([row[column] for row in rows]) for column in (name, f"{name} low", f"{name} high"))
    return "-" if np.isnan(value) else f"{value:+.2f} [{low:+.2f}, {high:+.2f}]"


def _checks(by_seed: Mapping[str, Rows]) -> list[tuple[str, ...]]:
    lines: list[tuple[str, ...]] = []
    for method, claim, difference in CLAIMS:
        values = []
        for rows in by_seed.values():
            try:
                values.append(difference(rows))
            except KeyError:  # a row or a ground that has none of it
                continue
        if values:
            error = f"{np.std(values, ddof=1) / len(values) ** 0.5:.2f}" if len(values) > 1 else "-"
            lines.append((method, claim, ", ".join(f"{value:+.2f}" for value in values), f"{np.mean(values):+.2f}", error))
    return lines


def _costs(by_seed: Mapping[str, Rows]) -> list[tuple[str, ...]]:
    lines: list[tuple[str, ...]] = []
    for method in _methods(by_seed):
        rows = _of(method, by_seed)
        if "steps" not in rows[0]:  # another look at what a row above trained
            continue
        seconds = max(row["seconds"] for row in rows)  # a resumed training says less
        lines.append((method, str(len(rows)), f"{rows[0]['steps']:.0f}", f"{rows[0]['batch']:.0f}", f"{seconds:.0f}"))
    return lines
