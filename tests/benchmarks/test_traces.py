"""From traces to numbers: what the latency benchmark concludes from what it saw."""

from __future__ import annotations

import numpy as np
import pytest

from benchmarks.measuring.audio_signal import make_test_audio
from benchmarks.measuring.browser import frame_numbers
from benchmarks.measuring.sync import match_frames, still_began, when_audio_began
from benchmarks.measuring.traces import Trace, delays, fall_time, onsets, percentiles


def pulses(starts: list[float], length: float = 0.5, end: float = 5.0, step: float = 0.01) -> Trace:
    times = np.arange(0, end, step)
    values = np.zeros_like(times)
    for start in starts:
        values[(times >= start - 1e-9) & (times < start + length)] = 1.0
    return Trace(times, values)


def test_onsets_are_found_once_each() -> None:
    assert onsets(pulses([1.0, 2.5]), 0.5) == pytest.approx([1.0, 2.5])


def test_a_delayed_answer_gives_its_delay() -> None:
    found = delays(pulses([1.2, 2.7]), [1.0, 2.5], 0.5)
    assert found == pytest.approx([0.2, 0.2], abs=0.011)


def test_no_answer_is_none() -> None:
    assert delays(pulses([1.2]), [1.0, 3.0], 0.5)[1] is None


def test_a_fall_is_timed_from_the_moment() -> None:
    assert fall_time(pulses([1.0]), 1.3, 0.0, 1.0) == pytest.approx(0.2, abs=0.011)
    assert fall_time(pulses([1.0], length=2.0), 1.3, 0.0, 1.0) is None


def test_percentiles_of_nothing_say_so() -> None:
    assert percentiles([]) == {"p50": None, "p95": None, "p99": None, "max": None, "n": 0}
    assert percentiles([0.1, 0.2])["max"] == 200.0


def test_frame_numbers_survive_the_wrap_of_rtp_timestamps() -> None:
    ticks = np.mod(2.0**32 - 3600 + 3600 * np.arange(4), 2.0**32)
    assert frame_numbers(ticks).tolist() == [0, 1, 2, 3]


def test_the_beginning_of_the_sound_is_found_from_some_of_its_vowels() -> None:
    audio = make_test_audio(20)
    heard = [7.25 + onset for onset in audio.onsets[4:9]]
    assert when_audio_began(heard, audio) == pytest.approx(7.25)
    with pytest.raises(ValueError, match="did not play the test audio"):
        when_audio_began([1.0, 1.3, 1.9], audio)


def test_a_microphone_that_hiccups_shifts_the_beginning() -> None:
    audio = make_test_audio(20)
    heard = [7.25 + onset + 0.08 for onset in audio.onsets[4:12]]
    assert still_began(7.25, heard, audio) == pytest.approx(7.33)
    with pytest.raises(ValueError, match="did not play the test audio"):
        still_began(7.25, [7.25 + onset + 0.2 * (number % 3) for number, onset in enumerate(audio.onsets)], audio)


@pytest.mark.parametrize("late", [0.0, 0.070])
def test_shown_frames_are_matched_with_their_own_sound(late: float) -> None:
    rng = np.random.default_rng(3)
    opening = rng.uniform(0, 1, 200)
    drawn = {0.0: rng.uniform(0, 1, 200), 0.02: opening}
    numbers = np.delete(np.arange(100), [40, 41])  # two frames were never shown
    began, delay = 5.0, 0.15
    times = np.asarray(began + 0.02 + (numbers + 10) * 0.04 + delay, np.float64)
    times[60:] += late  # the path slows down by more than half a frame
    match = match_frames(Trace(times, opening[numbers + 10]), Trace(times, numbers.astype(np.float64)), began, drawn)
    assert match.correlation == pytest.approx(1.0)
    assert match.delays[:60] == pytest.approx(delay)
    assert match.delays[60:] == pytest.approx(delay + late)
