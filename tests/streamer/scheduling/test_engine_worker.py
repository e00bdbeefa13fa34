"""The worker: urgent first, several at once, each stream in order, and one stream's fault is its own."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence

import numpy as np
import pytest

from engines.api import Chunk, Frame, Step, Stream
from lipcast.testing import FakeAvatar, FakeClock, FakeEngine, FakeExecutor, FakeStream, settle
from streamer.scheduling.engine_worker import HUNG_S, EngineHung, Worker

pytestmark = [pytest.mark.anyio, pytest.mark.usefixtures("nothing_left")]

COST_S = 0.01  # of one engine call


class Bench:
    """A worker whose engine takes 10 ms of the clock's time a call."""

    def __init__(self, max_batch: int = 4, engine: FakeEngine | None = None) -> None:
        self.clock = FakeClock()
        self.thread = FakeExecutor(self.clock, COST_S)
        self.engine = engine or FakeEngine(lookahead_frames=0)
        self.worker = Worker(self.engine, max_batch, self.clock, self.thread)
        self.running = asyncio.create_task(self.worker.run())

    def open(self) -> FakeStream:
        return self.engine.open(FakeAvatar())

    def ask(self, stream: Stream, index: int = 0, due: float = 0.0, samples: int = 640) -> asyncio.Task[Frame | None]:
        chunk = Chunk(np.full(samples, 0.5, np.float32), index)
        return asyncio.create_task(self.worker.step(stream, chunk, due))

    async def close(self) -> None:
        self.running.cancel()
        with pytest.raises(asyncio.CancelledError):
            await self.running


@pytest.fixture
async def bench(anyio_backend: object) -> AsyncIterator[Bench]:
    made = Bench()
    yield made
    await made.close()


async def test_a_chunk_becomes_a_frame(bench: Bench) -> None:
    asked = bench.ask(bench.open())
    await bench.clock.advance(COST_S)
    frame = asked.result()
    assert frame is not None
    assert frame.rgb[0, 0, 0] == 127


async def test_a_streams_chunks_are_heard_in_order(bench: Bench) -> None:
    stream = bench.open()
    asked = [bench.ask(stream, index, due=index) for index in range(5)]
    await bench.clock.advance(1)
    assert stream.heard == list(range(5))
    assert all(one.done() for one in asked)
    assert set(bench.engine.batches) == {1}


async def test_a_later_chunk_that_is_more_urgent_waits_for_those_before_it(bench: Bench) -> None:
    """Where look-ahead is heard at the tick that draws, what is drawn must also be encoded, and so is due sooner."""
    stream = bench.open()
    asked = [bench.ask(stream, index, due=5.0 - index) for index in range(3)]
    await bench.clock.advance(1)
    assert [one.exception() for one in asked] == [None] * 3
    assert stream.heard == [0, 1, 2]


async def test_sessions_share_a_call_up_to_the_bound(bench: Bench) -> None:
    for _ in range(6):
        bench.ask(bench.open())
    await bench.clock.advance(1)
    assert bench.engine.batches == [4, 2]


async def test_the_earliest_deadline_goes_first() -> None:
    bench = Bench(max_batch=1)
    streams = [bench.open() for _ in range(4)]
    asked = {due: bench.ask(stream, due=due) for stream, due in zip(streams, (4.0, 2.0, 3.0, 1.0), strict=True)}
    await settle()
    done: list[float] = []
    for _ in range(4):
        await bench.clock.advance(COST_S)
        done += [due for due, one in asked.items() if one.done() and due not in done]
    assert done == [1.0, 2.0, 3.0, 4.0]
    await bench.close()


async def degraded(bench: Bench, count: int, time_left: float) -> list[bool]:
    """Which of `count` sessions' frames are degraded, if so much time is left to draw them all."""
    due = bench.clock.now() + time_left
    asked = [bench.ask(bench.open(), due=due) for _ in range(count)]
    await bench.clock.advance(1)
    frames = [one.result() for one in asked]
    return [frame.degraded for frame in frames if frame is not None]


async def test_where_time_is_short_the_engine_is_asked_for_quicker_pictures(bench: Bench) -> None:
    assert await degraded(bench, 1, time_left=1.0) == [False]  # and 10 ms are known to be needed
    assert await degraded(bench, 1, time_left=0.011) == [False]
    assert await degraded(bench, 1, time_left=0.009) == [True]


async def test_as_many_as_there_is_time_for_have_full_pictures(bench: Bench) -> None:
    assert await degraded(bench, 1, time_left=1.0) == [False]
    assert await degraded(bench, 4, time_left=0.021) == [False, False, True, True]


async def test_a_chunk_that_is_refused_harms_only_its_own_stream(bench: Bench) -> None:
    good, bad, other = bench.open(), bench.open(), bench.open()
    asked = [bench.ask(good), bench.ask(bad, samples=7), bench.ask(other)]
    await bench.clock.advance(1)
    assert isinstance(asked[1].exception(), ValueError)
    assert [asked[0].exception(), asked[2].exception()] == [None, None]
    assert (good.heard, bad.heard, other.heard) == ([0], [], [0])


