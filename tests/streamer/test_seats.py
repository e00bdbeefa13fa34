"""Who has full pictures: everybody, until time is short again and again; then fewer, steadily and in turns."""

from __future__ import annotations

from streamer.seats import (
    LONGEST_PAUSE_S,
    MOMENT_S,
    PAUSE_S,
    STEADY_S,
    TRIAL_S,
    TRIAL_TROUBLES,
    TROUBLED_S,
    TROUBLES,
    TURN_S,
    Seats,
)

SHORT_S = 0.01  # less than a frame


def seats_for(*sessions: str) -> Seats:
    seats = Seats()
    for session in sessions:
        seats.ask(session, 0.0)
    return seats


def load(seats: Seats, now: float, moments: int = TROUBLES) -> float:
    """Trouble, again and again; returns when it was last."""
    for moment in range(moments):
        now += MOMENT_S * (moment > 0)
        seats.trouble(now)
    return now


def retry(seats: Seats, session: str, now: float) -> float:
    """When the session is given a seat on trial, if it asks all the time."""
    while not seats.ask(session, now):
        now += SHORT_S
    return now


def test_there_is_a_seat_for_everybody() -> None:
    assert seats_for("a", "b", "c").taken == ["a", "b", "c"]


def test_a_stall_takes_no_seat_however_many_pictures_it_hurts() -> None:
    seats = seats_for("a", "b")
    for picture in range(20):
        seats.trouble(1.0 + picture * SHORT_S)
    assert seats.taken == ["a", "b"]


def test_stalls_that_are_rare_take_no_seat() -> None:
    seats = seats_for("a", "b")
    for stall in range(20):
        seats.trouble(stall * TROUBLED_S / 2)
    assert seats.taken == ["a", "b"]


def test_a_load_takes_one_seat_after_the_other_from_who_came_last() -> None:
    seats = seats_for("a", "b")
    last = load(seats, 1.0)
    assert seats.taken == ["a"]
    load(seats, last + MOMENT_S)
    assert seats.taken == []


def test_a_seat_is_tried_again_after_a_pause_that_doubles() -> None:
    seats = seats_for("a")
    last, waited = load(seats, 100.0), []
    for _ in range(8):
        tried = retry(seats, "a", last)
        waited.append(round(tried - last))
        last = load(seats, tried, TRIAL_TROUBLES)
        assert seats.taken == []
    assert waited[:3] == [PAUSE_S, 2 * PAUSE_S, 4 * PAUSE_S]
    assert waited[-1] == LONGEST_PAUSE_S


def test_after_a_seat_was_kept_long_the_pause_is_short_again() -> None:
    seats = seats_for("a")
    tried = retry(seats, "a", load(seats, 100.0))
    tried = retry(seats, "a", load(seats, tried, TRIAL_TROUBLES))
    last = load(seats, tried + STEADY_S)
    assert round(retry(seats, "a", last) - last) == PAUSE_S


def test_where_one_seat_more_held_the_next_is_tried_soon() -> None:
    seats = seats_for("a", "b")
    last = load(seats, load(seats, 100.0) + MOMENT_S)
    first = retry(seats, "a", last)
    assert round(retry(seats, "b", first) - first) == TRIAL_S
    assert seats.taken == ["a", "b"]


def test_who_goes_without_takes_turns() -> None:
    seats = seats_for("a", "b")
    now = 0.0
    had: list[str] = []
    for _ in range(4):
        load(seats, now, TRIAL_TROUBLES if had else TROUBLES)  # whatever is tried fails
        until = now + TURN_S
        while now < until:
            now += MOMENT_S
            seats.ask("a", now)
            seats.ask("b", now)
            if len(seats.taken) > 1:
                now = load(seats, now, TRIAL_TROUBLES)
        had += map(str, seats.taken)
    assert {"a", "b"} == set(had)
    assert len(had) == 4


def test_who_is_silent_needs_no_seat() -> None:
    seats = seats_for("a", "b")
    load(seats, 1.0)
    seats.leave("a")
    assert seats.taken == ["b"]
    seats.leave("nobody")
