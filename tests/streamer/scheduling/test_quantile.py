"""What work takes when it takes long: raised by two, not by one, and forgotten."""

from __future__ import annotations

import random

from streamer.scheduling.quantile import EXCEEDED, RECENT, RECENT_S, SAMPLES, WINDOW_S, LatencyQuantile

FRAME_S = 0.04


def after(tail: LatencyQuantile, *seconds: float, since: float = 0.0) -> float:
    """Pieces of work that take so long, one a frame; returns when the last has ended."""
    now = since
    for one in seconds:
        now += FRAME_S
        tail.note(now, one)
    return now


def test_nothing_is_known_at_first_and_the_first_piece_is_believed() -> None:
    tail = LatencyQuantile()
    assert tail.p98(0.0) is None
    assert tail.p98(after(tail, 0.02)) == 0.02


def test_one_stall_says_nothing_and_two_are_a_load() -> None:
    tail = LatencyQuantile()
    usual = after(tail, *[0.02] * 100)
    stalled = after(tail, 0.08, since=usual)
    assert tail.p98(stalled) == 0.02
    assert tail.p98(after(tail, 0.02, 0.07, since=stalled)) == 0.07


def test_two_stalls_among_many_are_believed_for_a_second() -> None:
    tail = LatencyQuantile()
    now = after(tail, *[0.02] * 200, 0.08, 0.08)
    assert tail.p98(now) == 0.08
    assert tail.p98(now + RECENT_S + FRAME_S) == 0.02


def test_hardly_any_piece_takes_longer() -> None:
    chance = random.Random(0)
    tail = LatencyQuantile()
    seconds = [chance.uniform(0.01, 0.03) for _ in range(SAMPLES)]
    bound = tail.p98(after(tail, *seconds))
    assert bound is not None
    assert 0 < sum(one > bound for one in seconds) <= 0.02 * SAMPLES


def test_what_was_long_ago_is_forgotten() -> None:
    tail = LatencyQuantile()
    now = after(tail, *[0.08] * 10)
    assert tail.p98(now + WINDOW_S - FRAME_S) == 0.08
    assert tail.p98(now + WINDOW_S + FRAME_S) is None


def test_it_is_what_sorting_the_window_again_would_say() -> None:
    chance, tail, seen, now = random.Random(3), LatencyQuantile(), list[tuple[float, float]](), 0.0
    for _ in range(2000):
        now += chance.choice((0.01, FRAME_S, 0.3))
        seconds = chance.choice((0.01, 0.02, chance.uniform(0.0, 0.1)))
        tail.note(now, seconds)
        seen = [*seen, (now, seconds)][-SAMPLES:]
        window = sorted((one for at, one in seen if at >= now - WINDOW_S), reverse=True)
        lately = sorted(one for at, one in seen[-RECENT:] if at >= now - RECENT_S)
        assert tail.p98(now) == max(window[len(window) // EXCEEDED], lately[-2:][0])
