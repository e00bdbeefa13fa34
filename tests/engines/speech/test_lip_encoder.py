"""The lip encoder that ships, as its callers see it."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from numpy.typing import NDArray

from engines.motion import LipMotion
from engines.speech.lips import motions
from engines.speech.loader import load_lip_encoder
from engines.speech.trained import TrainedEncoder


def syllables(seconds: float = 2.0) -> NDArray[np.float32]:
    """A buzz of moving pitch through two moving formants, twice a second, after half a second of silence."""
    t = np.arange(int(16_000 * seconds)) / 16_000
    turn = 2 * np.pi * 2 * t
    phase = 2 * np.pi * 120 * t - 15 / 0.7 * np.cos(2 * np.pi * 0.7 * t)
    buzz = np.zeros(len(t))
    for k in range(1, 25):
        hertz = 120.0 * k
        first, second = 600 + 200 * np.sin(turn / 2), 1400 + 500 * np.cos(turn / 3)
        level = np.exp(-(((hertz - first) / 150) ** 2)) + 0.5 * np.exp(-(((hertz - second) / 220) ** 2)) + 0.01
        buzz += level * np.sin(k * phase)
    envelope = np.clip(np.sin(turn), 0, 1) * (t >= 0.5)
    samples: NDArray[np.float32] = (0.05 * envelope * buzz).astype(np.float32)
    return samples


def apertures(rows: list[LipMotion]) -> NDArray[np.float64]:
    return np.array([row.aperture for row in rows])


@pytest.mark.parametrize("lookahead", [0, 2, 4])
def test_motions_have_one_row_per_started_frame(lookahead: int) -> None:
    rows = motions(load_lip_encoder(lookahead), syllables()[:-100])
    assert len(rows) == 50
    for row in rows:
        assert row.coefficients.shape == (14,)
        assert row.coefficients.dtype == np.float32
        assert 0 <= row.coefficients.min() <= row.coefficients.max() <= 1
        assert row.visemes.shape == (15,)
        assert row.visemes.sum() == pytest.approx(1, abs=1e-4)
        assert row.aperture >= 0


def test_mouth_opens_on_speech_and_closes_in_silence() -> None:
    opening = apertures(motions(load_lip_encoder(2), syllables()))
    assert opening[:9].max() < 0.02
    assert opening[26:31].max() > 0.05


@pytest.mark.parametrize("lookahead", [0, 2, 4])
def test_lookahead_is_all_that_is_heard_of_the_future(lookahead: int) -> None:
    samples = syllables()
    changed = samples.copy()
    changed[30 * 640 :] = 0
    before = motions(load_lip_encoder(lookahead), samples)[: 30 - lookahead]
    after = motions(load_lip_encoder(lookahead), changed)[: 30 - lookahead]
    for a, b in zip(before, after, strict=True):
        np.testing.assert_array_equal(a.coefficients, b.coefficients)


def test_first_motions_are_the_closed_mouth_until_lookahead_is_heard() -> None:
    stream = load_lip_encoder(2).open()
    for chunk in syllables()[640 * 30 : 640 * 32].reshape(-1, 640):
        assert stream.step(chunk).aperture == 0


def test_reset_forgets_the_audio() -> None:
    """A reset stream gives the closed mouth in silence at once, however wide it was open."""
    stream = load_lip_encoder(0).open()
    chunks = syllables().reshape(-1, 640)
    assert max(stream.step(chunk).aperture for chunk in chunks[:32]) > 0.05
    stream.reset()
    assert max(stream.step(np.zeros(640, np.float32)).aperture for _ in range(5)) < 0.005


def test_reset_keeps_the_level_of_the_talker() -> None:
    """After an interruption a quiet talker is heard as before it, not as by a stream that knows nothing yet."""
    encoder = load_lip_encoder(2)
    assert isinstance(encoder, TrainedEncoder)
    always = replace(encoder, gate=replace(encoder.gate, out_bias=np.array([50], np.float32)))  # a voice throughout
    chunks = (np.float32(0.05) * syllables(6.0)).reshape(-1, 640)
    stream, uninterrupted, new = (always.open() for _ in range(3))
    for chunk in chunks[:100]:
        stream.step(chunk)
        uninterrupted.step(chunk)
    stream.reset()
    kept, wanted, fresh = ([s.step(chunk) for chunk in chunks[100:130]] for s in (stream, uninterrupted, new))
    error = np.abs(apertures(kept) - apertures(wanted))[5:].mean()
    assert error < 0.5 * np.abs(apertures(fresh) - apertures(wanted))[5:].mean()


def test_two_streams_do_not_touch_each_other() -> None:
    encoder = load_lip_encoder(1)
    one, other = encoder.open(), encoder.open()
    chunks = syllables().reshape(-1, 640)
    alone = encoder.open().step(chunks[0]).aperture
    for chunk in chunks:
        other.step(-chunk)
    assert one.step(chunks[0]).aperture == alone


def test_invalid_samples_are_heard_as_silence_and_counted() -> None:
    encoder = load_lip_encoder(0)
    spoilt, silent = encoder.open(), encoder.open()
    chunk = np.zeros(640, np.float32)
    for _ in range(5):
        broken = chunk.copy()
        broken[::3] = np.nan
        broken[1::3] = np.inf
        assert spoilt.step(broken).aperture == silent.step(chunk).aperture
    assert spoilt.invalid_samples == 5 * (214 + 213)
    assert silent.invalid_samples == 0


@pytest.mark.parametrize("kind", ["silence", "hum", "noise"])
def test_what_is_not_speech_keeps_the_mouth_closed(kind: str) -> None:
    t = np.arange(48_000) / 16_000
    noise = np.random.default_rng(0).standard_normal(48_000)
    sound = {"silence": 0 * t, "hum": 0.003 * np.sin(2 * np.pi * 50 * t), "noise": 0.001 * noise}[kind]
    assert apertures(motions(load_lip_encoder(2), sound.astype(np.float32))).max() < 0.02


@pytest.mark.parametrize(
    "samples", [np.zeros(320, np.float32), np.zeros((640, 1), np.float32), np.zeros(640, np.int16)]
)
def test_wrong_chunks_are_refused(samples: NDArray[np.float32]) -> None:
    with pytest.raises(ValueError, match="640"):
        load_lip_encoder(0).open().step(samples)


@pytest.mark.parametrize(
    "samples", [np.zeros(0, np.float32), np.zeros((9, 2), np.float32), np.full(9, np.nan, np.float32)]
)
def test_wrong_recordings_are_refused(samples: NDArray[np.float32]) -> None:
    with pytest.raises(ValueError, match=r"expected|NaN"):
        motions(load_lip_encoder(0), samples)


@pytest.mark.parametrize("lookahead", [-1, 5])
def test_lookahead_out_of_range_is_refused(lookahead: int) -> None:
    with pytest.raises(ValueError, match="look-ahead"):
        load_lip_encoder(lookahead)
