"""A rater is a way to rate networks: it trains something once, then says of any network of the space how good it is.

What it offers beyond scores is said by the methods it has: a rating table makes the exact search
possible, a second stage compares the networks of a shortlist, block supernets give networks weights to begin with.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, ClassVar, Protocol, TypeVar, runtime_checkable

from dna_deploy.data.config import DataConfig
from dna_deploy.data.splits import ImageData, load_data
from dna_deploy.errors import TableError, UsageError
from dna_deploy.learning.compute import Compute
from dna_deploy.nets.supernets.blocks import SupernetBlock
from dna_deploy.nets.teachers.teacher import Teacher, load_teacher
from dna_deploy.plugins import load_plugin, missing_members, plugin_names
from dna_deploy.progress import OnProgress, silent
from dna_deploy.rating.needs import Needs
from dna_deploy.rating.raters import RATERS
from dna_deploy.rating.work import RatingWork, run_file
from dna_deploy.records.changed_space import ChangedSpace
from dna_deploy.records.files import Part
from dna_deploy.records.rating_run import RatingRun
from dna_deploy.records.rating_table import RatingTable
from dna_deploy.records.refinement import Refinement
from dna_deploy.records.score import Score
from dna_deploy.spaces.architecture import Architecture
from dna_deploy.spaces.chain import ChainSpace, as_chain
from dna_deploy.values import read_values


@runtime_checkable
class Rater(Protocol):
    """A way to rate networks. Equal inputs give equal scores, bit for bit; a kill costs seconds, and the folder resumes."""

    config: ClassVar[type[Part]]
    """Its settings; the defaults of a ``seed`` and all others stand there."""
    needs: ClassVar[Needs]
    folder_name: ClassVar[str]
    """What the names of its folders begin with."""

    def __init__(self, work: RatingWork[Any, Any]) -> None:
        """Raises `UsageError` if the inputs do not fit each other. Nothing is read or written yet."""

    @property
    def work(self) -> RatingWork[Any, Any]:
        """What it was made from."""

    def train(self, on_progress: OnProgress = silent) -> None:
        """Trains what is not trained yet, and writes its run. What was begun is resumed.

        Raises:
            DnaDeployError: a training cannot go on; the last good checkpoint stays.
        """

    def score(self, networks: Sequence[Architecture], on_progress: OnProgress = silent) -> tuple[Score, ...]:
        """How good whole networks are, in their order, by scores of one kind. Trains first what is not trained.

        Raises:
            UsageError: a network is not in the space.
        """


@runtime_checkable
class AdditiveRater(Rater, Protocol):
    """A rater whose rating of a network is a sum over its blocks, so that the best one can be found exactly."""

    def table(self, on_progress: OnProgress = silent) -> RatingTable:
        """The rating of every candidate of every block. Lower is better."""


class SecondStage(Protocol):
    """Ranks shortlists anew, one after another; a network is rated once."""

    def refine(self, architectures: Sequence[Architecture], on_progress: OnProgress = silent) -> Refinement:
        """The networks of a shortlist, best first.

        Raises:
            UsageError: an architecture is not in the space.
        """


@runtime_checkable
class RefiningRater(AdditiveRater, Protocol):
    """A rater that compares the networks of a shortlist as wholes."""

    def second_stage(self, table: RatingTable, *, with_labels: bool = False) -> SecondStage:
        """The second stage of a search with this rater's table; ``with_labels`` also counts right answers.

        Raises:
            TableError: the table was not made from what this rater was made from.
            UsageError: it has no answers that labels could judge.
        """


@runtime_checkable
class BlockRater(AdditiveRater, Protocol):
    """A rater whose supernets give the blocks of a network weights to begin with."""

    def supernets(self, on_progress: OnProgress = silent) -> Mapping[int, SupernetBlock]:
        """The trained supernet of every block, by its index."""


@runtime_checkable
class ChangingRater(Rater, Protocol):
    """A rater that changes its space while it trains."""

    def changed(self, on_progress: OnProgress = silent) -> ChangedSpace:
        """What became of the space; what is not trained is trained first.

        Raises:
            InfeasibleError: no network keeps the budget that is to stay within reach.
        """


_LACKING: dict[type[Rater], str] = {
    Rater: "which lacks what every rater has",
    AdditiveRater: "which gives no rating table",
    RefiningRater: "which compares no shortlists",
    BlockRater: "whose blocks nobody can inherit",
    ChangingRater: "which changes no space",
}
"""How an error says that a rater is not more than it is."""

RaterT = TypeVar("RaterT", bound=Rater)


def raters_that(can: type) -> tuple[str, ...]:
    """The names of raters that keep a protocol such as `ChangingRater`."""
    return tuple(name for name in plugin_names("rater", RATERS) if not missing_members(load_rater(name), can))


def load_rater(name: str) -> type[Rater]:
    """The class of a rater.

    Raises:
        UsageError: there is none of that name, or there are several, or it breaks the protocol.
        DependencyError: a package it needs is not installed.
    """
    kind: type[Rater] = load_plugin("rater", name, RATERS, Rater)
    if not issubclass(kind.config, Part):
        raise UsageError(f"rater {name!r} is no rater: its config, {kind.config!r}, is no Part", "mend its package")
    return kind


def make_rater(
    method: str,
    space: ChainSpace,
    data: ImageData,
    config: Part,
    folder: Path,
    *,
    teacher: Teacher | None = None,
    compute: Compute | None = None,
    own_folder: bool = False,
) -> Rater:
    """A rater of a space.

    Args:
        method: its name.
        space: what is rated.
        data: images to train and to rate on.
        config: its settings.
        folder: keeps everything that it makes; the same folder resumes.
        teacher: for raters that need one.
        compute: where and how.
        own_folder: keep everything in a folder below ``folder`` instead, named after all inputs.

    Raises:
        UsageError: the inputs do not fit the rater or each other.
    """
    kind, compute = load_rater(method), compute or Compute()
    check_needs(method, kind.needs, has_teacher=teacher is not None, is_spread=compute.is_spread)
    if kind.needs.labels:
        space = space.with_head(space.head_for(len(data.classes)))
    work: RatingWork[Part, Any] = RatingWork.of(method, space, teacher, data, config, folder, compute)
    return kind(replace(work, folder=folder / f"{kind.folder_name}-{work.short_name}") if own_folder else work)


def check_needs(method: str, needs: Needs, *, has_teacher: bool, is_spread: bool) -> None:
    """Raises `UsageError` for a teacher or processes that a rater has no use for, or a teacher that it lacks."""
    if has_teacher and not needs.teacher:
        raise UsageError(f"method {method} has no teacher", "leave out the teacher and its settings, or take another method")
    if needs.teacher and not has_teacher:
        raise UsageError(f"method {method} needs a teacher", "name one, or take another method")
    if is_spread and not needs.processes:
        raise UsageError(f"method {method} runs in one process, not in several", "leave out --jobs and --on")


def open_rater(folder: Path, offering: type[RaterT], compute: Compute | None = None) -> RaterT:
    """The rater that left its run in a folder, with everything it was made from.

    Args:
        folder: as `dna-deploy rate` named it.
        offering: what the rater must be: `Rater`, or one that offers more.
        compute: where and how it goes on.

    Raises:
        TableError: there is no run; or its space, images or teacher are not what they were; or it offers less.
        UsageError: the rater is not installed here, has other settings now, or cannot be spread as ``compute`` says.
    """
    path = run_file(folder)
    run = RatingRun.read(path)
    kind = load_rater(run.method)
    if missing_members(kind, offering):
        raise TableError(f"{folder} holds what {run.method} trained, {_LACKING[offering]}", "name another folder")
    compute = compute or Compute()
    check_needs(run.method, kind.needs, has_teacher=kind.needs.teacher, is_spread=compute.is_spread)
    space = as_chain(run.find_networks() if kind.needs.labels else run.find_space())
    teacher = load_teacher(Path(run.teacher.file)) if run.teacher else None
    data = load_data(DataConfig.model_validate(run.data), space.input)
    facts = [("images", run.data_digest, data.digest)]
    if teacher and run.teacher:
        facts.append(("teacher", run.teacher.digest, teacher.digest))
    for what, before, now in facts:
        if before != now:
            raise TableError(f"the {what} behind the supernets in {folder} changed ({before[:19]} -> {now[:19]})", "rate again")
    config = read_values(kind.config, run.config, str(path))
    work = RatingWork(run.method, space, teacher, data, config, folder, run.identity, compute)
    rater = kind(work)
    assert isinstance(rater, offering)
    return rater
