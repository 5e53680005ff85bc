"""Quantities are parsed and printed in one place, and bad ones are refused with an example."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dna_deploy.errors import UsageError
from dna_deploy.units import Bytes, Count, Duration


@pytest.mark.parametrize(
    ("text", "seconds"), [("20ms", 0.02), ("1.5 s", 1.5), ("300us", 3e-4), ("2e3µs", 2e-3), (".5ms", 5e-4)]
)
def test_durations_are_read(text: str, seconds: float) -> None:
    assert math.isclose(Duration.parse(text).seconds, seconds)


@pytest.mark.parametrize("text", ["20", "-1ms", "0ms", "nan", "nanms", "infs", "", "ms", "20 parsecs", "1e999ms", "2 0ms"])
def test_bad_durations_are_refused_with_an_example(text: str) -> None:
    with pytest.raises(UsageError) as caught:
        Duration.parse(text)
    assert text in caught.value.message
    assert "20ms" in caught.value.hint


@pytest.mark.parametrize("seconds", [math.nan, math.inf, -1e-9])
def test_durations_that_do_not_exist_cannot_be_made(seconds: float) -> None:
    with pytest.raises(UsageError):
        Duration(seconds)


@given(st.floats(min_value=1e-9, max_value=1e4))
def test_printed_durations_read_back_within_their_digits(seconds: float) -> None:
    assert math.isclose(Duration.parse(str(Duration(seconds))).seconds, seconds, rel_tol=6e-3)


def test_sizes_and_counts_are_read_and_printed() -> None:
    assert Bytes.parse("12MiB") == Bytes(12 * 2**20)
    assert str(Bytes(12 * 2**20)) == "12.0 MiB"
    assert Count.parse("5.3M") == Count(5_300_000)
    assert str(Count(5_288_548)) == "5.29 M"
    with pytest.raises(UsageError):
        Bytes.parse("12")


@pytest.mark.parametrize(
    ("text", "hint"),
    [("800MFLOPs", "write 400M"), ("1.2GFLOPS", "write 0.6G"), ("600 MFLOP", "write 300M"), ("9e8FLOPs", "write 4.5e+08"),
     ("2gflops", "write 1G"), ("400MMACs", "write 400M"), ("300 MMAC", "write 300M"), ("3GMAdds", "write 3G")],
)  # fmt: skip
def test_a_budget_in_flops_is_told_what_is_counted(text: str, hint: str) -> None:
    with pytest.raises(UsageError) as caught:
        Count.parse(text)
    assert text in caught.value.message
    assert ("two FLOPs" in caught.value.message) == ("FLOP" in text.upper())
    assert caught.value.hint == hint
    Count.parse(hint.removeprefix("write "))


@pytest.mark.parametrize(("text", "hint"), [("50fps", "write 20.0ms"), ("30 FPS", "write 33.3ms"), ("2000Hz", "write 500us")])
def test_a_budget_in_frames_a_second_is_told_its_time(text: str, hint: str) -> None:
    with pytest.raises(UsageError, match="is a rate") as caught:
        Duration.parse(text)
    assert caught.value.hint == hint
    Duration.parse(hint.removeprefix("write "))
