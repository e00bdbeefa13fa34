"""Another tempo: times change in proportion, pitch does not."""

from __future__ import annotations

import numpy as np
import pytest

from scripts.training.speech.time_stretch import time_stretch
from scripts.training.speech.utterance import SAMPLE_RATE, Segment, Utterance


def hum(pitch: float, seconds: float) -> Utterance:
    t = np.arange(int(seconds * SAMPLE_RATE)) / SAMPLE_RATE
    samples = sum(0.2 / k**2 * np.sin(2 * np.pi * pitch * k * t) for k in (1, 2, 3))
    return Utterance(np.asarray(samples, np.float32), (Segment(0.2, 0.8, "p", 0.6),), "test", "test")


@pytest.mark.parametrize("speed", [0.7, 1.0, 1.45])
def test_tempo_changes_times_and_not_pitch(speed: float) -> None:
    before = hum(150, 1.5)
    after = time_stretch(before, speed)
    assert len(after.samples) == pytest.approx(len(before.samples) / speed, abs=2)
    (segment,) = after.segments
    assert (segment.start, segment.release, segment.end) == pytest.approx((0.2 / speed, 0.6 / speed, 0.8 / speed))
    middle = after.samples[2000:-2000]
    spectrum = np.abs(np.fft.rfft(middle * np.hanning(len(middle))))
    assert spectrum.argmax() * SAMPLE_RATE / len(middle) == pytest.approx(150, rel=0.02)
    assert middle.std() == pytest.approx(before.samples.std(), rel=0.1)


def test_nothing_stays_nothing() -> None:
    empty = time_stretch(Utterance(np.zeros(100, np.float32), (), "test", "test"), 1.3)
    assert np.abs(empty.samples).max(initial=0) == 0
