"""One searcher on one problem, in that searcher's own environment: ``python peers.py NAME problem.json``.

A problem is a list of blocks; a candidate of a block has a rating and one cost a constraint; ratings and costs add, and
every budget is an upper bound. The layers of a block choose among 6 operations, so a candidate is a number in base 6.
Prints one JSON object: the best rating found that keeps the budgets (null for none) and the seconds it took.
"""

from __future__ import annotations

import contextlib
import copy
import io
import json
import random
import signal
import sys
import time
from pathlib import Path

import numpy as np

OPERATIONS = 6


class Problem:
    def __init__(self, path: str) -> None:
        body = json.loads(Path(path).read_text())
        self.ratings = [np.array(block) for block in body["ratings"]]
        budgets = np.array(body["budgets"])
        # In units in which every budget is 20: solvers have absolute tolerances, and ticks of 1e-18 s would mock them.
        self.costs = [np.array(block) / budgets[:, None] * 20 for block in body["costs"]]  # (constraints, candidates)
        self.budgets = np.full(budgets.size, 20.0)
        self.depths = body["depths"]
        self.seed = body["seed"]

    def candidates(self, genes: np.ndarray) -> list[int]:
        choices, first = [], 0
        for depth in self.depths:
            choices.append(int(np.dot(genes[first : first + depth], OPERATIONS ** np.arange(depth)[::-1])))
            first += depth
        return choices

    def rating(self, choices: list[int]) -> float:
        return float(sum(block[choice] for block, choice in zip(self.ratings, choices, strict=True)))

    def excess(self, choices: list[int]) -> np.ndarray:
        return sum(block[:, choice] for block, choice in zip(self.costs, choices, strict=True)) / self.budgets - 1


def highs(problem: Problem) -> float | None:
    from scipy.optimize import LinearConstraint, milp
    from scipy.sparse import csr_array

    sizes = [block.size for block in problem.ratings]
    rows = np.repeat(np.arange(len(sizes)), sizes)
    choose = csr_array((np.ones(rows.size), (rows, np.arange(rows.size))))
    constraints = [
        LinearConstraint(choose, 1, 1),
        LinearConstraint(np.hstack(problem.costs) / problem.budgets[:, None], -np.inf, 1),
    ]
    found = milp(
        np.concatenate(problem.ratings), integrality=1, bounds=(0, 1), constraints=constraints, options={"mip_rel_gap": 0}
    )
    return float(found.fun) if found.x is not None else None


def cbc(problem: Problem) -> float | None:
    import pulp

    model = pulp.LpProblem("search", pulp.LpMinimize)
    blocks = [
        [pulp.LpVariable(f"x{b}_{c}", cat="Binary") for c in range(block.size)] for b, block in enumerate(problem.ratings)
    ]
    model += pulp.lpSum(
        x * r for xs, ratings in zip(blocks, problem.ratings, strict=True) for x, r in zip(xs, ratings, strict=True)
    )
    for xs in blocks:
        model += pulp.lpSum(xs) == 1
    for row, budget in enumerate(problem.budgets):
        model += (
            pulp.lpSum(
                x * c
                for xs, costs in zip(blocks, problem.costs, strict=True)
                for x, c in zip(xs, costs[row] / budget, strict=True)
            )
            <= 1
        )
    model.solve(pulp.PULP_CBC_CMD(msg=False, gapRel=0, threads=1))
    return float(pulp.value(model.objective)) if model.status == pulp.LpStatusOptimal else None


def cp_sat(problem: Problem) -> float | None:
    from ortools.sat.python import cp_model

    model, scale = cp_model.CpModel(), 10**9
    blocks = [[model.new_bool_var("") for _ in block] for block in problem.ratings]
    for xs in blocks:
        model.add_exactly_one(xs)
    for row, budget in enumerate(problem.budgets):
        whole = [np.ceil(costs[row] / budget * scale).astype(int).tolist() for costs in problem.costs]
        model.add(sum(cp_model.LinearExpr.weighted_sum(xs, c) for xs, c in zip(blocks, whole, strict=True)) <= scale)
    ratings = [np.rint(block * scale).astype(int).tolist() for block in problem.ratings]
    model.minimize(sum(cp_model.LinearExpr.weighted_sum(xs, r) for xs, r in zip(blocks, ratings, strict=True)))
    solver = cp_model.CpSolver()
    solver.parameters.num_workers = 1
    status = solver.solve(model)
    return solver.objective_value / scale if status == cp_model.OPTIMAL else None


def puzzletron(problem: Problem) -> float | None:
    from modelopt.torch.puzzletron.mip.mip_with_multi_layer_replacements import run_mip

    replacements = {
        f"{b}.{c}": {
            "parent_layer_indices": (b,), "replacement_id": f"{b}.{c}", "metrics": {"loss": float(rating)},
            "stats": {f"cost{row}": float(value) for row, value in enumerate(problem.costs[b][:, c])},
        }
        for b, block in enumerate(problem.ratings)
        for c, rating in enumerate(block)
    }  # fmt: skip
    budgets = {f"stats.cost{row}": float(budget) for row, budget in enumerate(problem.budgets)}
    found = run_mip(replacements, "metrics.loss", budgets, bigger_is_better=False)
    return float(found[0]["total_value"]) if found else None


