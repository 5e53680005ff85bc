"""What a search strategy must keep: its proposals are feasible, and a search with a log of ratings resumes."""

from __future__ import annotations

import tempfile
from functools import cached_property
from pathlib import Path
from typing import Any

from dna_deploy.records.search_outcome import SearchOutcome
from dna_deploy.search.black_box import search_black_box
from dna_deploy.search.constraints import Constraint
from dna_deploy.spaces.architecture import Architecture
from dna_deploy.spaces.catalog import find_space
from dna_deploy.spaces.space import SearchSpace


class _StoppedError(Exception):
    """Stands for a kill: nothing after it runs."""


class StrategyContract:
    """Inherit it; name a strategy, a space, and a limit that not all of its networks keep."""

    name: str
    space: str = "fashion"
    macs: str = "4M"
    evaluations: int = 80

    @cached_property
    def found_space(self) -> SearchSpace:
        """The space as the command line finds it."""
        return find_space(self.space)

    def test_every_network_that_it_asks_for_keeps_the_limit_and_is_asked_for_once(self) -> None:
        asked: list[Architecture] = []
        self._search(asked)
        most = Constraint.parse("macs", self.macs).at_most
        assert most is not None
        costs = [sum(layer.macs for layer in self.found_space.place(network)) for network in asked]
        assert asked, "it asks for no network"
        assert max(costs) <= most, f"a network of {max(costs)} multiply-accumulates was rated, of at most {most:.0f}"
        assert len(set(asked)) == len(asked), "a network was rated twice"

    def test_equal_seeds_and_ratings_give_equal_searches(self) -> None:
        first, again = list[Architecture](), list[Architecture]()
        self._search(first)
        self._search(again)
        assert first == again, "equal seeds asked for other networks"

    def test_seeds_differ(self) -> None:
        first, second = list[Architecture](), list[Architecture]()
        self._search(first, seed=0)
        self._search(second, seed=1)
        assert first != second, "two seeds ask for the same networks: it is not random, or ignores its seed"

    def test_a_search_that_was_killed_goes_on_from_its_log(self) -> None:
        whole = self._search([])
        with tempfile.TemporaryDirectory() as folder:
            log, asked = Path(folder) / "ratings.jsonl", list[Architecture]()
            try:
                self._search(asked, log=log, most=self.evaluations // 3)
            except _StoppedError:
                resumed = self._search(asked, log=log)
        assert len(set(asked)) == len(asked), "a network in the log was rated again"
        assert (resumed.best, resumed.front) == (whole.best, whole.front), "a resumed search ends elsewhere"

    def _search(self, asked: list[Architecture], most: int | None = None, **options: Any) -> SearchOutcome:
        """A search for few layers and many parameters, which notes what is rated, and is killed after so many ratings."""

        def rate(network: Architecture) -> float:
            if len(asked) == most:
                raise _StoppedError
            asked.append(network)
            layers = self.found_space.place(network)
            return len(layers) - sum(layer.parameters for layer in layers) / 1e6

        limit = Constraint.parse("macs", self.macs)
        settings = {"strategy": self.name, "evaluations": self.evaluations, **options}
        return search_black_box(self.found_space, rate, (), [limit], **settings)
