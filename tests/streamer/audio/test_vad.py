"""Voice activity: speech is speech, silence and hum are not, and the end of a word is soft."""

from __future__ import annotations

import numpy as np
import pytest

from streamer.audio.vad import HANGOVER, PIECE, VoiceActivity
from tests.sounds import silence, tone, voice

RATE = 48_000
CHUNK = 1920


def heard(activity: VoiceActivity, samples: np.ndarray[tuple[int, ...], np.dtype[np.float32]]) -> list[bool]:
    return [activity.hear(samples[start : start + CHUNK]) for start in range(0, len(samples), CHUNK)]


@pytest.mark.parametrize("aggressiveness", [0, 1, 2, 3])
def test_speech_is_heard(aggressiveness: int) -> None:
    answers = heard(VoiceActivity(aggressiveness), voice(1.0, rate=RATE))
    assert sum(answers) >= 0.8 * len(answers)


def test_silence_is_not_voice() -> None:
    assert not any(heard(VoiceActivity(2), silence(1.0, rate=RATE)))


def test_a_low_hum_is_not_voice() -> None:
    assert not any(heard(VoiceActivity(2), tone(1.0, 50, 0.01, rate=RATE))[5:])


def test_voice_lasts_a_little_beyond_its_end_and_quiet_is_counted() -> None:
    activity = VoiceActivity(2)
    heard(activity, voice(1.0, rate=RATE))
    answers = heard(activity, silence(1.0, rate=RATE))
    last = max(index for index, voiced in enumerate(answers) if voiced)
    assert HANGOVER * 20 / 40 - 1 <= last <= 10
    assert activity.quiet_ms >= 1000 - (last + 1) * 40


def test_pieces_that_do_not_fit_are_kept_for_the_next() -> None:
    whole, pieces, sound = VoiceActivity(2), VoiceActivity(2), voice(0.5, rate=RATE)
    whole.hear(sound)
    for start in range(0, len(sound), PIECE - 7):
        pieces.hear(sound[start : start + PIECE - 7])
    assert pieces.voiced == whole.voiced


def test_before_anything_is_heard_nobody_speaks() -> None:
    assert not VoiceActivity(2).voiced


def test_overdriven_sound_does_not_wrap() -> None:
    assert any(heard(VoiceActivity(2), 4 * voice(0.5, rate=RATE)))