def ofa(problem: Problem) -> float | None:
    from ofa.nas.search_algorithm import EvolutionFinder

    layers = sum(problem.depths)

    class Encoder:
        def random_sample_arch(self) -> dict:
            return {"ops": [random.randrange(OPERATIONS) for _ in range(layers)]}

        def mutate_resolution(self, sample: dict, probability: float) -> None:
            pass

        def mutate_arch(self, sample: dict, probability: float) -> None:
            for layer in range(layers):
                if random.random() < probability:
                    sample["ops"][layer] = random.randrange(OPERATIONS)

    class Accuracy:
        arch_encoder = Encoder()

        def predict_acc(self, samples: list[dict]) -> np.ndarray:
            return np.array([-problem.rating(problem.candidates(np.array(sample["ops"]))) for sample in samples])

    class Efficiency:
        def get_efficiency(self, sample: dict) -> float:
            return float(problem.excess(problem.candidates(np.array(sample["ops"]))).max())

    _, best = EvolutionFinder(Efficiency(), Accuracy()).run_evolution_search(0.0)
    return -best[0]


def _pymoo(problem: Problem, objectives: int) -> float | None:
    from pymoo.algorithms.moo.nsga2 import NSGA2
    from pymoo.algorithms.soo.nonconvex.ga import GA
    from pymoo.core.problem import ElementwiseProblem
    from pymoo.operators.crossover.sbx import SBX
    from pymoo.operators.mutation.pm import PM
    from pymoo.operators.repair.rounding import RoundingRepair
    from pymoo.operators.sampling.rnd import IntegerRandomSampling
    from pymoo.optimize import minimize

    best = [np.inf]

    class Wrapped(ElementwiseProblem):
        def __init__(self) -> None:
            super().__init__(
                n_var=sum(problem.depths), n_obj=objectives, n_ieq_constr=len(problem.budgets) if objectives == 1 else 0,
                xl=0, xu=OPERATIONS - 1, vtype=int,
            )  # fmt: skip

        def _evaluate(self, x: np.ndarray, out: dict, *args: object, **kwargs: object) -> None:
            choices = problem.candidates(x)
            rating, excess = problem.rating(choices), problem.excess(choices)
            if (excess <= 0).all():
                best[0] = min(best[0], rating)
            if objectives == 1:
                out["F"], out["G"] = rating, excess
            else:
                out["F"] = [rating, excess.max()]

    settings = {
        "pop_size": 100, "sampling": IntegerRandomSampling(), "crossover": SBX(vtype=float, repair=RoundingRepair()),
        "mutation": PM(vtype=float, repair=RoundingRepair()), "eliminate_duplicates": True,
    }  # fmt: skip
    minimize(Wrapped(), (GA if objectives == 1 else NSGA2)(**settings), ("n_gen", 500), seed=problem.seed, verbose=False)
    return best[0] if np.isfinite(best[0]) else None


def pymoo_ga(problem: Problem) -> float | None:
    return _pymoo(problem, 1)


def pymoo_nsga2(problem: Problem) -> float | None:
    return _pymoo(problem, 2)


def random_draws(problem: Problem) -> float | None:
    rng = np.random.default_rng(problem.seed)
    choices = [rng.integers(0, block.size, 100_000) for block in problem.ratings]
    ratings = sum(block[chosen] for block, chosen in zip(problem.ratings, choices, strict=True))
    costs = sum(block[:, chosen] for block, chosen in zip(problem.costs, choices, strict=True))
    fits = (costs <= problem.budgets[:, None]).all(axis=0)
    return float(ratings[fits].min()) if fits.any() else None


def greedy(problem: Problem) -> float | None:
    """From the cheapest candidates, take the step with the best gain for its cost until none fits."""
    relative = [costs / problem.budgets[:, None] for costs in problem.costs]
    choices = [int(costs.max(axis=0).argmin()) for costs in relative]
    if (problem.excess(choices) > 0).any():
        return None
    while True:
        spent, best = sum(costs[:, choice] for costs, choice in zip(relative, choices, strict=True)), None
        for block, (ratings, costs) in enumerate(zip(problem.ratings, relative, strict=True)):
            more = costs - costs[:, [choices[block]]]
            gain = ratings[choices[block]] - ratings
            allowed = ((spent[:, None] + more) <= 1).all(axis=0) & (gain > 0)
            if allowed.any():
                worth = np.where(allowed, gain / np.maximum(more.max(axis=0), 1e-12), -1)
                pick = int(worth.argmax())
                if best is None or worth[pick] > best[0]:
                    best = (worth[pick], block, pick)
        if best is None:
            return problem.rating(choices)
        choices[best[1]] = best[2]


SEARCHERS = {
    "highs": highs, "cbc": cbc, "cp-sat": cp_sat, "puzzletron": puzzletron, "ofa": ofa, "pymoo-ga": pymoo_ga,
    "pymoo-nsga2": pymoo_nsga2, "random": random_draws, "greedy": greedy,
}  # fmt: skip


def main() -> None:
    problem, search = Problem(sys.argv[2]), SEARCHERS[sys.argv[1]]
    random.seed(problem.seed)
    np.random.seed(problem.seed)  # ofa draws from it
    with contextlib.redirect_stdout(io.StringIO()):
        if sys.argv[1] in ("highs", "cbc", "cp-sat", "puzzletron"):  # imports are not search time
            warm = copy.copy(problem)
            warm.ratings, warm.costs = [block[:2] for block in problem.ratings], [block[:, :2] for block in problem.costs]
            search(warm)
        signal.alarm(int(sys.argv[3]))  # kills: importing is not in it
        began = time.perf_counter()
        rating = search(problem)
        signal.alarm(0)
    sys.stderr.flush()
    print("\n" + json.dumps({"rating": rating, "seconds": time.perf_counter() - began}))


if __name__ == "__main__":
    main()
