"""The chunker: causal, the same chunk by chunk as all at once, and a low-pass that keeps speech."""

from __future__ import annotations

import numpy as np
import pytest

from streamer.audio.resample import TAPS, Resampler
from tests.sounds import RATE, Samples, level_db, tone, voice

FRAME = 1920


@pytest.mark.parametrize("sizes", [[1920] * 5, [480] * 20, [3, 9597], [960, 1920, 6720]])
def test_chunk_by_chunk_equals_all_at_once(sizes: list[int]) -> None:
    sound, chunker = voice(0.2), Resampler()
    pieces = np.split(sound, np.cumsum(sizes)[:-1])
    streamed = np.concatenate([chunker.decimate(piece) for piece in pieces])
    np.testing.assert_allclose(streamed, Resampler().decimate(sound), atol=1e-6)


def test_the_future_changes_nothing() -> None:
    sound = voice(0.2)
    other = sound.copy()
    other[4800:] = 0
    np.testing.assert_array_equal(Resampler().decimate(sound)[:1600], Resampler().decimate(other)[:1600])


@pytest.mark.parametrize(
    ("hz", "lowest_db", "highest_db"),
    [(100, -0.2, 0.2), (1000, -0.2, 0.2), (4000, -0.5, 0.2), (6000, -3, 0.2), (10_000, -200, -50), (16_000, -200, -60)],
)
def test_speech_passes_and_what_would_fold_back_does_not(hz: float, lowest_db: float, highest_db: float) -> None:
    sound = tone(0.5, hz)
    gain = level_db(Resampler().decimate(sound)[100:]) - level_db(sound)
    assert lowest_db <= gain <= highest_db


def test_the_delay_is_half_a_millisecond() -> None:
    click = np.zeros(FRAME, np.float32)
    click[960] = 1.0
    peak = int(np.argmax(Resampler().decimate(click)))
    assert 3 * peak - 960 <= TAPS / 2 + 3
    assert (3 * peak - 960) / RATE <= 0.0006


def test_chunks_are_counted_and_carry_their_voicing() -> None:
    chunker, sound = Resampler(), voice(0.04)
    first, second = chunker.chunk(sound, voiced=True), chunker.chunk(sound, voiced=False)
    assert (first.index, first.voiced, second.index, second.voiced) == (0, True, 1, False)
    assert first.samples.shape == (640,)
    assert first.samples.dtype == np.float32


def test_silence_stays_silence() -> None:
    quiet: Samples = np.zeros(FRAME, np.float32)
    assert not Resampler().decimate(quiet).any()


def test_after_a_flush_nothing_of_the_audio_before_is_left() -> None:
    resampler = Resampler()
    resampler.chunk(np.ones(1920, np.float32), voiced=True)
    resampler.flush()
    chunk = resampler.chunk(np.zeros(1920, np.float32), voiced=False)
    assert not chunk.samples.any()
    assert chunk.index == 1
