"""The token bucket: a burst at once, then a steady rate."""

from __future__ import annotations

from streamer.webrtc.rate_limit import TokenBucket


def test_a_burst_is_let_through_and_then_so_many_a_second() -> None:
    bucket = TokenBucket(rate=2, burst=3)
    assert [bucket.take(0.0) for _ in range(5)] == [True, True, True, False, False]
    assert [bucket.take(0.5), bucket.take(0.5)] == [True, False]
    assert [bucket.take(100.0) for _ in range(4)] == [True, True, True, False]


def test_what_costs_more_than_there_is_takes_nothing() -> None:
    bucket = TokenBucket(rate=1, burst=10)
    assert not bucket.take(0.0, 11)
    assert bucket.take_up_to(0.0, 25) == 10
    assert bucket.take_up_to(0.0, 1) == 0


def test_a_clock_that_stands_still_gives_nothing() -> None:
    bucket = TokenBucket(rate=1, burst=1)
    assert [bucket.take(5.0) for _ in range(3)] == [True, False, False]
