"""A session without any connection: a program pushes speech, and takes raw audio and frames."""

from __future__ import annotations

import asyncio
from types import TracebackType

import numpy as np
import pytest

from lipcast.testing import FakeAvatar, FakeClock, FakeEngine, FakeExecutor
from streamer.audio.pcm_input import PcmInput
from streamer.output.queue_sink import Output, QueueSink
from streamer.scheduling.engine_worker import Worker
from streamer.scheduling.worker_pool import WorkerPool
from streamer.session.policy import Policy
from streamer.session.session import Session
from tests.sounds import Samples, tone, voice

pytestmark = [pytest.mark.anyio, pytest.mark.usefixtures("nothing_left")]

RATE = 16_000  # Hz, of what is pushed
FRAME_S = 0.04
MARGIN_S = 0.01
MAX_ATTRIBUTES = 15  # of a session: more is more than one concept


class PcmHarness:
    """`async with` runs it on a clock of its own; `taken` is all that the program has got."""

    def __init__(self, engine_s: float = 0.005) -> None:
        self.clock = FakeClock()
        self.engine = FakeEngine(lookahead_frames=2)
        self.finished: list[tuple[str, float, bool]] = []
        self.audio = PcmInput(lambda *report: self.finished.append(report))
        self.sink = QueueSink(self.clock, capacity=200)
        self._worker = Worker(self.engine, 4, self.clock, FakeExecutor(self.clock, engine_s))
        policy = Policy(margin_s=MARGIN_S)
        self.session = Session(WorkerPool([self._worker]), FakeAvatar(), self.audio, self.sink, self.clock, policy)
        self.taken: list[Output] = []
        self._tasks = asyncio.TaskGroup()

    async def __aenter__(self) -> PcmHarness:
        await self._tasks.__aenter__()
        self._working = self._tasks.create_task(self._worker.run())
        self._reading = self._tasks.create_task(self._read())
        self._playing = self._tasks.create_task(self.session.run())
        self.session.connected()
        await self.clock.advance(0.005)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.session.end("left")
        await self.clock.advance(0.1)
        await self.sink.close()
        await self.clock.advance(0.1)
        self._working.cancel()
        await self._tasks.__aexit__(kind, error, trace)

    async def _read(self) -> None:
        async for output in self.sink:
            self.taken.append(output)

    def say(self, turn: str, audio: Samples) -> None:
        """All at once, as a synthesiser that is faster than speech gives it. audio: at 48 kHz."""
        self.audio.start(turn, RATE)
        self.audio.push((audio[::3] * 32767).astype(np.int16))
        self.audio.end()

    def heard(self, turn: str) -> Samples:
        return np.concatenate(
            [each.unit.audio for each in self.taken if (each.kind, each.unit.turn) == ("audio", turn)]
        )

    def greys(self) -> dict[int, int]:
        """The grey of each frame, by the number of its unit."""
        frames = [(each.unit.index, each.unit.frame) for each in self.taken if each.kind == "video"]
        return {index: int(frame.rgb[0, 0, 0]) for index, frame in frames if frame is not None}


async def test_pushed_speech_is_heard_and_seen_without_any_connection() -> None:
    speech = tone(1.0, 440.0)
    async with PcmHarness() as harness:
        harness.say("hello", speech)
        await harness.clock.advance(2.0)
        assert np.abs(harness.heard("hello")).max() == pytest.approx(np.abs(speech).max(), rel=0.05)
        assert len(harness.heard("hello")) == pytest.approx(len(speech), abs=1920)
        [(turn, played_s, interrupted)] = harness.finished
        assert (turn, interrupted) == ("hello", False)
        assert played_s == pytest.approx(1.0, abs=0.01)


async def test_every_frame_is_of_its_units_audio() -> None:
    """Each frame's level is another, and its ends are quiet, or the filter would carry a loud frame into the next."""
    levels = np.random.default_rng(5).uniform(0.1, 1.0, 25).astype(np.float32)
    bursts = np.pad(levels.repeat(1440).reshape(25, 1440), ((0, 0), (240, 240))).reshape(-1)
    async with PcmHarness() as harness:
        harness.say("hello", bursts * tone(1.0, 440.0, level=0.9))
        await harness.clock.advance(2.0)
        peaks = {
            each.unit.index: float(np.abs(each.unit.audio).max()) for each in harness.taken if each.kind == "audio"
        }
        greys = harness.greys()
        assert len(greys) > 45
        loud = np.array([peaks[index] for index in sorted(greys)])
        seen = np.array([greys[index] for index in sorted(greys)])
        matches = {lag: float(np.corrcoef(np.roll(loud, lag), seen)[0, 1]) for lag in (-2, -1, 0, 1, 2)}
        assert max(matches, key=matches.__getitem__) == 0
        assert matches[0] > 0.99


