"""Held vowels: as loud and long as asked, voiced all through, labelled as what they are."""

from __future__ import annotations

import numpy as np
import pytest

from scripts.training.speech.clips import Clip, make_clip
from scripts.training.speech.phones import VOWELS
from scripts.training.speech.sustained_vowels import FORMANTS, LENGTH, sustained_vowel
from scripts.training.speech.utterance import SAMPLE_RATE


@pytest.mark.parametrize("seed", range(5))
def test_a_held_vowel_is_one_steady_sound(seed: int) -> None:
    vowel = sustained_vowel(np.random.default_rng(seed))
    (segment,) = vowel.segments
    assert segment.phone in VOWELS
    assert LENGTH[0] <= segment.end <= LENGTH[1]
    assert len(vowel.samples) == pytest.approx(segment.end * SAMPLE_RATE, abs=1)
    middle = vowel.samples[len(vowel.samples) // 4 : 3 * len(vowel.samples) // 4]
    loudness = np.sqrt((middle[: len(middle) // 800 * 800].reshape(-1, 800) ** 2).mean(axis=1))
    assert loudness.min() > 0.3 * loudness.max()


def test_open_vowels_have_a_higher_first_formant_than_close_ones() -> None:
    assert max(FORMANTS[close][0] for close in "iu") < min(FORMANTS[wide][0] for wide in "æɑ")


def test_some_clips_are_of_held_vowels() -> None:
    def clip(seed: int) -> Clip:
        return make_clip([], np.random.default_rng(seed))  # without utterances, only held vowels sound

    opened = sum(bool(clip(seed).labels.coefficients[:, 0].max() > 0.1) for seed in range(60))
    assert 1 <= opened <= 12