async def test_an_engine_that_breaks_ends_that_calls_sessions_and_serves_the_next(
    bench: Bench, caplog: pytest.LogCaptureFixture
) -> None:
    one, two, later = bench.open(), bench.open(), bench.open()
    bench.engine.faulty, bench.engine.fault = [one], RuntimeError("out of memory")
    broken = [bench.ask(one), bench.ask(two)]
    await bench.clock.advance(COST_S)
    assert [str(ask.exception()) for ask in broken] == ["out of memory"] * 2
    assert "the engine broke" in caplog.text
    asked = bench.ask(later)
    await bench.clock.advance(COST_S)
    assert asked.result() is not None


class LossyEngine(FakeEngine):
    def step(self, steps: Sequence[Step]) -> list[Frame]:
        return super().step(steps)[1:]


async def test_an_engine_that_loses_frames_is_broken() -> None:
    bench = Bench(engine=LossyEngine(0))
    asked = bench.ask(bench.open())
    await bench.clock.advance(COST_S)
    assert "0 frames for 1 chunks" in str(asked.exception())
    await bench.close()


async def test_reset_drops_what_waits_and_forgets_what_was_heard(bench: Bench) -> None:
    stream, other = bench.open(), bench.open()
    asked = [bench.ask(stream, index, due=index) for index in range(3)]
    theirs = bench.ask(other, due=9)
    await settle()
    resetting = bench.worker.reset(stream)
    await bench.clock.advance(1)
    assert resetting.done()
    assert [one.result() is None for one in asked] == [False, True, True]
    assert theirs.result() is not None
    assert (stream.heard, stream.resets) == ([0], 1)


async def test_reset_waits_its_turn_on_the_engines_thread(bench: Bench) -> None:
    stream = bench.open()
    asked = bench.ask(stream)
    await settle()
    resetting = bench.worker.reset(stream)
    await settle()
    assert stream.resets == 0
    await bench.clock.advance(2 * COST_S)
    assert asked.result() is not None
    assert resetting.done()


async def test_a_session_that_has_gone_does_not_stop_the_others(bench: Bench) -> None:
    gone, stays = bench.ask(bench.open()), bench.ask(bench.open(), due=1)
    await settle()
    gone.cancel()
    await bench.clock.advance(1)
    assert gone.cancelled()
    assert stays.result() is not None
    again = bench.ask(bench.open())
    await bench.clock.advance(1)
    assert again.result() is not None


async def test_what_a_session_that_has_gone_was_waiting_for_is_not_drawn(bench: Bench) -> None:
    stream = bench.open()
    asked = [bench.ask(stream, index, due=index) for index in range(4)]
    await settle()
    for one in asked[1:]:
        one.cancel()
    await bench.clock.advance(1)
    assert stream.heard == [0]
    assert bench.worker._jobs == []


async def test_the_engines_time_is_counted(bench: Bench) -> None:
    bench.ask(bench.open())
    await bench.clock.advance(1)
    bench.ask(bench.open())
    await bench.clock.advance(1)
    assert bench.worker.seconds == pytest.approx(2 * COST_S)


async def test_the_thread_ends_with_the_worker() -> None:
    bench = Bench()
    await settle()
    await bench.close()
    assert bench.thread.closed


async def test_a_call_that_hangs_is_noticed_in_time_and_ends_all_who_wait(bench: Bench) -> None:
    stream, other = bench.open(), bench.open()
    await bench.clock.advance(0.7)
    bench.thread.cost = float("inf")
    asked = [bench.ask(stream, index, due=index) for index in range(3)]
    await bench.clock.advance(HUNG_S - 0.01)
    assert not bench.worker.hung
    await bench.clock.advance(0.02)
    assert bench.worker.hung
    assert all(isinstance(one.exception(), EngineHung) for one in asked)
    late = bench.ask(other)
    await settle()
    assert isinstance(late.exception(), EngineHung)


async def test_a_hung_call_that_returns_is_ignored_and_the_worker_serves_again(bench: Bench) -> None:
    stream, other = bench.open(), bench.open()
    bench.thread.cost = 3 * HUNG_S
    asked = bench.ask(stream)
    await bench.clock.advance(2 * HUNG_S)
    assert isinstance(asked.exception(), EngineHung)
    bench.thread.cost = COST_S
    await bench.clock.advance(2 * HUNG_S)
    again = bench.ask(other)
    await bench.clock.advance(COST_S)
    assert again.result() is not None
    assert not bench.worker.hung


async def test_long_calls_that_return_do_not_hang(bench: Bench) -> None:
    stream = bench.open()
    bench.thread.cost = HUNG_S - 0.1
    asked = [bench.ask(stream, index, due=index) for index in range(5)]
    await bench.clock.advance(5 * HUNG_S)
    assert all(one.result() is not None for one in asked)


async def test_sessions_that_come_and_go_while_an_engine_hangs_leave_nothing_waiting(bench: Bench) -> None:
    bench.thread.cost = float("inf")
    asked = [bench.ask(bench.open())]
    await bench.clock.advance(HUNG_S + 0.1)
    calls = bench.thread.calls
    for _ in range(50):
        stream = bench.open()
        asked.append(bench.ask(stream))
        await settle()
        bench.worker.close(stream)
    assert all(isinstance(one.exception(), EngineHung) for one in asked)
    assert bench.worker._jobs == []
    assert bench.thread.calls == calls


async def test_a_stream_is_closed_by_the_engine_after_its_last_call(bench: Bench) -> None:
    stream = bench.open()
    asked = bench.ask(stream)
    await settle()
    bench.worker.close(stream)
    assert not stream.closed
    await bench.clock.advance(2 * COST_S)
    assert asked.result() is not None
    assert stream.closed
