"""``dna-deploy verify``: whether an exported file keeps its promise on this machine. The base install is enough."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, ClassVar

import typer

from dna_deploy.cli.console import aligned, note, print_json, print_result
from dna_deploy.cli.options.devices import Devices
from dna_deploy.cli.options.general import MEASURING, Json, Profiles
from dna_deploy.cli.options.groups import Knobs
from dna_deploy.cli.views.journey import journey_view
from dna_deploy.errors import UsageError
from dna_deploy.pipeline.settings import Settings
from dna_deploy.units import Duration

if TYPE_CHECKING:
    from collections.abc import Sequence

    from dna_deploy.export.checks.verification import Promise, Verification
    from dna_deploy.latency.remote import Remote
    from dna_deploy.latency.runners.inputs import GivenInput
    from dna_deploy.records.model_card import Tuning
    from dna_deploy.targets.plan import SamplingPlan
    from dna_deploy.targets.target import Target
    from dna_deploy.targets.target_file import TargetFile


@dataclass(frozen=True)
class Promised:
    """What the file is held to."""

    PANEL: ClassVar = "Promise"

    latency: Annotated[str | None, typer.Option(help="What was promised, such as 20ms; by default what the card says.")] = None
    quantile: Annotated[
        str | None,
        typer.Option(help="Which share of runs the promise speaks of: p50, p90 or p99; by default what the card says."),
    ] = None
    fail_over: Annotated[str | None, typer.Option(help="Exit with code 8 if it takes longer than this: a gate for CI.")] = None

    def of(self, model: Path) -> Promise:
        """What was promised of a model."""
        from dna_deploy.export.checks.verification import find_promise

        return find_promise(model, Duration.parse(self.latency) if self.latency else None, self.quantile)


@dataclass(frozen=True)
class Running:
    """How the file is run."""

    PANEL: ClassVar = "Running"

    target: Annotated[
        str | None, typer.Option(help="How to run it, by default what the card was asked for; see: dna-deploy targets")
    ] = None
    inputs: Annotated[
        list[str] | None,
        typer.Option("--input", help="Sizes that the file leaves open, 3x224x224; of several inputs: NAME=3x224x224, each."),
    ] = None
    idle: Annotated[
        str | None, typer.Option(help="Rest so long before every run, as where frames come now and then: 33ms.")
    ] = None
    profiles: Profiles = Path("profiles")

    def file(self, promise: Promise, settings: Settings) -> TargetFile:
        """The target, with the plan by which the file is measured."""
        from dna_deploy.targets.target_file import find_target

        name = self.target or (promise.written.target if promise.written else "") or settings.target
        file = settings.profile.applied_to(find_target(name, self.profiles), promise.quantile)
        return replace(
            file, plan=file.plan.model_copy(update={"idle_s": Duration.parse(self.idle).seconds} if self.idle else {})
        )

    @property
    def given(self) -> tuple[GivenInput, ...]:
        """The inputs whose sizes are said."""
        from dna_deploy.latency.runners.inputs import GivenInput

        given = tuple(GivenInput.parse(text) for text in self.inputs or ())
        if twice := next(
            (each for index, each in enumerate(given) if each.name in {other.name for other in given[:index]}), None
        ):
            words = f"the input {twice.name!r}" if twice.name else "an input without a name"
            raise UsageError(f"{words} is given twice", "give each once, by its name: --input a=3x32x32 --input b=10")
        return given


def verify(
    model: Annotated[Path, typer.Argument(help="The exported file.")],
    *,
    promised: Promised,
    running: Running,
    settings: Annotated[Settings, MEASURING, Knobs("Measuring", "profile.accept_noise")],
    devices: Devices,
    tune: Annotated[
        bool, typer.Option("--tune", help="Find the fastest threads, graph optimisation and precision, too.")
    ] = False,
    json: Json = False,
) -> None:
    """Measure an exported model on this machine, and say whether it keeps its promise.

    Writes the measurement into the model's card, if the card lies beside it.

    Example: dna-deploy verify model/model.onnx --latency 20ms

    Example: dna-deploy verify model/model.onnx --tune

    Example: dna-deploy verify model/model.onnx --fail-over 20ms --quantile p90

    Example: dna-deploy verify model/model.onnx --target raspberry --on ssh://pi-1 --on ssh://pi-2
    """
    from dna_deploy.export.checks.verification import complete_card, without_preprocessing

    fleet, given = devices.read(), running.given
    if fleet and tune:
        raise UsageError("--tune tries settings of this machine, and --on measures on others", "run verify --tune there")
    limit, promise = Duration.parse(promised.fail_over) if promised.fail_over else None, promised.of(model)
    file = running.file(promise, settings)
    on, plan = _in_its_precision(file, model), file.plan
    if fleet:
        _verify_on(fleet, model, file, promise, limit, running.inputs or (), json=json)
        return
    result = _measured(model, on, plan, promise, given)
    tuning = _tuned(model, on, plan, given) if tune else None
    alone = without_preprocessing(model)
    plain = _measured(alone, on, plan, promise) if alone else None
    is_refused = bool(result.instability) and not settings.profile.accept_noise
    card = None if is_refused else complete_card(result, tuning, plain)
    _show(result, tuning, plain, json=json)
    if card is not None:
        note(f"updated {card[0]} and {card[1]}")
    if is_refused:
        result.check_stable()
    result.check(limit or promise.asked)


def _verify_on(
    devices: Sequence[Remote],
    model: Path,
    file: TargetFile,
    promise: Promise,
    limit: Duration | None,
    inputs: Sequence[str],
    *,
    json: bool,
) -> None:
    """Measures a model on each device. Raises `PromiseError` unless all that answer keep the promise."""
    from dna_deploy.cli.views.fleet import values_of, verifications_view, worst_of
    from dna_deploy.errors import PromiseError, TableError
    from dna_deploy.export.cards.card_file import SENTINELS, card_path
    from dna_deploy.latency.fleet import answers_of, check_answers
    from dna_deploy.records.files import read_bytes
    from dna_deploy.targets.target_file import TARGET_FILE, target_toml

    weights = (model.with_suffix(".bin"), model.with_name(f"{model.name}.data"))  # of OpenVINO, and of large ONNX files
    beside = [path for path in (card_path(model), model.with_name(SENTINELS), *weights) if path.exists()]
    files = {path.name: read_bytes(path, "model") for path in (model, *beside)}
    name, asked = file.target.name, limit or promise.asked
    files[f"profiles/{name}/{TARGET_FILE}"] = target_toml(file.target, file.plan).encode()
    further = [f"--latency={asked.seconds * 1e6:.3f}us"] if asked else []
    further += [f"--input={text}" for text in inputs]
    arguments = ("verify", model.name, "--target", name, "--quantile", promise.quantile, "--accept-noise", *further)
    answers = answers_of(devices, files, arguments)
    check_answers(answers)
    if json:
        print_json("verify", **worst_of(answers, "measured_s"), devices=values_of(answers))
    else:
        print_result(verifications_view(answers))
    missed = [device for device, answer in answers.items() if not isinstance(answer, str) and answer["is_kept"] is False]
    if missed:
        raise PromiseError(f"{model.name} takes longer than {asked} on {', '.join(missed)}", "search again with these devices")
    if lost := [device for device, answer in answers.items() if isinstance(answer, str)]:
        raise TableError(f"{', '.join(lost)} did not answer", "the others keep the promise")


def _show(result: Verification, tuning: Tuning | None, plain: Verification | None, *, json: bool) -> None:
    """Prints what was measured; ``plain`` is the same file without its pre-processing."""
    if json:
        print_json(
            "verify",
            **_values(result),
            tuning=_tuning_values(tuning) if tuning else None,
            without_preprocessing=_values(plain) if plain else None,
        )
    else:
        rows = [*_rows(result), *([("without pre-processing", str(plain.latency))] if plain else [])]
        print_result(aligned(rows))
        if tuning:
            print_result("\n" + _tuning_text(tuning))
    for doubt in result.measurement.doubts:
        note(f"doubt {doubt.name} (grade {doubt.grade}): {doubt.message}; {doubt.advice}")


def _in_its_precision(file: TargetFile, model: Path) -> Target:
    """The target; the built-in one stands for this machine's processor, whatever precision the file is in."""
    from dna_deploy.export.checks.verification import card_of, notes_of

    info = (notes_of(model) or card_of(model)) if file.is_built_in else None
    return file.target if info is None else file.target.model_copy(update={"precision": info.precision})


