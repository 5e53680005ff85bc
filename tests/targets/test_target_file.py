"""Target files: every setting is checked by name, and against this machine."""

from __future__ import annotations

from pathlib import Path

import pytest

from dna_deploy.errors import UsageError
from dna_deploy.latency.surroundings import Heat
from dna_deploy.targets import machine, target_file
from dna_deploy.targets.fingerprint import Fingerprint
from dna_deploy.targets.machine import governor, processors_of, throttle_count
from dna_deploy.targets.plan import SamplingPlan
from dna_deploy.targets.target import Target
from dna_deploy.targets.target_file import check_target, find_target, read_target, target_names, target_toml


def written(folder: Path, text: str, name: str = "jetson") -> Path:
    path = folder / name / "target.toml"
    path.parent.mkdir(parents=True)
    path.write_text(text)
    return path


def test_a_target_file_reads_back_what_was_written(tmp_path: Path) -> None:
    target = Target(name="jetson", runtime="tensorrt", provider="cuda:0", provider_options={"builds": "3", "a b": "\\n\""},
                    precision="fp16", threads=2, pin=(0, 1), batch=4, input_size=192)  # fmt: skip
    plan = SamplingPlan(rounds=20, warmup_s=0.2, budget_s=60.0, statistic="p10")
    found = read_target(written(tmp_path, target_toml(target, plan)))
    assert (found.target, found.plan) == (target, plan)


@pytest.mark.parametrize(
    ("text", "message", "hint"),
    [
        ("thread = 1", "unknown key 'thread'", "did you mean 'threads'?"),
        ("[sampling]\nround = 3", "unknown key 'sampling.round'", "did you mean 'rounds'?"),
        ("threads = 0", "threads = 0", ""),
        ("threads = 1.5", "threads = 1.5", ""),
        ('precision = "bf16"', "precision = 'bf16'", ""),
        ("sampling = 3", "sampling is not a table", ""),
        ("[sampling]\nrounds = 1", "sampling.rounds = 1", ""),
        ("[sampling]\nbudget_s = nan", "sampling.budget_s", ""),
        ("threads = ", "cannot read", ""),
        ('pin = "first"', "pin", ""),
    ],
)
def test_a_wrong_setting_is_named_with_its_value(tmp_path: Path, text: str, message: str, hint: str) -> None:
    with pytest.raises(UsageError, match=r"target\.toml") as refused:
        read_target(written(tmp_path, text))
    assert message in refused.value.message
    assert hint in refused.value.hint


@pytest.mark.parametrize(
    ("text", "provider"),
    [
        ("", "CPUExecutionProvider"),
        ('runtime = "openvino"', "CPU"),
        ('runtime = "tensorrt"', "cuda:0"),
        ('runtime = "openvino"\nprovider = "GPU"', "GPU"),
    ],
)
def test_a_target_without_a_provider_gets_the_usual_one_of_its_runtime(tmp_path: Path, text: str, provider: str) -> None:
    assert read_target(written(tmp_path, text)).target.provider == provider


def test_an_unknown_target_names_the_nearest(tmp_path: Path) -> None:
    written(tmp_path, "threads = 1")
    assert target_names(tmp_path) == ("cpu-1thread", "jetson")
    with pytest.raises(UsageError, match="no target 'jetsen'") as refused:
        find_target("jetsen", tmp_path)
    assert refused.value.hint == "did you mean 'jetson'?"
    assert find_target("cpu-1thread", tmp_path).target.pin == "last"


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"threads": 5}, r"wants 5 threads; this machine has 4 logical processors"),
        ({"pin": (7,)}, r"pinned to processors \[7\]; this process may use \[1, 2, 3\]"),
        ({"pin": ()}, "pinned to processors"),
        ({"threads": 2, "pin": (1,)}, "pins 2 threads to 1 processors"),
        ({"threads": 4, "pin": "last"}, "pins 4 threads to 3 processors"),
    ],
)
def test_what_this_machine_cannot_do_is_refused(
    changes: dict[str, object], message: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for module in (machine, target_file):
        monkeypatch.setattr(module, "usable_processors", lambda: (1, 2, 3))
        monkeypatch.setattr(module, "all_processors", lambda: (0, 1, 2, 3))
    check_target(Target(name="t", threads=2, pin="last"))
    assert processors_of(Target(name="t", threads=2, pin="last")) == (2, 3)
    with pytest.raises(UsageError, match=message):
        check_target(Target(name="t", **changes))


def test_a_governor_is_read_from_every_processor(tmp_path: Path) -> None:
    assert governor(tmp_path) == "unknown"
    for number, name in enumerate(("performance", "performance", "powersave")):
        folder = tmp_path / f"cpu{number}" / "cpufreq"
        folder.mkdir(parents=True)
        (folder / "scaling_governor").write_text(f"{name}\n")
    assert governor(tmp_path) == "performance+powersave"


def test_heat_is_counted_where_the_system_tells_it(tmp_path: Path) -> None:
    assert throttle_count(tmp_path) == 0
    for number in range(2):
        folder = tmp_path / f"cpu{number}" / "thermal_throttle"
        folder.mkdir(parents=True)
        (folder / "core_throttle_count").write_text("3\n")
        (folder / "package_throttle_count").write_text("no number\n")
    assert throttle_count(tmp_path) == 6
    counts = iter([6, 6, 8])
    heat = Heat(lambda: next(counts))
    assert (heat.look(), heat.look()) == ((), ("processor heat",))


def test_fingerprints_say_what_differs() -> None:
    one = Fingerprint(processor="p", logical_processors=2, system="s", runtime_version="1")
    assert one.differences(one) == ()
    assert one.differences(one.model_copy(update={"processor": "q"})) == ("processor: 'p', not 'q'",)
