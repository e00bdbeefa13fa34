"""Clocks: the system's never goes back, and media time maps to it the same way for sound and picture."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import pytest
import uvloop

from streamer.clock import MediaClock, MonotonicClock

pytestmark = pytest.mark.anyio


async def test_the_systems_clock_goes_forward_and_sleeps_until() -> None:
    clock = MonotonicClock()
    began = clock.now()
    await clock.sleep_until(began + 0.002)
    assert clock.now() >= began + 0.002


async def early(sleeps: int) -> list[float]:
    """By how much each of so many sleeps at once ended before its deadline, seconds."""
    clock = MonotonicClock()

    async def one(number: int) -> float:
        deadline = clock.now() + 0.0005 + number * 0.00003
        await clock.sleep_until(deadline)
        return deadline - clock.now()

    return await asyncio.gather(*(one(number) for number in range(sleeps)))


@pytest.mark.parametrize("new_loop", [asyncio.new_event_loop, uvloop.new_event_loop], ids=["asyncio", "uvloop"])
def test_no_sleep_ends_before_its_deadline(new_loop: Callable[[], asyncio.AbstractEventLoop]) -> None:
    with asyncio.Runner(loop_factory=new_loop) as runner:
        assert max(runner.run(early(400))) <= 0


async def test_a_deadline_that_has_passed_gives_others_a_turn() -> None:
    clock, turns = MonotonicClock(), 0

    async def other() -> None:
        nonlocal turns
        turns += 1

    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(other())
        await clock.sleep_until(clock.now() - 1)
        assert turns == 1


async def test_media_time_is_due_at_the_epoch_and_later() -> None:
    media = MediaClock(100.0)
    assert (media.due(0), media.due(1.5)) == (100.0, 101.5)
    media.shift(-0.25)
    assert media.due(1.5) == 101.25
