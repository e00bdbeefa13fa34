"""Raw audio and frames for a program: on time, in order, bounded, and nothing after a flush."""

from __future__ import annotations

import asyncio

import numpy as np
import pytest

from engines.api import Frame, Picture
from lipcast.testing import FakeClock
from streamer.output.queue_sink import Output, QueueSink
from streamer.session.playout import Unit
from streamer.session.sink import GRACE_S

pytestmark = [pytest.mark.anyio, pytest.mark.usefixtures("nothing_left")]


def unit(index: int, due: float = 0.0) -> Unit:
    return Unit(index, index, np.zeros(1920, np.float32), due, generation=0)


def frame(index: int) -> Frame:
    return Frame(index, Picture(np.zeros((4, 4, 3), np.uint8)))


async def everything(sink: QueueSink) -> list[Output]:
    return [output async for output in sink]


async def read(sink: QueueSink) -> list[tuple[str, int]]:
    await sink.close()
    return [(output.kind, output.unit.index) for output in await everything(sink)]


async def test_each_output_is_there_when_it_is_due_and_no_sooner() -> None:
    clock = FakeClock(0.0)
    sink = QueueSink(clock)
    handed = [asyncio.create_task(sink.sound(unit(0, 0.1))), asyncio.create_task(sink.picture(unit(0, 0.1), frame(0)))]
    reader = asyncio.create_task(anext(sink))
    await clock.advance(0.09)
    assert not reader.done()
    await clock.advance(0.01)
    assert reader.result().kind == "audio"
    assert [task.result() for task in handed] == [True, True]
    assert await read(sink) == [("video", 0)]


async def test_a_frame_goes_with_the_unit_it_belongs_to() -> None:
    sink = QueueSink(FakeClock(0.0))
    shown = frame(3)
    assert await sink.picture(unit(3), shown)
    assert (await anext(sink)).unit.frame is shown
    with pytest.raises(RuntimeError, match="unit 4 has the audio of chunk 4, the frame is of 3"):
        await sink.picture(unit(4), shown)


async def test_a_frame_that_is_too_late_is_refused() -> None:
    clock = FakeClock(1.0)
    sink = QueueSink(clock)
    assert await sink.picture(unit(0, 1.0 - GRACE_S), frame(0))
    assert not await sink.picture(unit(1, 1.0 - GRACE_S - 0.001), frame(1))
    assert await read(sink) == [("video", 0)]


async def test_a_flush_drops_what_waits_and_what_is_on_its_way() -> None:
    clock = FakeClock(0.0)
    sink = QueueSink(clock)
    await sink.sound(unit(0))
    late = asyncio.create_task(sink.sound(unit(1, 0.04)))
    await clock.advance(0.0)
    sink.flush()
    await clock.advance(0.1)
    assert late.result() is False
    await sink.sound(unit(2))
    assert await read(sink) == [("audio", 2)]


async def test_a_reader_that_is_slow_loses_the_oldest_and_it_is_counted() -> None:
    sink = QueueSink(FakeClock(0.0), capacity=3)
    for index in range(5):
        await sink.sound(unit(index))
    assert sink.dropped == 2
    assert await read(sink) == [("audio", 2), ("audio", 3), ("audio", 4)]


async def test_the_end_wakes_a_reader_that_waits_and_nothing_is_taken_any_more() -> None:
    clock = FakeClock(0.0)
    sink = QueueSink(clock)
    reader = asyncio.create_task(everything(sink))
    await clock.advance(0.0)
    await sink.close()
    await clock.advance(0.0)
    assert reader.result() == []
    assert not await sink.sound(unit(0))


def test_a_queue_without_room_is_refused() -> None:
    with pytest.raises(ValueError, match="capacity = 0: expected 1 output or more"):
        QueueSink(FakeClock(), capacity=0)