def _measured(
    model: Path, target: Target, plan: SamplingPlan, promise: Promise, inputs: Sequence[GivenInput] = ()
) -> Verification:
    from dna_deploy.export.checks.verification import verify_model

    with journey_view() as view:
        return verify_model(model, target, plan, promise, view, inputs=inputs)


def _tuned(model: Path, target: Target, plan: SamplingPlan, inputs: Sequence[GivenInput]) -> Tuning:
    from dna_deploy.export.checks.tuning import tune
    from dna_deploy.latency.measure import measure_model

    with journey_view() as view:
        return tune(model, target, plan, view, partial(measure_model, inputs=inputs))


def _tuning_text(tuning: Tuning) -> str:
    rows = [(variant.words, variant.model, Duration(variant.p50_s)) for variant in tuning.tried]
    gained = f"{tuning.chosen.words} saves {tuning.gained:.1%} of what {tuning.usual.words} takes"
    return f"{aligned(rows, ('setting', 'file', 'p50'))}\n\n{gained}"


def _tuning_values(tuning: Tuning) -> dict[str, object]:
    return {
        "tried": [variant.model_dump(mode="json") for variant in tuning.tried],
        "usual": tuning.usual.model_dump(mode="json"),
        "gained": tuning.gained,
    }


def _rows(result: Verification) -> list[tuple[str, str]]:
    samples = result.measurement.samples
    rows = [
        ("model", str(result.path)),
        ("architecture", result.info.architecture if result.info else "not said"),
        ("target", f"{result.measurement.target.name} ({result.measurement.fingerprint.runtime_version})"),
        (
            "measured",
            f"{result.latency} for {result.measurement.target.per} at {result.promise.quantile} "
            f"(standard error {result.standard_error})",
        ),
        ("p50", str(samples.p50)),
        ("p90", result.measurement.why_not("p90") or str(samples.p90)),
        ("samples", f"{samples.count} (spread {samples.spread:.1%}, grade {result.measurement.grade})"),
    ]
    if result.promise.asked is not None:
        rows.insert(3, ("asked", str(result.promise.asked)))
        rows.append(("promise", result.verdict))
    pace = result.measurement.pace
    rows.append(("pace", pace.words() if pace else f"not compared: {result.measurement.no_pace}"))
    return rows


def _values(result: Verification) -> dict[str, object]:
    samples = result.measurement.samples
    return {
        "model": str(result.path),
        "model_digest": result.measurement.model_digest,
        "architecture": result.info.architecture if result.info else None,
        "target": result.measurement.target.name,
        "batch": result.measurement.target.batch,
        "precision": result.measurement.target.precision,
        "idle_s": result.measurement.plan.idle_s,
        "inputs": list(result.measurement.inputs),
        "quantile": result.promise.quantile,
        "asked_s": result.promise.asked.seconds if result.promise.asked else None,
        "measured_s": result.latency.seconds,
        "standard_error_s": result.standard_error.seconds,
        "p50_s": samples.p50.seconds,
        "p90_s": None if result.measurement.why_not("p90") else samples.p90.seconds,
        "samples": samples.count,
        "spread": samples.spread,
        "grade": result.measurement.grade,
        "is_kept": result.is_kept,
        "pace": None if (pace := result.measurement.pace) is None else pace.model_dump(),
        "at_table_s": result.measurement.at_table(result.promise.quantile).seconds,
        "doubts": [doubt.model_dump() for doubt in result.measurement.doubts],
    }
