"""The aligner's parts: features, states, chains and best paths, where the right answer is known."""

from __future__ import annotations

import numpy as np
import pytest

pytest.importorskip("scipy", reason="alignment needs scipy: pip install -e .[train]")

from scripts.training.speech.align import (
    _NAMES,
    CEPSTRA,
    CONTEXT,
    HOP,
    STATES,
    STEP,
    _chain,
    _frames,
    _normalised,
    _segments,
    _states_of,
    _sums,
    _viterbi,
)
from scripts.training.speech.phones import SILENCE
from scripts.training.speech.utterance import Segment
from tests.scripts.training.speech.utterances import invented


def state(phone: str, part: int = 0) -> int:
    return STATES * _NAMES.index(phone) + part


def sure(states: list[int], count: int) -> np.ndarray:
    """Scores (t, count) that are high at the given place of each frame."""
    scores = np.full((len(states), count), -10.0, np.float32)
    scores[np.arange(len(states)), states] = 0.0
    return scores


def test_a_frame_is_five_milliseconds_of_cepstra() -> None:
    samples = invented(1.0).samples
    assert _frames(samples).shape == (len(samples) // HOP, CEPSTRA)
    assert pytest.approx(0.005) == STEP


def test_louder_speech_differs_in_the_first_cepstrum_alone() -> None:
    soft = (0.1 * np.random.default_rng(0).standard_normal(8000)).astype(np.float32)
    difference = _frames(4 * soft)[10:-10] - _frames(soft)[10:-10]
    assert np.abs(difference[:, 0]).mean() > 5
    assert np.abs(difference[:, 1:]).mean() < 0.2


def test_normalised_frames_are_of_mean_0_and_deviation_1_and_see_their_context() -> None:
    draw = np.random.default_rng(0)
    recordings = [draw.normal(3, 2, (50, CEPSTRA)).astype(np.float32) for _ in range(4)]
    stacked = _normalised(recordings, ["one"] * len(recordings))
    assert stacked[0].shape == (50, len(CONTEXT) * CEPSTRA)
    middle = np.concatenate([x[:, 3 * CEPSTRA : 4 * CEPSTRA] for x in stacked])
    np.testing.assert_allclose(middle.mean(axis=0), 0, atol=1e-4)
    np.testing.assert_allclose(middle.std(axis=0), 1, atol=1e-3)
    np.testing.assert_array_equal(stacked[0][20, :CEPSTRA], stacked[0][12, 3 * CEPSTRA : 4 * CEPSTRA])


def test_a_stop_s_last_state_begins_at_its_burst() -> None:
    states = _states_of([Segment(0.1, 0.2, "p", 0.16), Segment(0.2, 0.29, "a", 0.29)], 80)
    assert states[10] == state(SILENCE, 1)
    burst = round(0.16 / STEP)
    assert (states[burst - 1], states[burst]) == (state("p", 1), state("p", 2))
    vowel = states[round(0.2 / STEP) : round(0.29 / STEP)]
    assert [int((vowel == state("a", part)).sum()) for part in range(STATES)] == [6, 6, 6]


def test_sums_are_by_state() -> None:
    rows = np.array([[1.0], [2.0], [4.0], [8.0]], np.float32)
    np.testing.assert_array_equal(_sums(rows, np.array([2, 0, 2, 3]), 5), [[2], [0], [5], [8], [0]])


def test_words_stand_between_silences_that_may_be_left_out() -> None:
    states, hops = _chain([["p", "a"], ["t"]])
    phones = [_NAMES[first // STATES] for first in states[::STATES]]
    assert phones == [SILENCE, "p", "a", SILENCE, "t", SILENCE]
    assert np.flatnonzero(hops).tolist() == [STATES, 4 * STATES]


def test_the_best_path_is_the_one_that_scores_say() -> None:
    states, hops = _chain([["a"]])
    wanted = [0, 1, 2, 3, 3, 4, 5, 5, 6, 7, 8]
    (path,) = _viterbi([sure(wanted, len(states))], [hops])
    assert path.tolist() == wanted


def test_a_silence_between_words_is_hopped_over_where_nobody_pauses() -> None:
    states, hops = _chain([["a"], ["i"]])
    wanted = [0, 1, 2, 3, 4, 5, 9, 10, 11, 12, 13, 14]
    (path,) = _viterbi([sure(wanted, len(states))], [hops])
    assert path.tolist() == wanted


def test_recordings_of_different_lengths_are_searched_together() -> None:
    chains = [_chain([["a"]]), _chain([["i"], ["s", "a"]])]
    wanted = [[0, 1, 2, 3, 4, 5, 6, 7, 8], [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17]]
    scores = [sure(path, len(states)) for path, (states, _) in zip(wanted, chains, strict=True)]
    paths = _viterbi(scores, [hops for _, hops in chains])
    assert [path.tolist() for path in paths] == wanted


def test_a_path_becomes_segments_one_after_the_other() -> None:
    states, _ = _chain([["a", "s"]])
    path = np.repeat([0, 3, 6, 9], [20, 30, 20, 20])
    segments = _segments(states, path)
    assert [s.phone for s in segments] == [SILENCE, "a", "s", SILENCE]
    assert [s.start for s in segments] == pytest.approx([0, 20 * STEP, 50 * STEP, 70 * STEP])
    assert segments[-1].end == pytest.approx(90 * STEP)


def test_a_pause_too_short_to_be_one_belongs_to_its_neighbours() -> None:
    states, _ = _chain([["a"], ["i"]])
    path = np.repeat([0, 3, 6, 9, 12], [20, 30, 4, 30, 20])
    segments = _segments(states, path)
    assert [s.phone for s in segments] == [SILENCE, "a", "i", SILENCE]
    assert segments[1].end == segments[2].start == pytest.approx(52 * STEP)


def test_each_talker_is_relative_to_their_own_mean() -> None:
    draw = np.random.default_rng(0)
    frames = draw.standard_normal((200, CEPSTRA)).astype(np.float32)
    alike = _normalised([frames, 3 * frames + 5], ["one", "other"])
    np.testing.assert_allclose(alike[0], alike[1], atol=1e-3)
    together = _normalised([frames, 3 * frames + 5], ["one", "one"])
    assert np.abs(together[0] - together[1]).max() > 1
