"""The test audio: vowels where it says they are, voiced and with silence between."""

from __future__ import annotations

import wave
from pathlib import Path

import numpy as np
import pytest

from benchmarks.measuring.audio_signal import (
    LEVEL,
    PITCHES_HZ,
    RAMP_S,
    SAMPLE_RATE,
    VOWEL_S,
    make_test_audio,
    vowel,
    write_wav,
)


def test_a_vowel_is_as_long_and_as_loud_as_asked() -> None:
    samples = vowel(120.0)
    assert len(samples) == int(VOWEL_S * SAMPLE_RATE)
    assert np.abs(samples).max() <= LEVEL
    assert np.abs(samples).max() > 0.9 * LEVEL
    assert abs(samples[0]) < 0.01
    assert abs(samples[-1]) < 0.01


def test_the_pitch_falls_through_a_vowel() -> None:
    samples = vowel(120.0)

    def pitch(part: np.ndarray) -> float:
        periods = range(int(SAMPLE_RATE / 150), int(SAMPLE_RATE / 90))
        return SAMPLE_RATE / max(periods, key=lambda n: float(np.corrcoef(part[:-n], part[n:])[0, 1]))

    assert pitch(samples[1000:4600]) > 1.15 * pitch(samples[-4600:-1000])


def test_onsets_are_where_half_the_level_is_reached() -> None:
    audio = make_test_audio(8.0)
    for onset in audio.onsets:
        before = audio.samples[int((onset - 0.05) * SAMPLE_RATE) : int((onset - RAMP_S / 2) * SAMPLE_RATE)]
        after = audio.samples[int((onset + 0.05) * SAMPLE_RATE) : int((onset + 0.15) * SAMPLE_RATE)]
        assert np.abs(before).max() == 0.0
        assert np.abs(after).max() > 0.3 * LEVEL


def test_vowels_lie_anywhere_within_a_frame_and_leave_the_end_free() -> None:
    audio = make_test_audio(120.0)
    gaps = np.diff(audio.onsets)
    assert gaps.min() >= 0.9
    assert gaps.max() <= 1.1
    phase = np.array(audio.onsets) % 0.040
    assert np.histogram(phase, bins=4, range=(0, 0.040))[0].min() > 10
    assert audio.onsets[-1] + VOWEL_S + 0.3 < 120.0
    assert max(PITCHES_HZ) / min(PITCHES_HZ) > 1.2


def test_a_longer_audio_begins_as_a_shorter_one() -> None:
    short, long = make_test_audio(5.0), make_test_audio(9.0)
    assert long.onsets[: len(short.onsets)] == short.onsets
    end = int((short.onsets[-1] + VOWEL_S) * SAMPLE_RATE)
    np.testing.assert_array_equal(long.samples[:end], short.samples[:end])


def test_a_wav_file_holds_what_was_made(tmp_path: Path) -> None:
    audio = make_test_audio(2.0)
    write_wav(audio, tmp_path / "a.wav")
    with wave.open(str(tmp_path / "a.wav")) as file:
        assert (file.getframerate(), file.getnchannels(), file.getsampwidth()) == (SAMPLE_RATE, 1, 2)
        found = np.frombuffer(file.readframes(file.getnframes()), np.int16)
    assert found / 32767 == pytest.approx(audio.samples, abs=1 / 32767)