async def test_audio_and_frame_of_a_unit_are_there_together() -> None:
    async with PcmHarness() as harness:
        harness.say("hello", voice(0.4))
        for _ in range(20):
            await harness.clock.advance(FRAME_S)
            audio, video = (
                {each.unit.index for each in harness.taken if each.kind == kind} for kind in ("audio", "video")
            )
            assert audio == video
        assert len(audio) >= 19


async def first_heard_s(harness: PcmHarness) -> float:
    """From the next tick to the first unit of a turn, seconds, and that unit's frame is there with it."""
    began = harness.clock.now()
    while not (found := [each.unit for each in harness.taken if each.unit.turn is not None]):
        await harness.clock.advance(0.001)
    await harness.clock.advance(0.0)
    assert found[0].index in harness.greys()
    return harness.clock.now() - began


async def test_a_turn_that_is_there_already_begins_without_waiting_for_its_lookahead() -> None:
    async with PcmHarness(engine_s=0.003) as harness:  # the look-ahead is heard within the margin
        await harness.clock.advance(1.0 - 0.005)  # the next tick is now
        harness.say("ahead", voice(1.0))
        assert await first_heard_s(harness) <= FRAME_S + MARGIN_S + 0.002


async def test_a_turn_that_comes_as_it_is_spoken_waits_for_its_lookahead() -> None:
    async with PcmHarness() as harness:
        await harness.clock.advance(1.0 - 0.005)
        speech = (voice(1.0)[::3] * 32767).astype(np.int16)
        harness.audio.start("live", RATE)
        harness.audio.push(speech[:700])  # one frame of 40 ms and a little
        assert await first_heard_s(harness) >= 2 * FRAME_S + MARGIN_S


async def test_after_a_turn_that_began_at_once_every_frame_is_still_of_its_audio() -> None:
    """A frame of other audio would end the session with an error."""
    async with PcmHarness() as harness:
        for number in range(5):
            harness.say(f"turn {number}", voice(0.3))
            await harness.clock.advance(0.5)
            harness.say(f"cut {number}", voice(0.5))
            await harness.clock.advance(0.2)
            harness.session.interrupt()
            await harness.clock.advance(0.1)
        assert harness.session.state == "live"
        heard = harness.engine.streams[0].heard
        assert heard == list(range(heard[0], heard[0] + len(heard)))
        indices = [each.unit.index for each in harness.taken if each.kind == "audio"]
        assert indices == sorted(indices)
        assert len(harness.heard("turn 4")) == pytest.approx(0.3 * 48_000, abs=1920)


async def test_an_interruption_ends_the_turn_at_once_and_nothing_of_it_follows() -> None:
    async with PcmHarness() as harness:
        harness.say("long", tone(5.0, 440.0))
        await harness.clock.advance(1.0)
        harness.session.interrupt()
        assert [(turn, interrupted) for turn, _, interrupted in harness.finished] == [("long", True)]
        before = len(harness.taken)
        await harness.clock.advance(1.0)
        after = harness.taken[before:]
        assert len(after) > 40
        assert max(float(np.abs(each.unit.audio).max()) for each in after if each.kind == "audio") == 0.0
        assert max(int(each.unit.frame.rgb.max()) for each in after if each.unit.frame is not None) == 0


async def test_an_interruption_right_after_a_tick_catches_the_audio_of_that_tick() -> None:
    """The tick starts a task for its audio; a request may be served before that task's first step."""
    async with PcmHarness() as harness:
        harness.say("long", tone(5.0, 440.0))
        await harness.clock.advance(1.0)
        pull = harness.audio.pull

        def pull_and_be_interrupted(samples: int, now: float) -> object:
            asyncio.get_running_loop().call_soon(harness.session.interrupt)
            vars(harness.audio).pop("pull")
            return pull(samples, now)

        vars(harness.audio)["pull"] = pull_and_be_interrupted
        before = len(harness.taken)
        await harness.clock.advance(FRAME_S)
        assert "pull" not in vars(harness.audio)
        during = [each for each in harness.taken[before:] if each.kind == "audio"]
        await harness.clock.advance(FRAME_S)
        after = [each for each in harness.taken[before + len(during) :] if each.kind == "audio"]
        assert max(float(np.abs(each.unit.audio).max()) for each in after) == 0.0


async def test_turns_follow_each_other_and_each_finishes_once() -> None:
    async with PcmHarness() as harness:
        for turn in ("one", "two", "three"):
            harness.say(turn, voice(0.2))
            await harness.clock.advance(0.5)
        assert [(turn, interrupted) for turn, _, interrupted in harness.finished] == [
            ("one", False),
            ("two", False),
            ("three", False),
        ]


async def test_between_turns_frames_go_on_and_no_audio_belongs_to_a_turn() -> None:
    async with PcmHarness() as harness:
        await harness.clock.advance(1.0)
        assert {each.unit.turn for each in harness.taken} == {None}
        assert len(harness.greys()) >= 23


def test_a_session_is_one_concept() -> None:
    assert len(vars(PcmHarness().session)) <= MAX_ATTRIBUTES
