"""Clocks: the system's never goes back, and media time maps to it the same way for sound and picture."""

from __future__ import annotations

import asyncio

import pytest

from streamer.clock import MediaClock, MonotonicClock

pytestmark = pytest.mark.anyio


async def test_the_systems_clock_goes_forward_and_sleeps_until() -> None:
    clock = MonotonicClock()
    began = clock.now()
    await clock.sleep_until(began + 0.002)
    assert clock.now() >= began + 0.002


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
