"""``dna-deploy init``, ``run`` and ``demo``: the whole journey from one settings file, with resume."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from dna_deploy.cli.console import aligned, note, note_new, print_json, print_result
from dna_deploy.cli.options.general import Json
from dna_deploy.cli.options.groups import Alone, Knob, Knobs
from dna_deploy.cli.views.journey import journey_view
from dna_deploy.errors import PromiseError, UsageError
from dna_deploy.pipeline.settings import Settings

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from dna_deploy.pipeline.journey import Journey
    from dna_deploy.pipeline.runner import Plan
    from dna_deploy.records.model_card import ModelCard

SETTINGS_FILE = Path("dna-deploy.toml")
DEMO_FOLDER = Path("runs/demo")
DEMO: dict[str, object] = {
    "profile.steady": True,
    "teacher.name": "residual",
    "teacher.recipe.epochs": 3,
    "rate.epochs": 3,
    "data.train_images": 20_000,
    "compute.jobs": 2,
}
"""Whoever sees it first may well have neighbours, and little time: this teacher takes a quarter of that of the default."""

PROMISE = Knobs(
    "Options",
    Knob("space", ("--space", "-s")),
    Knob("dataset", ("--dataset", "-d")),
    "latency",
    Knob("target", ("--target", "-t")),
)


def init(
    path: Annotated[Path, typer.Argument(help="The settings file to write.")] = SETTINGS_FILE,
    *,
    settings: Annotated[Settings, Alone(), PROMISE],
    replace: Annotated[bool, typer.Option("--replace", help="Overwrite a file that is there.")] = False,
    json: Json = False,
) -> None:
    """Write a settings file in which every key is explained.

    Example: dna-deploy init --latency 20ms --space mbconv --dataset photos/
    """
    from dna_deploy.pipeline.settings_file import settings_text
    from dna_deploy.records.files import write_atomically
    from dna_deploy.spaces.catalog import find_space

    find_space(settings.space)
    if path.exists() and not replace:
        raise UsageError(f"{path} is there already", "edit it, or overwrite it with --replace")
    write_atomically(path, settings_text(settings).encode())
    if json:
        print_json("init", path=str(path))
    else:
        print_result(str(path))
    note("next: dna-deploy run --dry-run, then dna-deploy run")


def run(
    path: Annotated[Path, typer.Argument(help="The settings file, or the folder that it lies in.")] = SETTINGS_FILE,
    *,
    folder: Annotated[
        Path | None, typer.Option(help="Where the journey keeps its files, instead of what the file says.")
    ] = None,
    start_from: Annotated[str | None, typer.Option("--from", help="Redo this stage and all after it.")] = None,
    only: Annotated[str | None, typer.Option(help="Redo this stage alone.")] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Say which stages would run, why, and for how long.")] = False,
    workers: Annotated[
        list[int] | None, typer.Option(min=1, help="With --dry-run: and how long on a cluster of so many; may be repeated.")
    ] = None,
    json: Json = False,
) -> None:
    """Walk the whole journey: profile, teach, rate, search, train, export, verify; or fit a model of your own. It resumes.

    Example: dna-deploy run --dry-run

    Example: dna-deploy run --dry-run --workers 8 --workers 64

    Example: dna-deploy run --from search
    """
    from dna_deploy.pipeline.settings_file import load_settings

    path = _settings_file(path)
    settings = load_settings(path).seen_from(path.parent)
    place = folder or path.parent / settings.folder
    if settings.model.name:
        others = {"--from": start_from, "--only": only, "--dry-run": dry_run, "--workers": workers}
        _fit(settings, place, path.parent / "profiles", others, json=json)
        return
    journey = _journey(settings, place, path.parent / "profiles", f"dna-deploy run {path}")
    if dry_run:
        _print_plan(journey, start_from, only, workers or (), json=json)
    elif workers:
        raise UsageError("--workers says what a plan would take", "add --dry-run; to run there: --on, or on = in [compute]")
    else:
        _walk(journey, start_from, only, json=json)


def demo(
    folder: Annotated[Path, typer.Option(help="Where the demo keeps its files.")] = DEMO_FOLDER,
    *,
    settings: Annotated[Settings, Alone(DEMO), Knobs("Options", "latency")],
    json: Json = False,
) -> None:
    """Walk the whole journey on Fashion-MNIST and this machine, in ten to twenty minutes on two cores.

    Example: dna-deploy demo
    """
    journey = _journey(settings, folder, Path("profiles"), f"dna-deploy demo --latency {settings.latency}")
    _walk(journey, None, None, json=json)


def _settings_file(path: Path) -> Path:
    """The settings file that was meant.

    Raises:
        UsageError: it is not there, but a folder above has one.
    """
    file = path / SETTINGS_FILE if path.is_dir() else path
    if path == SETTINGS_FILE and not file.exists():
        above = next((folder for folder in Path.cwd().parents if (folder / SETTINGS_FILE).exists()), None)
        if above is not None:
            raise UsageError(f"there is no {SETTINGS_FILE} in this folder", f"the one above: dna-deploy run {above}")
    return file


def _fit(settings: Settings, folder: Path, profiles: Path, others: Mapping[str, object], *, json: bool) -> None:
    """What ``[model]`` asks for, instead of a journey through a space."""
    from dna_deploy.cli.commands.fit import fit_and_tell

    if flag := next((name for name, value in others.items() if value), None):
        raise UsageError(f"{flag} is of a journey through a space; [model] names {settings.model.name}", "leave it out")
    note_new(folder)
    fit_and_tell(settings, folder, profiles, folder / "latency_tables", json=json)


def _journey(settings: Settings, folder: Path, profiles: Path, reproduce: str) -> Journey:
    from dna_deploy.pipeline.journey import Journey

    return Journey(settings, folder, profiles, reproduce)


def _walk(journey: Journey, start_from: str | None, only: str | None, *, json: bool) -> None:
    from dna_deploy.export.cards.card_text import headline
    from dna_deploy.pipeline.runner import run_stages
    from dna_deploy.records.model_card import ModelCard

    if journey.teach:
        journey.teach.config.check()
        journey.teach.check_weights()
    journey.rate.check()
    note_new(journey.folder)
    with journey_view() as view:
        journey.images.tell(view)
        run_stages(journey.stages(), journey.folder, view, start_from=start_from, only=only)
    card_file = journey.model_file.with_suffix(".card.json")
    if only is not None and not card_file.exists():
        if json:
            print_json("run", folder=str(journey.folder))
        return
    card = ModelCard.read(card_file)
    if json:
        print_json("run", folder=str(journey.folder), model=str(journey.model_file), card=card.model_dump(mode="json"))
        check_promise(card)
        return
    print_result(aligned(headline(card)))
    note(f"wrote {journey.model_file} and {card_file} (and as Markdown)")
    check_promise(card)
    note(f"next: dna-deploy verify {journey.model_file} · the whole trade-off: dna-deploy report {journey.folder}")


def check_promise(card: ModelCard) -> None:
    """Raises `PromiseError` where the file that was made does not keep what was asked."""
    if card.promise == "missed":
        hint = "measure it again with: dna-deploy verify; or search again: dna-deploy run --from search"
        raise PromiseError(f"the promise is {card.verdict}", hint)


def _print_plan(journey: Journey, start_from: str | None, only: str | None, workers: Sequence[int], *, json: bool) -> None:
    from dna_deploy.pipeline.runner import plan
    from dna_deploy.pipeline.time_left import TimeLeft, in_words

    if journey.teach:
        journey.teach.config.check()
    if (survey := journey.images.survey) is not None:
        for line in (survey.summary, *survey.notices):
            note(line)
    if journey.teach and journey.teach.notice:
        note(journey.teach.notice)
    steps, left = plan(journey.stages(), journey.folder, start_from=start_from, only=only), TimeLeft()
    left(steps)
    estimates = [step.estimate_s * left.pace for step in steps]
    if json:
        stages = [
            {"stage": step.stage.name, "due": step.verdict.is_due, "why": step.verdict.why, "estimate_s": estimate_s}
            for step, estimate_s in zip(steps, estimates, strict=True)
        ]
        on_workers = {str(count): left.pace * _seconds_on(steps, count) for count in workers}
        print_json("run", dry_run=True, folder=str(journey.folder), stages=stages, on_workers_s=on_workers)
        return
    rows = [
        (step.stage.name, step.stage.summary, in_words(estimate_s) if step.verdict.is_due else "kept", step.verdict.why)
        for step, estimate_s in zip(steps, estimates, strict=True)
    ]
    print_result(aligned(rows, ("stage", "what it does", "about", "why")))
    in_all = f"about {in_words(left.seconds)} in all, in {journey.folder}"
    note(in_all if left.seconds else f"nothing to do in {journey.folder}")
    for count in workers:
        note(f"on {count} workers about {in_words(left.pace * _seconds_on(steps, count))}, counting what rating gains alone")


def _seconds_on(steps: Plan, workers: int) -> float:
    """About how long a cluster of so many workers would take."""
    from dna_deploy.pipeline.stages.rate import Rate

    return sum(
        step.stage.estimate_on(workers) if isinstance(step.stage, Rate) and step.verdict.is_due else step.estimate_s
        for step in steps
    )
