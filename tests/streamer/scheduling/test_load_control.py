"""Which pictures there is time to draw in full: learnt from what calls took."""

from __future__ import annotations

import pytest

from streamer.scheduling.load_control import GONE_S, ONE_MORE, QUICK_SHARE, FrameRequest, LoadControl
from streamer.scheduling.quantile import LatencyQuantile

FRAME_S = 0.04
BUDGET_S = 0.056


class Engine:
    """Calls on a clock of their own, one a frame."""

    def __init__(self) -> None:
        self.pace = LoadControl(FRAME_S)
        self.now = 0.0

    def call(
        self, sessions: str, took: float, left: float = BUDGET_S, voiced: bool = True, after: float = FRAME_S
    ) -> list[bool]:
        """Pictures for sessions named by one letter each; took: seconds of the call; left: until they are due."""
        self.now += after
        wanted = [FrameRequest(name, self.now + left, voiced) for name in sessions]
        drawn = self.pace.plan(wanted, self.now)
        self.pace.note(wanted, drawn, self.now, self.now + took)
        return drawn


def taught(sessions: str, took: float) -> Engine:
    engine = Engine()
    for _ in range(10):
        engine.call(sessions, took)
    return engine


def test_while_nothing_is_known_all_are_drawn_in_full() -> None:
    assert Engine().call("abc", 0.01, left=0.001) == [True, True, True]


def test_what_is_late_already_is_drawn_the_quick_way() -> None:
    assert Engine().call("a", 0.01, left=-0.001) == [False]


def test_a_picture_is_drawn_in_full_where_it_is_in_time() -> None:
    assert taught("a", 0.020).call("a", 0.020, left=0.021) == [True]
    assert taught("a", 0.020).call("a", 0.004, left=0.019) == [False]


def test_as_many_are_drawn_in_full_as_there_is_time_for() -> None:
    engine = taught("a", 0.010)
    two = 0.010 * (1 + ONE_MORE + QUICK_SHARE)
    assert engine.call("abc", 0.020, left=two + 0.001) == [True, True, False]


def test_more_take_no_less_than_fewer() -> None:
    engine = taught("ab", 0.020)
    for _ in range(10):
        engine.call("a", 0.050, left=0.1)
    assert engine.call("ab", 0.010, left=0.045) == [False, False]


def test_fewer_than_were_ever_drawn_are_thought_to_take_as_long() -> None:
    assert taught("ab", 0.040).call("a", 0.004, left=0.039) == [False]


def test_a_picture_waits_for_none_in_full_that_would_make_it_late() -> None:
    """b's next picture comes while a's is drawn, and must be drawn by its own time."""
    for took, drawn in ((0.020, True), (0.050, False)):
        engine = Engine()
        for _ in range(10):
            engine.call("a", took, left=0.1)
            engine.call("b", 0.001, voiced=False, after=0.0)
        engine.now -= FRAME_S - 0.010  # a's picture 10 ms after b's, with time enough of its own
        engine.call("b", 0.001, voiced=False)
        assert engine.call("a", took, left=0.1, after=0.010) == [drawn]


def test_pictures_in_which_nobody_speaks_are_never_quick_and_teach_nothing() -> None:
    engine = taught("a", 0.050)
    for _ in range(100):
        assert engine.call("a", 0.002, left=0.01, voiced=False) == [True]
    assert engine.call("a", 0.004, left=0.049) == [False]


def test_what_quick_pictures_take_is_learnt() -> None:
    engine = taught("a", 0.040)
    for _ in range(4):  # so seldom that it is no load
        assert engine.call("ab", 0.020, left=0.030) == [False, False]
        engine.now += 2.0
    assert engine.call("a", 0.040, left=0.051) == [True]
    assert engine.call("ab", 0.020, left=0.049) == [False, False]


def test_a_session_that_leaves_costs_the_others_hardly_a_full_picture() -> None:
    engine = taught("abc", 0.020)
    drawn = [engine.call("ab", 0.018) for _ in range(round(GONE_S / FRAME_S) + 3)]
    assert drawn[2:] == [[True, True]] * (len(drawn) - 2)  # at first c's picture may still come


def test_a_session_that_has_gone_is_not_reckoned_with() -> None:
    engine = taught("ab", 0.020)
    engine.now += GONE_S + 2 * FRAME_S
    engine.call("a", 0.010)
    assert engine.call("a", 0.010, left=0.0201) == [True]


def test_a_plan_asks_once_what_calls_of_each_kind_cost(monkeypatch: pytest.MonkeyPatch) -> None:
    """Planning runs on the event loop: what it costs must not grow with the square of the sessions."""
    engine, names = Engine(), [chr(ord("a") + number) for number in range(26)]
    for count in range(1, len(names) + 1):
        engine.call("".join(names[:count]), 0.001 * count)
    asked, p98 = [], LatencyQuantile.p98

    def counted(quantile: LatencyQuantile, now: float) -> float | None:
        asked.append(quantile)
        return p98(quantile, now)

    monkeypatch.setattr(LatencyQuantile, "p98", counted)
    wanted = [FrameRequest(name, engine.now + 0.001, True) for name in names]
    drawn = engine.pace.plan(wanted, engine.now)
    assert not any(drawn)
    assert len(asked) <= 2 * (len(names) + 1)  # for the plan, and for how bad the overload is
