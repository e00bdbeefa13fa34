"""Counting what lips do: found and false gestures, correlation and lag."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from benchmarks.lip_events import (
    Count,
    PhoneEvent,
    best_lag,
    closures,
    correlation,
    count_gestures,
    read_events,
    rise,
    rounded_rows,
    roundings,
    tucked_rows,
)
from engines.motion import COEFFICIENTS, LipMotion


def rows(apertures: list[float]) -> list[LipMotion]:
    return [LipMotion(np.zeros(14, np.float32), a, 0.5, np.zeros(15, np.float32)) for a in apertures]


def test_a_closure_at_a_closing_sound_is_found() -> None:
    count = closures(rows([0.1, 0.1, 0.0, 0.1, 0.1]), [PhoneEvent(0.08, 0.12, "P"), PhoneEvent(0.12, 0.2, "AA")])
    assert (count.found, count.events, count.right, count.gestures) == (1, 1, 1, 1)


def test_a_closure_elsewhere_is_false() -> None:
    count = closures(rows([0.0, 0.1, 0.1, 0.1, 0.1, 0.1, 0.1, 0.1]), [PhoneEvent(0.2, 0.28, "B")])
    assert (count.recall, count.precision) == (0, 0)


def test_silence_may_be_closed() -> None:
    assert closures(rows([0.0, 0.0, 0.1]), [PhoneEvent(0.0, 0.08, "SIL")]).precision == 1


@pytest.mark.parametrize(("row", "met"), [(2, True), (5, True), (0, False), (8, False)])
def test_a_gesture_counts_from_80_ms_before_to_40_ms_after(row: int, met: bool) -> None:
    active = np.zeros(10, bool)
    active[row] = True
    count = count_gestures(active, [PhoneEvent(0.17, 0.2, "F")], frozenset("F"), frozenset("F"))
    assert count.found == int(met)


def test_rows_are_stricter_than_sounds_with_a_mouth_that_is_always_round() -> None:
    truth = np.zeros((10, 14), np.float32)
    truth[4:6, COEFFICIENTS.index("mouthPucker")] = 0.5
    always = np.full(14, 0.5, np.float32)
    found = [LipMotion(always, 0.0, 0.5, np.zeros(15, np.float32)) for _ in truth]
    by_sound, by_row = roundings(found, [PhoneEvent(0.16, 0.24, "UW")]), rounded_rows(found, truth)
    assert by_sound.f1 == 1
    assert (by_row.recall, by_row.precision) == (1, 0.2)


def test_tucked_rows_are_those_of_the_truth() -> None:
    truth = np.zeros((10, 14), np.float32)
    truth[4:6, COEFFICIENTS.index("mouthRollLower")] = 0.6
    truth[8, [COEFFICIENTS.index("mouthRollLower"), COEFFICIENTS.index("mouthPress")]] = 0.6, 0.7  # pressed, not tucked
    found = [LipMotion(row, 0.0, 0.5, np.zeros(15, np.float32)) for row in truth]
    assert tucked_rows(found, truth) == Count(2, 2, 2, 2)


def test_counts_add_up() -> None:
    total = Count(1, 2, 3, 4) + Count(1, 2, 1, 4)
    assert (total.recall, total.precision, total.f1) == (0.5, 0.5, 0.5)


@pytest.mark.parametrize("lag", [-3, 0, 2])
def test_best_lag_is_found(lag: int) -> None:
    truth = np.random.default_rng(0).standard_normal(200)
    late = np.roll(truth, lag)
    assert best_lag(late, truth) == lag
    assert correlation(late, truth, lag) > 0.95


def test_correlation_of_a_still_mouth_is_zero() -> None:
    assert correlation(np.zeros(9), np.arange(9.0)) == 0


def test_alignments_are_read(tmp_path: Path) -> None:
    path = tmp_path / "one.phone.json"
    path.write_text('{"w": [{"t": "me", "w": [{"b": 0.1, "d": 0.05, "t": "M"}, {"b": 0.15, "d": 0.1, "t": "IY"}]}]}')
    assert [s.phone for s in read_events(path)] == ["M", "IY"]


def test_an_onset_is_found_between_samples() -> None:
    times = np.linspace(0, 1.56, 40)
    values = np.clip((times - 0.9) / 0.2, 0, 1)  # half at 1.0 s
    assert rise(times, values, event=1.05, length=0.4) == pytest.approx(1.0, abs=1e-6)


def test_lips_that_were_open_already_have_no_onset() -> None:
    with pytest.raises(ValueError, match="closed mouth"):
        rise(np.linspace(0, 1.56, 40), np.ones(40), event=1.05, length=0.4)
