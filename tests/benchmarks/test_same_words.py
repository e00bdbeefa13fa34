"""Lips of one talker in another's words: places, neighbours and times."""

from __future__ import annotations

import numpy as np
import pytest

from benchmarks.measuring.same_words import said_by, same_words_agreement
from scripts.training.speech.lip_track import LipTrack
from scripts.training.speech.real_lips import MeasuredClip

FRAMES = 75
TIME = (0.04 * (np.arange(FRAMES) + 0.5)).astype(np.float32)
UNKNOWN = np.full(FRAMES, np.nan, np.float32)


def clip(name: str, words: str, opening: np.ndarray, slow: float = 1.0) -> MeasuredClip:
    """Words of 0.5 s from 0.5 s on, slower or faster; the talker is the name's first letter."""
    times = [(word, 0.5 + 0.5 * slow * i, 0.5 + 0.5 * slow * (i + 1)) for i, word in enumerate(words.split())]
    values = opening.astype(np.float32)
    return MeasuredClip(name, "grid", name[0], words, UNKNOWN, TIME, values, UNKNOWN, UNKNOWN, tuple(times))


def lips(*clips: MeasuredClip) -> dict[str, LipTrack]:
    return {one.name: LipTrack(one.time, one.opening, one.width, one.rounding) for one in clips}


def test_words_are_stretched_to_their_new_length() -> None:
    wanted = clip("a1", "bin blue", UNKNOWN, slow=2.0)
    source = clip("b1", "bin blue", TIME)  # its opening is its own time
    found = said_by(wanted, [source], lips(source), "opening")
    known = np.isfinite(found)
    when = np.where(TIME < 0.5, TIME, np.where(TIME < 2.5, 0.5 + (TIME - 0.5) / 2, 1.5 + (TIME - 2.5)))
    np.testing.assert_allclose(found[known], when[known], atol=1e-5)
    assert known.all()


def test_a_word_is_taken_from_its_own_place_and_neighbours() -> None:
    wanted = clip("a1", "bin blue at", UNKNOWN)
    neighbours = clip("b1", "bin blue by", np.full(FRAMES, 1.0))
    others = clip("b2", "set blue by", np.full(FRAMES, 2.0))
    elsewhere = clip("b3", "at at bin", np.full(FRAMES, 3.0))
    found = said_by(wanted, [others, neighbours, elsewhere], lips(neighbours, others, elsewhere), "opening")
    assert set(found[TIME < 1.5]) == {1.0}
    assert np.isnan(found[TIME > 1.5]).all()


def test_talkers_who_move_alike_predict_each_other_and_others_do_not() -> None:
    shape = np.sin(7 * TIME)
    clips = [clip("a1", "bin blue", shape), clip("a2", "bin blue", shape), clip("b1", "bin blue", shape)]
    clips.append(clip("c1", "bin blue", -shape))
    predicted = lips(clip("a1", "bin blue", 2 * shape))
    found = same_words_agreement(clips, lips(*clips), predicted)
    assert set(found) == {"opening", "opening of a"}
    assert found["opening"]["same_talker"] == pytest.approx(1.0, abs=1e-5)
    assert found["opening"]["one_talker"] == pytest.approx(0.0, abs=1e-5)  # one alike, one opposite
    assert found["opening"]["encoder"] == pytest.approx(1.0, abs=1e-5)


def test_a_talker_without_the_words_is_not_compared() -> None:
    clips = [clip("a1", "bin blue", np.sin(7 * TIME)), clip("b1", "set red", np.sin(7 * TIME))]
    found = same_words_agreement(clips, lips(*clips), lips(clips[0]))
    assert found == {}
