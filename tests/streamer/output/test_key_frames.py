"""Key frames: newcomers share one, requests are paced, and a receiver that asks without end is answered seldom."""

from __future__ import annotations

import itertools

from streamer.output.key_frames import NEWCOMER_PAUSE, RECEIVER_PAUSE, REQUEST_PAUSE, KeyFrames


def shown(key_frames: KeyFrames, first: int, count: int, asking: tuple[str, ...] = ()) -> list[int]:
    """Which of `count` frames are key frames, where `asking` ask before each."""
    found = []
    for index in range(first, first + count):
        for name in asking:
            key_frames.request(name)
        if key_frames.due(index):
            found.append(index)
            key_frames.newcomers.clear()
            key_frames.sent(index)
    return found


def test_the_first_receiver_does_not_wait() -> None:
    key_frames = KeyFrames()
    key_frames.add("first")
    assert shown(key_frames, 0, 10) == [0]


def test_newcomers_close_together_share_a_key_frame() -> None:
    key_frames = KeyFrames()
    key_frames.add("first")
    assert shown(key_frames, 0, 1) == [0]
    key_frames.add("second")
    assert shown(key_frames, 1, 2) == []
    key_frames.add("third")
    assert shown(key_frames, 3, 20) == [NEWCOMER_PAUSE]


def test_a_request_is_answered_at_once_where_the_last_key_frame_is_a_second_ago() -> None:
    key_frames = KeyFrames()
    key_frames.add("first")
    shown(key_frames, 0, REQUEST_PAUSE + 5)
    key_frames.request("first")
    assert shown(key_frames, REQUEST_PAUSE + 5, 10) == [REQUEST_PAUSE + 5]


def test_a_receiver_that_asks_without_end_is_answered_every_three_seconds() -> None:
    key_frames = KeyFrames()
    key_frames.add("hostile")
    found = shown(key_frames, 0, 250, asking=("hostile",))
    assert found == [0, RECEIVER_PAUSE, 2 * RECEIVER_PAUSE, 3 * RECEIVER_PAUSE]


def test_requests_of_several_receivers_are_a_second_apart() -> None:
    key_frames = KeyFrames()
    key_frames.add("any")
    names = tuple(f"viewer {number}" for number in range(8))
    found = shown(key_frames, 0, 250, asking=names)
    assert all(later - earlier >= REQUEST_PAUSE for earlier, later in itertools.pairwise(found))


def test_a_key_frame_for_a_newcomer_answers_requests_too() -> None:
    key_frames = KeyFrames()
    key_frames.add("first")
    shown(key_frames, 0, 1)
    key_frames.request("first")
    key_frames.add("second")
    assert shown(key_frames, 10, 60) == [10]


def test_who_has_left_asks_no_more() -> None:
    key_frames = KeyFrames()
    key_frames.add("first")
    shown(key_frames, 0, 100)
    key_frames.request("first")
    key_frames.add("second")
    key_frames.remove("first")
    key_frames.remove("second")
    assert shown(key_frames, 100, 50) == []
