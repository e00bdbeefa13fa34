"""Labels: closures close, tucks tuck, lips move when published measurements say that they do."""

from __future__ import annotations

import numpy as np
import pytest

from engines.motion import COEFFICIENTS, VISEMES
from engines.speech.mouth import canonical_mouth
from scripts.training.speech.coefficients import EYE_CORNERS, coefficients
from scripts.training.speech.curves import Articulation, articulate
from scripts.training.speech.phones import parse_ipa
from scripts.training.speech.segments import split


def spoken(*phones: tuple[str, float], start: float = 0.5) -> tuple[Articulation, dict[str, slice]]:
    """Articulation of phones of given lengths after half a second of silence, and the label frames of each."""
    marks, spans, now = [], {}, start
    for phone, length in phones:
        marks.append((now, now + length, phone))
        spans[phone] = slice(round(100 * now), round(100 * (now + length)))
        now += length
    frames = round(100 * (now + 0.5))
    return articulate(split(marks, parse_ipa, burst_marked=False), frames, np.ones(frames, np.float32)), spans


@pytest.mark.parametrize("closing", ["p", "b", "m"])
def test_lips_shut_between_open_vowels(closing: str) -> None:
    motion, at = spoken(("a", 0.15), (closing, 0.09), ("ɑ", 0.15))
    assert motion.opening[at[closing]].min() < 0.2
    assert motion.opening[at["a"]].max() > 8
    assert motion.opening[at["ɑ"]].max() > 8


def test_closure_begins_40_to_120_ms_before_the_burst() -> None:
    motion, at = spoken(("a", 0.15), ("p", 0.12), ("ɑ", 0.15))
    burst = at["p"].start + 0.65 * 12  # where the label generator takes it to be
    shut = np.flatnonzero(motion.opening[at["a"].start + 8 :] < 1.0)[0] + at["a"].start + 8
    assert 0.04 <= (burst - shut) / 100 <= 0.12


def test_opening_lies_within_minus_20_to_70_ms_of_the_vowel() -> None:
    motion, at = spoken(("t", 0.08), ("a", 0.16), ("s", 0.1))
    widest = at["t"].start + int(motion.opening[at["t"].start : at["s"].stop].argmax())
    middle = (at["a"].start + at["a"].stop) / 2
    assert -0.02 <= (middle - widest) / 100 <= 0.07


def test_rounding_is_anticipated() -> None:
    motion, at = spoken(("t", 0.1), ("u", 0.15))
    plain, _ = spoken(("t", 0.1), ("i", 0.15))
    assert motion.rounding[at["t"].start + 5] > plain.rounding[at["t"].start + 5] + 0.3


def test_lips_tuck_at_labiodentals_and_nearly_close() -> None:
    motion, at = spoken(("a", 0.15), ("f", 0.1), ("ɑ", 0.15))
    assert motion.tuck[at["f"]].max() > 0.9
    assert motion.opening[at["f"]].min() < 2


def test_k_leaves_the_lips_to_its_neighbours() -> None:
    motion, at = spoken(("u", 0.12), ("k", 0.08), ("u", 0.12))
    assert motion.opening[at["k"]].max() < 6


def test_silence_is_closed_and_lips_open_ahead_of_the_voice() -> None:
    motion, at = spoken(("a", 0.2), ("t", 0.1))
    assert motion.opening[:25].max() < 0.5
    assert motion.opening[at["a"].start - 4] > 0.5
    assert motion.opening[-5:].max() < 0.5


def test_lips_are_half_open_20_to_50_ms_ahead_of_a_long_vowel() -> None:
    motion, at = spoken(("ɑ", 0.5))
    half = int(np.argmax(motion.opening > motion.opening.max() / 2))
    assert 0.02 <= (at["ɑ"].start - half) / 100 <= 0.05


def test_a_long_vowel_is_wide_open_for_most_of_its_length() -> None:
    motion, at = spoken(("ɑ", 0.5))
    assert (motion.opening[at["ɑ"]] > 0.9 * motion.opening.max()).mean() > 0.8


def test_lips_hang_open_no_longer_than_150_ms() -> None:
    motion, at = spoken(("ɑ", 0.5))
    assert motion.opening[at["ɑ"].stop + 15] < 0.15 * motion.opening.max()


def test_louder_vowels_open_wider() -> None:
    segments = split([(0.5, 0.65, "a")], parse_ipa, burst_marked=False)
    loud = articulate(segments, 120, np.full(120, 1.1, np.float32))
    soft = articulate(segments, 120, np.full(120, 0.7, np.float32))
    assert loud.opening.max() > 1.3 * soft.opening.max()


def test_visemes_follow_the_phones() -> None:
    motion, at = spoken(("m", 0.1), ("u", 0.1))
    assert VISEMES[motion.viseme[0]] == "sil"
    assert VISEMES[motion.viseme[at["m"].start + 5]] == "PP"
    assert VISEMES[motion.viseme[at["u"].start + 5]] == "ou"


def test_after_its_burst_p_looks_like_the_vowel() -> None:
    motion, at = spoken(("a", 0.1), ("p", 0.12), ("ɑ", 0.1))
    assert VISEMES[motion.viseme[at["p"].start + 6]] == "PP"
    assert VISEMES[motion.viseme[at["p"].stop - 2]] == "aa"


def test_coefficients_open_the_canonical_head_as_wanted() -> None:
    motion, _ = spoken(("m", 0.1), ("a", 0.2), ("f", 0.1), ("u", 0.15), ("s", 0.1), ("i", 0.1))
    values = coefficients(motion)
    assert values.shape == (len(motion.opening), len(COEFFICIENTS))
    assert 0 <= values.min() <= values.max() <= 1
    measured = canonical_mouth().measure(values)[:, 0]
    np.testing.assert_allclose(measured, np.maximum(motion.opening, 0) / EYE_CORNERS, atol=1e-3)
