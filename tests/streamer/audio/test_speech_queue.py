"""Turns in a queue: order, events, bounds, and exactly one end for each, whatever is done to them."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule
from numpy.typing import NDArray

from streamer.audio.pcm_input import WindowFull
from streamer.audio.speech_queue import (
    MAX_WAITING,
    WINDOW_S,
    Caption,
    Closed,
    Failed,
    Finished,
    Progress,
    SpeechEvent,
    SpeechQueue,
    Started,
    TurnOver,
    TurnRefused,
)

FRAME_S = 0.04
SAMPLES = 1_920  # of a frame at 48 kHz
DELAY_S = 0.12
RATE = 16_000


def sound(seconds: float, value: int = 8_000, rate: int = RATE) -> NDArray[np.int16]:
    return np.full(round(seconds * rate), value, np.int16)


class QueueUnderTest:
    """A queue with its clock and everything that it has told."""

    def __init__(self) -> None:
        self.flushes = 0
        self.queue = SpeechQueue(self._flush, delay_s=DELAY_S)
        self.told: list[SpeechEvent] = []
        self.queue.listen(self.told.append)
        self.now = 50.0

    def _flush(self) -> None:
        self.flushes += 1

    def pull(self, seconds: float = FRAME_S) -> NDArray[np.float32]:
        pieces = []
        for _ in range(round(seconds / FRAME_S)):
            pieces.append(self.queue.pull(SAMPLES, self.now).samples)
            self.now += FRAME_S
        return np.concatenate(pieces)

    def of(self, kind: type) -> list[SpeechEvent]:
        return [event for event in self.told if type(event) is kind]

    def say(self, turn: str, seconds: float) -> None:
        self.queue.start(turn, RATE)
        self.queue.push(turn, sound(seconds))
        self.queue.end(turn)


def test_audio_of_several_turns_comes_whole_and_in_order() -> None:
    under_test = QueueUnderTest()
    under_test.queue.start("a", 48_000)
    under_test.queue.start("b", 48_000)
    under_test.queue.push("b", sound(0.2, 3_000, 48_000))
    under_test.queue.push("a", sound(0.2, 9_000, 48_000))
    under_test.queue.end("b")
    under_test.queue.end("a")
    heard = under_test.pull(1.0)
    levels = np.round(heard[heard != 0] * 32_768).astype(int)
    assert levels.tolist() == [9_000] * 9_600 + [3_000] * 9_600
    assert [event.turn for event in under_test.of(Finished)] == ["a", "b"]  # type: ignore[union-attr]


def test_a_turn_is_started_once_and_its_progress_is_told_five_times_a_second() -> None:
    under_test = QueueUnderTest()
    under_test.pull(1.0)
    under_test.say("a", 1.0)
    under_test.pull(2.0)
    assert under_test.of(Started) == [Started("a", 1_080)]
    assert under_test.of(Progress) == [Progress("a", played_ms) for played_ms in (240, 440, 640, 840)]
    assert under_test.told[-1] == Finished("a", 1_000, False)


def test_a_turn_of_one_sample_is_started_and_finished() -> None:
    under_test = QueueUnderTest()
    under_test.queue.start("a", 48_000)
    under_test.queue.push("a", sound(1 / 48, 1, 1_000))
    under_test.queue.end("a")
    under_test.pull(1.0)
    assert under_test.told == [Finished("a", 0, False)]


def test_a_turn_without_audio_finishes_at_once() -> None:
    under_test = QueueUnderTest()
    under_test.queue.start("a", RATE)
    under_test.queue.end("a")
    assert under_test.told == [Finished("a", 0, False)]


def test_captions_are_told_as_they_begin_to_be_heard() -> None:
    under_test = QueueUnderTest()
    under_test.queue.start("a", RATE)
    for text in ("One.", "Two."):
        under_test.queue.caption("a", text)
        under_test.queue.push("a", sound(0.4))
    under_test.queue.end("a")
    under_test.pull(0.24)
    assert under_test.of(Caption) == [Caption("a", "One.", 0)]
    under_test.pull(0.28)
    assert len(under_test.of(Caption)) == 1
    under_test.pull(0.08)
    assert under_test.of(Caption)[1:] == [Caption("a", "Two.", 400)]


def test_later_turns_together_have_one_window_more_and_never_block_the_one_that_is_played() -> None:
    under_test = QueueUnderTest()
    under_test.queue.start("a", RATE)
    under_test.queue.start("b", RATE)
    under_test.queue.push("b", sound(WINDOW_S))
    under_test.queue.start("c", RATE)
    with pytest.raises(WindowFull):
        under_test.queue.push("c", sound(0.1))
    under_test.queue.push("a", sound(WINDOW_S))
    with pytest.raises(WindowFull):
        under_test.queue.push("a", sound(0.1))
    for turn in "abc":
        under_test.queue.end(turn)
    under_test.pull(2 * WINDOW_S + 1)
    assert [(event.turn, event.played_ms) for event in under_test.of(Finished)] == [  # type: ignore[union-attr]
        ("a", 10_000),
        ("b", 10_000),
        ("c", 0),
    ]


def test_too_many_waiting_turns_are_refused() -> None:
    under_test = QueueUnderTest()
    for number in range(MAX_WAITING + 1):
        under_test.queue.start(f"t{number}", RATE)
    with pytest.raises(TurnRefused, match="wait until they have finished"):
        under_test.queue.start("more", RATE)


def test_only_the_turn_that_is_played_is_flushed() -> None:
    under_test = QueueUnderTest()
    under_test.say("a", 1.0)
    under_test.say("b", 1.0)
    under_test.queue.cancel("b")
    assert under_test.flushes == 0
    under_test.pull(0.4)
    under_test.queue.cancel("a")
    assert under_test.flushes == 1
    assert under_test.of(Finished) == [Finished("b", 0, True), Finished("a", 280, True)]


def test_calls_that_do_not_fit_say_why() -> None:
    under_test = QueueUnderTest()
    under_test.say("a", 0.1)
    with pytest.raises(TurnRefused, match="has ended"):
        under_test.queue.push("a", sound(0.1))
    under_test.pull(1.0)
    with pytest.raises(TurnOver, match="has finished"):
        under_test.queue.push("a", sound(0.1))
    with pytest.raises(TurnRefused, match="no turn 'b'"):
        under_test.queue.push("b", sound(0.1))
    under_test.queue.close("left")
    with pytest.raises(TurnRefused, match="the session has ended"):
        under_test.queue.start("c", RATE)


def test_a_listener_that_comes_after_the_end_hears_of_it() -> None:
    under_test = QueueUnderTest()
    under_test.queue.close("idle")
    late: list[SpeechEvent] = []
    under_test.queue.listen(late.append)
    assert late == [Closed("idle")]


def test_a_dry_turn_fails_and_finishes() -> None:
    under_test = QueueUnderTest()
    under_test.queue.start("a", RATE, first_audio_s=1.0, dry_s=0.5)
    under_test.pull(0.96)
    under_test.queue.push("a", sound(0.2))
    under_test.pull(0.6)
    assert under_test.of(Failed) == []
    under_test.pull(0.4)
    assert [type(event) for event in under_test.told[-2:]] == [Failed, Finished]
    assert under_test.told[-1] == Finished("a", 200, False)


def test_an_attached_program_keeps_the_session_awake() -> None:
    under_test = QueueUnderTest()
    under_test.say("a", 0.1)
    under_test.pull(1.0)
    under_test.queue.hold()
    under_test.pull(60.0)
    assert under_test.queue.report(under_test.now).idle_s == 0
    under_test.queue.let_go()
    assert under_test.queue.report(under_test.now + 5).idle_s == pytest.approx(5)


class Turns(RuleBasedStateMachine):
    """10,000 steps by chance."""

    def __init__(self) -> None:
        super().__init__()
        self.under_test = QueueUnderTest()
        self.begun: list[str] = []
        self.number = 0
        self.checked = 0
        self.played: dict[str, int] = {}
        self.finished: set[str] = set()

    def any_turn(self, pick: int) -> str | None:
        return self.begun[-1 - pick] if pick < len(self.begun) else None

    @rule(rate=st.sampled_from([8_000, 16_000, 22_050, 24_000, 48_000]))
    def start(self, rate: int) -> None:
        self.number += 1
        try:
            self.under_test.queue.start(f"t{self.number}", rate)
        except TurnRefused:
            assert self.number - len(self.finished) > MAX_WAITING
        else:
            self.begun.append(f"t{self.number}")

    @rule(pick=st.integers(0, 4), samples=st.integers(0, 60_000))
    def push(self, pick: int, samples: int) -> None:
        turn = self.any_turn(pick)
        if turn is not None:
            try:
                self.under_test.queue.push(turn, np.full(samples, 1_000, np.int16))
            except TurnOver:
                assert turn in self.finished
            except (TurnRefused, WindowFull):
                assert turn not in self.finished

    @rule(pick=st.integers(0, 4))
    def end(self, pick: int) -> None:
        turn = self.any_turn(pick)
        if turn is not None:
            self.under_test.queue.end(turn)

    @rule(pick=st.integers(0, 4))
    def cancel(self, pick: int) -> None:
        turn = self.any_turn(pick)
        if turn is not None:
            self.under_test.queue.cancel(turn)

    @rule()
    def cancel_all(self) -> None:
        self.under_test.queue.cancel()

    @rule()
    def interrupt(self) -> None:
        self.under_test.queue.interrupt()

    @rule(frames=st.integers(1, 30))
    def pull(self, frames: int) -> None:
        self.under_test.pull(frames * FRAME_S)

    @invariant()
    def every_turn_has_one_end_and_time_goes_on(self) -> None:
        for event in self.under_test.told[self.checked :]:
            assert not isinstance(event, Closed)
            assert event.turn not in self.finished, f"{event} after its end"
            if isinstance(event, Progress | Finished):
                assert event.played_ms >= self.played.get(event.turn, 0)
                self.played[event.turn] = event.played_ms
            if isinstance(event, Finished):
                self.finished.add(event.turn)
        self.checked = len(self.under_test.told)

    @invariant()
    def memory_is_bounded(self) -> None:
        assert self.under_test.queue.report(self.under_test.now).buffered_s <= WINDOW_S
        assert sum(turn.waiting_s for turn in self.under_test.queue._waiting) <= WINDOW_S

    def teardown(self) -> None:
        self.under_test.queue.close("left")
        self.every_turn_has_one_end_and_time_goes_on_to_the_close()
        assert self.finished == set(self.begun)

    def every_turn_has_one_end_and_time_goes_on_to_the_close(self) -> None:
        assert self.under_test.told.pop() == Closed("left")
        self.every_turn_has_one_end_and_time_goes_on()


TestTurns = Turns.TestCase
TestTurns.settings = settings(max_examples=100, stateful_step_count=100, deadline=None)
