"""Playout: every picture with its own sound, and nothing from before an interruption."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from engines.api import Frame
from streamer.audio.input import PulledAudio
from streamer.session.playout import Playout, Unit

FRAME = 4


def sound(level: float, turn: str | None = None) -> PulledAudio:
    return PulledAudio(np.full(FRAME, level, np.float32), voiced=True, turn=turn)


def level(unit: Unit) -> float:
    return float(unit.audio[0])


@pytest.mark.parametrize("lookahead", [0, 1, 2, 4])
def test_sound_waits_for_exactly_the_lookahead(lookahead: int) -> None:
    playout = Playout(lookahead, FRAME)
    units = [playout.unit(sound(index + 1), due=index * 0.04) for index in range(8)]
    assert [level(unit) for unit in units] == [0] * lookahead + [index + 1 for index in range(8 - lookahead)]


def test_units_are_counted_and_due_when_said() -> None:
    playout = Playout(2, FRAME)
    units = [playout.unit(sound(1), due) for due in (7.0, 7.04)]
    assert [(unit.index, unit.due) for unit in units] == [(0, 7.0), (1, 7.04)]


@pytest.mark.parametrize("lookahead", [0, 1, 2, 4])
def test_flush_drops_all_sound_in_hand_and_disowns_what_is_drawn(lookahead: int) -> None:
    playout = Playout(lookahead, FRAME)
    old = [playout.unit(sound(1), 0) for _ in range(6)]
    playout.flush()
    new = [playout.unit(sound(2), 0) for _ in range(lookahead + 1)]
    assert not any(playout.current(unit) for unit in old)
    assert all(playout.current(unit) for unit in new)
    assert [level(unit) for unit in new] == [0] * lookahead + [2]
    assert [unit.index for unit in old + new] == list(range(6 + lookahead + 1))


@given(st.lists(st.one_of(st.just("flush"), st.floats(0.5, 1)), max_size=40), st.integers(0, 4))
def test_no_current_unit_ever_carries_sound_from_before_a_flush(doings: list[str | float], lookahead: int) -> None:
    playout, since = Playout(lookahead, FRAME), {0.0}
    for doing in doings:
        if isinstance(doing, str):
            playout.flush()
            since = {0.0}
        else:
            unit = playout.unit(sound(doing), 0)
            since.add(float(np.float32(doing)))
            assert playout.current(unit)
            assert level(unit) in since


def test_a_unit_names_the_chunk_that_it_has_the_audio_of_and_takes_no_other_frame() -> None:
    playout = Playout(2, FRAME)
    units = [playout.unit(sound(index), due=0) for index in range(4)]
    assert [unit.chunk for unit in units] == [-2, -1, 0, 1]
    frame = Frame(0)
    assert units[2].with_frame(frame).frame is frame
    with pytest.raises(RuntimeError, match="unit 3 has the audio of chunk 1, the frame is of 0"):
        units[3].with_frame(frame)


def test_a_turn_goes_with_its_audio() -> None:
    playout = Playout(2, FRAME)
    turns = [playout.unit(sound(1, turn), due=0).turn for turn in ("a", "a", "b", None, None)]
    assert turns == [None, None, "a", "a", "b"]
    playout.flush()
    assert playout.unit(sound(1, "c"), due=0).turn is None
