"""The rule: what it fires on, how seldom on nothing, and that it sees a real shift."""

from __future__ import annotations

import importlib.util
import os
from pathlib import Path

import pytest

from assay import monitoring
from assay.artifacts import Window, WindowVerdict
from assay.spec.monitoring import MonitoringSpec

BENCHMARK = Path(__file__).parents[2] / "benchmarks/drift.py"
spec = importlib.util.spec_from_file_location("benchmarks_drift", BENCHMARK)
assert spec is not None
assert spec.loader is not None
drift = importlib.util.module_from_spec(spec)
spec.loader.exec_module(drift)

CONFIG = MonitoringSpec()
DATA = Path(os.environ.get("ASSAY_TEST_DATA", "/nowhere"))
LETTERS: dict[str, WindowVerdict] = {"h": "HOLDS", "v": "VIOLATES", "u": "UNDECIDED"}


def windows(letters: str) -> tuple[Window, ...]:
    return tuple(
        Window(name=str(i), sha256="", number=i, n_rows=9, n_refused=0, verdict=LETTERS[letter], reason="")
        for i, letter in enumerate(letters, 1)
    )


@pytest.mark.parametrize(
    ("letters", "verdict"),
    [
        ("hhh", "QUIET"),
        ("v", "UNDECIDED"),
        ("hv", "QUIET"),
        ("vv", "FIRES"),
        ("vhv", "FIRES"),
        ("vhhv", "QUIET"),
        ("vvh", "QUIET"),
        ("vuv", "FIRES"),
        ("vvu", "UNDECIDED"),
        ("u", "UNDECIDED"),
    ],
)
def test_two_of_the_last_three_that_could_be_decided_and_the_newest_fire(letters: str, verdict: str) -> None:
    assert monitoring.judged("m", 1, windows(letters), CONFIG, 0).verdict == verdict


def test_windows_that_led_to_a_retraining_do_not_count_again() -> None:
    assert monitoring.judged("m", 1, windows("vv"), CONFIG, after=2).verdict == "UNDECIDED"
    assert monitoring.judged("m", 1, windows("vvv"), CONFIG, after=2).verdict == "UNDECIDED"
    assert monitoring.judged("m", 1, windows("vvvv"), CONFIG, after=2).verdict == "FIRES"


@pytest.mark.parametrize("n_rows", [100, 5000])
def test_the_rule_does_not_fire_when_nothing_has_moved(n_rows: int) -> None:
    violating, fires, _ = drift.quiet(n_rows, 60, 1, n_sampled=0)
    assert fires == 0
    assert violating <= 3  # the window's alpha is 1 %: more have a chance below 1 in 300


@pytest.mark.skipif(not (DATA / "nyc_flights_2013_q1.parquet").is_file(), reason="ASSAY_TEST_DATA has no flights")
def test_flights_of_march_are_not_those_of_january_and_the_weather_is_named() -> None:
    watched, moved = drift.flights(DATA)
    assert watched.verdict == "FIRES"
    assert "temp" in {look.name for look in moved}
    temperature = next(look for look in moved if look.name == "temp")
    assert temperature.effect > 0.25
    assert "carrier" not in watched.moved
