"""The pool: sessions spread evenly, a session's calls in order, and each worker on a thread of its own."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import numpy as np
import pytest

from engines.api import Chunk, Frame
from lipcast.testing import FakeAvatar, FakeClock, FakeEngine, FakeExecutor, FakeStream, settle
from streamer.scheduling.engine_worker import HUNG_S, EngineHung, Worker
from streamer.scheduling.worker_pool import WorkerPool

pytestmark = [pytest.mark.anyio, pytest.mark.usefixtures("nothing_left")]

COST_S = 0.01  # of one engine call


class Bench:
    """Two workers whose calls take 10 ms of the clock's time each."""

    def __init__(self) -> None:
        self.clock = FakeClock()
        self.engine = FakeEngine(lookahead_frames=0)
        self.threads = [FakeExecutor(self.clock, COST_S) for _ in range(2)]
        self.workers = [Worker(self.engine, 4, self.clock, thread) for thread in self.threads]
        self.pool = WorkerPool(self.workers)
        self.running = asyncio.create_task(self.pool.run())

    def open(self, count: int) -> list[FakeStream]:
        return [self.engine.open(FakeAvatar()) for _ in range(count)]

    def ask(self, stream: FakeStream, index: int = 0) -> asyncio.Task[Frame | None]:
        chunk = Chunk(np.full(640, 0.5, np.float32), index)
        return asyncio.create_task(self.pool.step(stream, chunk, self.clock.now() + 0.05))

    async def draw(self, *streams: FakeStream) -> list[int]:
        """One chunk of each; returns the sizes of the calls that it took."""
        before = len(self.engine.batches)
        for stream in streams:
            self.ask(stream, len(stream.heard))
        await self.clock.advance(1)
        return sorted(self.engine.batches[before:])


@pytest.fixture
async def bench(anyio_backend: object) -> AsyncIterator[Bench]:
    made = Bench()
    yield made
    made.running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await made.running


async def test_two_sessions_are_drawn_side_by_side(bench: Bench) -> None:
    asked = [bench.ask(stream) for stream in bench.open(2)]
    await bench.clock.advance(COST_S)
    assert all(one.done() for one in asked)
    assert bench.engine.batches == [1, 1]


async def test_sessions_are_spread_evenly(bench: Bench) -> None:
    assert await bench.draw(*bench.open(5)) == [2, 3]


async def test_who_is_left_alone_is_joined_by_others(bench: Bench) -> None:
    one, two, three = bench.open(3)
    assert await bench.draw(one, two, three) == [1, 2]
    bench.pool.leave(two)
    assert await bench.draw(one, three) == [1, 1]
    assert await bench.draw(one, three) == [1, 1]


async def test_a_stream_that_is_being_drawn_stays_where_it_is(bench: Bench) -> None:
    one, two, three = bench.open(3)
    await bench.draw(one, two, three)
    asked = [bench.ask(three, index) for index in (1, 2, 3)]
    await settle()
    bench.pool.leave(two)  # from now on its place is the emptier one
    asked.append(bench.ask(three, 4))
    await bench.clock.advance(1)
    assert three.heard == [0, 1, 2, 3, 4]
    assert all(one.done() for one in asked)


async def test_a_reset_comes_after_what_is_being_drawn_and_drops_what_waits(bench: Bench) -> None:
    (stream,) = bench.open(1)
    first, second = bench.ask(stream, 0), bench.ask(stream, 1)
    await settle()
    resetting = asyncio.create_task(bench.pool.reset(stream))
    await bench.clock.advance(1)
    await resetting
    assert first.result() is not None
    assert second.result() is None
    assert stream.resets == 1


async def test_an_engine_that_breaks_leaves_the_session_where_it_can_go_on(bench: Bench) -> None:
    (stream,) = bench.open(1)
    bench.engine.fault, bench.engine.faulty = RuntimeError("broken"), [stream]
    asked = bench.ask(stream)
    await bench.clock.advance(1)
    with pytest.raises(RuntimeError, match="broken"):
        asked.result()
    bench.engine.faulty = []
    assert await bench.draw(stream) == [1]


async def test_a_reset_that_fails_is_told_by_the_streams_next_step(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    one, other = bench.open(2)

    def fail(stream: FakeStream) -> None:
        raise MemoryError("no room")

    monkeypatch.setattr(bench.engine, "reset", fail)
    await bench.pool.reset(one)
    await bench.clock.advance(1)
    asked, theirs = bench.ask(one), bench.ask(other)
    await bench.clock.advance(1)
    assert isinstance(asked.exception(), RuntimeError)
    assert theirs.result() is not None


async def test_while_one_worker_hangs_new_sessions_are_drawn_by_the_other(bench: Bench) -> None:
    first, second = bench.open(2)
    bench.threads[0].cost = float("inf")
    asked = bench.ask(first)
    await bench.clock.advance(HUNG_S + 0.1)
    assert isinstance(asked.exception(), EngineHung)
    assert bench.pool.hung
    bench.pool.leave(first)
    assert await bench.draw(second) == [1]
    assert await bench.draw(*bench.open(1)) == [1]
