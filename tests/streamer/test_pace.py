"""How many full pictures there is time for: learnt from what they took."""

from __future__ import annotations

import pytest

from streamer.pace import MANY, Pace


def test_while_nothing_is_known_there_is_room_for_all() -> None:
    assert Pace().room(-1.0) == MANY


def test_there_is_room_for_as_many_as_fit() -> None:
    pace = Pace()
    pace.note(0.030, full=3)
    assert [pace.room(seconds) for seconds in (-1.0, 0.0, 0.0099, 0.0101, 0.035)] == [0, 0, 0, 1, 3]


def test_slower_pictures_are_believed_sooner_than_faster_ones() -> None:
    slower, faster = Pace(), Pace()
    for pace, then in ((slower, 0.040), (faster, 0.005)):
        pace.note(0.020, full=1)
        for _ in range(10):
            pace.note(then, full=1)
    assert slower.room(0.0395) == 1
    assert slower.room(0.039) == 0
    assert faster.room(0.015) == 0


def test_one_stall_does_not_forbid_full_pictures_for_ever() -> None:
    pace = Pace()
    pace.note(0.010, full=1)
    pace.note(1.0, full=1)
    waited = 0
    while pace.room(0.030) == 0:
        pace.note(0.002, full=0)
        waited += 1
    assert 0 < waited < 200


@pytest.mark.parametrize("seconds", [0.010, 0.0])
def test_time_is_counted_for_each_picture(seconds: float) -> None:
    pace = Pace()
    pace.note(seconds, full=4)
    assert pace.room(0.020) == (8 if seconds else MANY)
