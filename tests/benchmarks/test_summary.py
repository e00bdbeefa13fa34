"""What time alone changes."""

from __future__ import annotations

import numpy as np
import pytest

pytest.importorskip("playwright")

from benchmarks.measuring.audio_signal import VOWEL_S, make_test_audio
from benchmarks.measuring.browser import ViewerTraces
from benchmarks.measuring.summary import drift, minute_by_minute
from benchmarks.measuring.traces import Trace


def test_answers_that_come_later_and_later_have_drifted() -> None:
    assert drift([0.1 + 0.0001 * number for number in range(1000)]) == 90.0
    assert drift([0.1] * 1000) == 0.0


def test_a_few_that_are_missing_or_odd_do_not_matter() -> None:
    answers: list[float | None] = [0.1] * 1000
    answers[3] = answers[995] = None
    answers[4] = 0.5
    assert drift(answers) == 0.0


def test_of_too_few_answers_nothing_is_said() -> None:
    assert drift([0.1] * 250) is None
    assert drift([None] * 1000) is None


def test_the_offset_of_every_minute_is_found_though_the_microphone_hiccups() -> None:
    audio = make_test_audio(200)
    onsets = np.asarray(audio.onsets)
    opening = np.random.default_rng(5).uniform(0, 1, 5000)
    numbers = np.arange(4500.0)
    content = (numbers + 10) * 0.04  # where in the test audio each frame belongs
    hiccup = np.where(content > 70, 0.03, 0.0)  # the microphone stood still for 30 ms
    offset = np.where(content > 130, 0.012, 0.002)  # and later pictures began to lag behind their sound
    times = 5.0 + content + hiccup + 0.15 + offset
    spoken = 5.0 + onsets + np.where(onsets > 70, 0.03, 0.0)
    step = np.arange(5.0, 205.0, 0.005)
    loud = np.zeros_like(step)
    for moment in spoken:
        loud[(step >= moment + 0.15) & (step < moment + 0.15 + VOWEL_S)] = 1.0
    lips = Trace(times, opening[numbers.astype(int) + 10])
    seen = ViewerTraces(lips, Trace(times, numbers), Trace(step, loud), Trace(step, loud), [], [], None, 0.3, {})
    minutes = minute_by_minute(seen, lips, spoken.tolist(), audio, {0.0: opening})
    assert [round(float(np.median(minute.offsets)), 2) for minute in minutes] == [0.0, 0.0, 0.01]
    assert all(minute.correlation == pytest.approx(1) for minute in minutes)
