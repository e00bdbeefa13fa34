"""Rooms, microphones and lines: the sound changes, its times do not."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from numpy.typing import NDArray

from scripts.training.speech import acoustics
from scripts.training.speech.clips import good_microphone
from scripts.training.speech.utterance import resample

Samples = NDArray[np.float32]


def bursts() -> Samples:
    """Noise in three syllables."""
    t = np.arange(16_000) / 16_000
    envelope = np.clip(np.sin(2 * np.pi * 3 * t), 0, 1)
    samples: Samples = (0.1 * envelope * np.random.default_rng(0).standard_normal(16_000)).astype(np.float32)
    return acoustics.filtered(samples, lambda f: np.interp(f, [0, 300, 3000, 8000], [0, 0, -20, -40]))


def envelope_lag(one: Samples, other: Samples) -> int:
    """Milliseconds by which other is late."""
    levels = [np.abs(x[: len(x) // 16 * 16]).reshape(-1, 16).mean(axis=1) for x in (one, other)]
    a, b = (level - level.mean() for level in levels)
    return int(np.argmax(np.correlate(b, a, "full"))) - len(a) + 1


@pytest.mark.parametrize(
    "spoil",
    [
        acoustics.telephone,
        acoustics.mu_law,
        acoustics.opus,
        lambda x: acoustics.equalise(x, np.random.default_rng(0)),
        lambda x: good_microphone(x, np.random.default_rng(0)),
    ],
)
def test_lines_keep_length_and_time(spoil: Callable[[Samples], Samples]) -> None:
    samples = bursts()
    spoilt = spoil(samples)
    assert spoilt.shape == samples.shape
    assert spoilt.dtype == np.float32
    assert np.isfinite(spoilt).all()
    assert abs(envelope_lag(samples, spoilt)) <= 8


def test_what_is_heard_well_leaves_pauses_quiet() -> None:
    samples = np.concatenate([bursts(), np.zeros(8000, np.float32)])
    for seed in range(8):
        heard = good_microphone(samples, np.random.default_rng(seed))
        assert np.abs(heard).max() <= 1
        speech, pause = (float(np.mean(part**2)) for part in (heard[:16_000], heard[-4000:]))
        assert 10 * np.log10(speech / pause) > 20


def test_a_room_does_not_delay_the_direct_sound() -> None:
    click = np.zeros(16_000, np.float32)
    click[8000] = 1
    assert np.argmax(np.abs(acoustics.reverberate(click, np.random.default_rng(0)))) == 8000


def test_telephone_keeps_its_band() -> None:
    spectrum = np.abs(np.fft.rfft(acoustics.telephone(np.random.default_rng(0).standard_normal(16_000).astype("f"))))
    assert spectrum[500:3000].mean() > 100 * spectrum[5000:].mean()


@pytest.mark.parametrize("make", [acoustics.noise, acoustics.hum, acoustics.breath])
def test_noises_have_deviation_about_one(
    make: Callable[[int, np.random.Generator], Samples],
) -> None:
    sound = make(16_000, np.random.default_rng(0))
    assert sound.shape == (16_000,)
    assert 0.2 < sound.std() < 2


def test_puffs_are_low_and_far_between() -> None:
    sound = acoustics.puffs(64_000, np.random.default_rng(0))
    spectrum = np.abs(np.fft.rfft(sound))
    assert spectrum[: 4 * 400].mean() > 30 * spectrum[4 * 2000 :].mean()
    assert 0.1 < (sound == 0).mean() < 0.95


def test_babble_is_as_loud_as_asked_and_never_silent() -> None:
    samples = bursts()
    voices = acoustics.babble(samples, np.random.default_rng(0))
    assert voices.shape == samples.shape
    assert voices.std() == pytest.approx(1, abs=0.01)
    assert np.abs(np.corrcoef(voices, samples)[0, 1]) < 0.5


@pytest.mark.parametrize("rate", [22_050, 32_000, 44_100, 8_000])
def test_resampling_keeps_pitch_and_length(rate: int) -> None:
    t = np.arange(int(1.013 * rate)) / rate
    samples = resample(np.sin(2 * np.pi * 1000 * t).astype(np.float32), rate)
    assert len(samples) == pytest.approx(1.013 * 16_000, abs=2)
    np.testing.assert_allclose(
        samples[800:-800], np.sin(2 * np.pi * 1000 * np.arange(len(samples)) / 16_000)[800:-800], atol=0.02
    )
