"""Who has full pictures: everybody all of them, until time is short again and again; then fewer, evenly and in turn."""

from __future__ import annotations

import pytest

from streamer.scheduling.fair_share import (
    LONGEST_PAUSE_S,
    MOMENT_S,
    OVERLOADED_S,
    OVERLOADS,
    PAUSE_S,
    STEADY_S,
    TRIAL_OVERLOADS,
    TRIAL_S,
    FairShare,
    above,
    below,
)

SHORT_S = 0.01  # less than a frame


def turns_of(sessions: str) -> FairShare:
    turns = FairShare()
    for session in sessions:
        turns.activate(session, 0.0)
    return turns


def load(turns: FairShare, now: float, moments: int = OVERLOADS) -> float:
    """Trouble, again and again; returns when it was last."""
    for moment in range(moments):
        now += MOMENT_S * (moment > 0)
        turns.overload(now)
    return now


def loaded(sessions: str, times: int = 1) -> FairShare:
    turns, now = turns_of(sessions), 1.0
    for _ in range(times):
        now = load(turns, now) + MOMENT_S
    return turns


def retry(turns: FairShare, session: str, now: float) -> float:
    """When more are tried, if that session speaks all the time."""
    while not turns.activate(session, now):
        now += SHORT_S
    return now


def given(turns: FairShare, sessions: str, frames: int) -> list[str]:
    """Frame by frame, whose pictures are in full."""
    return ["".join(each for each in sessions if turns.grant(each)) for _ in range(frames)]


def test_all_have_all_while_there_is_time() -> None:
    assert given(turns_of("abc"), "abc", 3) == ["abc"] * 3


def test_a_stall_takes_nothing_however_many_pictures_it_hurts() -> None:
    turns = turns_of("ab")
    for picture in range(20):
        turns.overload(1.0 + picture * SHORT_S)
    assert turns.level == 2


def test_stalls_that_are_rare_take_nothing() -> None:
    turns = turns_of("ab")
    for stall in range(20):
        turns.overload(stall * OVERLOADED_S / 2)
    assert turns.level == 2


def test_a_load_that_stays_takes_more_and_more() -> None:
    levels = [loaded("abc", times).level for times in range(6)]
    assert levels == [3, 2, 1, 0.5, 0, 0]
    assert given(loaded("abc", 4), "abc", 9) == [""] * 9


def test_where_not_even_one_is_in_time_none_is_tried_for_a_while() -> None:
    turns = turns_of("abc")
    for moment in range(OVERLOADS):
        turns.overload(moment * MOMENT_S, never=True)
    assert turns.level == 0


def test_levels_go_up_as_they_go_down() -> None:
    level, seen = 4.0, [4.0]
    while level:
        level = below(level)
        seen.append(level)
    while level < 4:
        level = above(level)
        assert level == seen.pop(-2)
    assert below(0.0) == 0.0


@pytest.mark.parametrize(
    ("sessions", "times", "frames"),
    [
        ("ab", 1, ["b", "a", "b", "a", "b", "a"]),
        ("abc", 1, ["bc", "ac", "ab", "bc", "ac", "ab"]),
        ("abc", 2, ["c", "b", "a", "c", "b", "a"]),
        ("a", 1, ["", "a", "", "a", "", "a"]),
        ("ab", 2, ["", "b", "", "a", "", "b"]),
    ],
)
def test_turns_are_even_and_do_not_fall_together(sessions: str, times: int, frames: list[str]) -> None:
    assert given(loaded(sessions, times), sessions, 6) == frames


def test_in_the_long_run_all_have_as_many() -> None:
    turns = loaded("abc", 1)
    counts = [0, 0, 0]
    for frame in given(turns, "abc", 999):
        for place, session in enumerate("abc"):
            counts[place] += session in frame
    assert counts == [666, 666, 666]


def test_who_speaks_all_the_time_has_as_many_as_those_who_come_and_go() -> None:
    """Each comes or goes every 2 s or so: of so many somebody does at every frame."""
    steady, others = "steady", [f"{place}" for place in range(47)]
    turns = FairShare()
    for session in (steady, *others):
        turns.activate(session, 0.0)
    while turns.level > 12:
        load(turns, 1.0)
    counts = {True: 0, False: 0}  # of full pictures, by whether they are the steady one's
    asked, drawn_at_once = counts.copy(), []
    for frame in range(2000):
        here = [each for place, each in enumerate(others) if (frame + 2 * place) // len(others) % 2]
        for session in others:
            turns.activate(session, 1.0) if session in here else turns.leave(session)
        drawn = [each for each in (steady, *here) if turns.grant(each)]
        drawn_at_once.append(len(drawn))
        for session in (steady, *here):
            asked[session == steady] += 1
            counts[session == steady] += session in drawn
    assert counts[True] / asked[True] == pytest.approx(counts[False] / asked[False], rel=0.15)
    assert max(drawn_at_once) == 12


def test_more_are_tried_again_after_a_pause_that_doubles() -> None:
    turns = turns_of("a")
    last, waited = load(turns, 100.0), []
    for _ in range(8):
        tried = retry(turns, "a", last)
        waited.append(round(tried - last))
        last = load(turns, tried, TRIAL_OVERLOADS)
        assert turns.level == 0.5
    assert waited[:3] == [PAUSE_S, 2 * PAUSE_S, 4 * PAUSE_S]
    assert waited[-1] == LONGEST_PAUSE_S


def test_after_a_try_that_held_the_pause_is_short_again() -> None:
    turns = turns_of("a")
    tried = retry(turns, "a", load(turns, 100.0))
    tried = retry(turns, "a", load(turns, tried, TRIAL_OVERLOADS))
    last = load(turns, tried + STEADY_S)
    assert round(retry(turns, "a", last) - last) == PAUSE_S


def test_where_more_held_the_next_are_tried_soon() -> None:
    turns = turns_of("ab")
    last = load(turns, load(turns, 100.0) + MOMENT_S)
    first = retry(turns, "a", last)
    assert turns.level == 1
    assert round(retry(turns, "b", first) - first) == TRIAL_S
    assert turns.level == 2


def test_who_is_silent_takes_no_turns() -> None:
    turns = loaded("ab")
    turns.leave("a")
    assert given(turns, "b", 3) == ["b"] * 3
    turns.leave("nobody")
