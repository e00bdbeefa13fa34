"""Clips: what is laid where, how loud, and that labels go with the sound."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest

from engines.motion import COEFFICIENTS, VISEMES
from scripts.training.speech.acoustics import RATE
from scripts.training.speech.clips import (
    FRAMES,
    NOT_SPEECH_SHARE,
    SECONDS,
    Clip,
    degrade,
    make_clip,
    plain_clip,
    respeed,
    string_together,
)
from scripts.training.speech.utterance import PERSON
from tests.scripts.training.speech.utterances import invented, measured

SILENT = VISEMES.index("sil")
MANY = [invented(1.2, level=level) for level in (0.02, 0.1, 0.4)] * 4


def level_at(clip: Clip, start: float, end: float) -> float:
    return float(np.sqrt(np.mean(clip.samples[int(start * RATE) : int(end * RATE)] ** 2)))


def test_plain_clips_lay_utterances_half_a_second_apart_and_equally_loud() -> None:
    clip = plain_clip(MANY)
    assert clip.samples.shape == (int(SECONDS * RATE),)
    assert level_at(clip, 0.0, 0.49) == 0.0
    for number in range(3):
        start = 0.5 + number * 1.7
        assert level_at(clip, start, start + 1.2) == pytest.approx(0.1, rel=0.01)
        assert level_at(clip, start + 1.21, start + 1.69) == 0.0


def test_labels_have_a_row_every_10_ms_and_go_with_the_sound() -> None:
    clip = plain_clip(MANY)
    assert clip.labels.coefficients.shape == (FRAMES, len(COEFFICIENTS))
    assert clip.labels.coefficients.min() >= 0
    assert clip.labels.coefficients.max() <= 1
    assert (clip.labels.viseme[:40] == SILENT).all()
    vowel, closure = clip.labels.viseme[58], clip.labels.viseme[78]  # the first "a" from 0.5 s, "p" from 0.7 s
    assert (VISEMES[vowel], VISEMES[closure]) == ("aa", "PP")
    opened = clip.labels.coefficients[:, COEFFICIENTS.index("jawOpen")]
    assert opened[58] > opened[:40].max() + 0.1


def test_speed_moves_samples_and_times_together_and_the_pitch_with_them() -> None:
    slow = invented(1.2)
    fast = respeed(slow, 1.25)
    assert len(fast.samples) == int(len(slow.samples) / 1.25)
    assert fast.segments[2].start == pytest.approx(slow.segments[2].start / 1.25)
    peaks = [np.argmax(np.abs(np.fft.rfft(u.samples[:8000]))) for u in (slow, fast)]
    assert peaks[1] / peaks[0] == pytest.approx(1.25, abs=0.02)


def test_utterances_are_strung_together_in_their_order_without_overlap() -> None:
    _, spoken = string_together(MANY, np.random.default_rng(0))
    segments = [segment for utterance in spoken for segment in utterance.segments]
    starts = [segment.start for segment in segments]
    assert starts == sorted(starts)
    assert all(a.end <= b.start + 1e-6 for a, b in pairwise(segments))
    assert [s.phone for s in segments[:6]] == ["a", "p", "ɑ", "m", "i", "s"]
    assert segments[-1].start < SECONDS


def test_what_does_not_fit_is_left_out() -> None:
    clean, spoken = string_together([invented(7.0), invented(7.0)], np.random.default_rng(1))
    segments = [segment for utterance in spoken for segment in utterance.segments]
    assert len(clean) == int(SECONDS * RATE)
    assert max(s.start for s in segments) < SECONDS


def test_people_are_stretched_without_another_pitch_more_than_synthesisers() -> None:
    def lengths(synthesiser: str) -> float:
        spoken = [invented(1.2, synthesiser=synthesiser)]
        first = [string_together(spoken, np.random.default_rng(seed))[1][0].segments[0] for seed in range(30)]
        return float(np.std([s.end for s in first]) - np.std([s.start for s in first]))

    assert lengths(PERSON) > lengths("flite")


@pytest.mark.parametrize("seed", range(6))
def test_degraded_clips_stay_within_full_scale_and_in_time(seed: int) -> None:
    clean = plain_clip(MANY).samples
    heard = degrade(clean, np.random.default_rng(seed))
    assert heard.shape == clean.shape
    assert heard.dtype == np.float32
    assert np.isfinite(heard).all()
    assert 1e-3 < np.abs(heard).max() <= 1.0
    loudness = [np.abs(x[: len(x) // 1600 * 1600]).reshape(-1, 1600).mean(axis=1) for x in (clean, heard)]
    assert np.corrcoef(*loudness)[0, 1] > 0.3


def test_clips_without_speech_have_a_closed_mouth() -> None:
    shut = [seed for seed in range(60) if np.random.default_rng(seed).random() < NOT_SPEECH_SHARE]
    assert shut
    for seed in shut[:3]:
        clip = make_clip(MANY, np.random.default_rng(seed))
        assert (clip.labels.viseme == SILENT).all()
        assert clip.labels.coefficients[:, COEFFICIENTS.index("jawOpen")].max() < 0.02
        assert np.abs(clip.samples).max() <= 1


def test_the_same_seed_makes_the_same_clip() -> None:
    one, again, other = (make_clip(MANY, np.random.default_rng(seed)) for seed in (3, 3, 4))
    np.testing.assert_array_equal(one.samples, again.samples)
    np.testing.assert_array_equal(one.labels.coefficients, again.labels.coefficients)
    assert not np.array_equal(one.samples, other.samples)


def test_excerpts_of_measured_lips_follow_one_another_without_a_pause() -> None:
    joined = 0
    for seed in range(12):
        _, spoken = string_together([measured(2.4)] * 4, np.random.default_rng(seed))
        gaps = [b.start - a.end for a, b in pairwise(spoken)]
        assert all(u.lips is not None for u in spoken)
        joined += max(gaps) < 1e-6
    assert 0 < joined < 12


def test_lips_are_stretched_with_their_speech() -> None:
    utterance = measured(1.2)
    assert utterance.lips is not None
    fast = respeed(utterance, 1.25)
    assert fast.lips is not None
    np.testing.assert_allclose(fast.lips.time, utterance.lips.time / 1.25)
    np.testing.assert_array_equal(fast.lips.opening, utterance.lips.opening)
