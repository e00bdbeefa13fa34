"""Threads: how many there may be, and that nobody waits for one that hangs."""

from __future__ import annotations

import asyncio
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from streamer.threads import container_limit, in_thread, shut_down

pytestmark = [pytest.mark.anyio, pytest.mark.usefixtures("nothing_left")]


@pytest.mark.parametrize(
    ("cpu_max", "processors"), [("max 100000\n", float("inf")), ("150000 100000\n", 1.5), ("", float("inf"))]
)
async def test_a_containers_limit_counts(cpu_max: str, processors: float) -> None:
    assert container_limit(cpu_max) == processors


async def test_a_result_comes_back_and_so_does_an_error() -> None:
    assert await in_thread(lambda: 7, "seven") == 7
    with pytest.raises(ZeroDivisionError):
        await in_thread(lambda: 1 // 0, "broken")


async def test_who_waits_can_give_up_and_the_thread_goes_on() -> None:
    gate, passed = threading.Event(), threading.Event()

    def pass_gate() -> None:
        gate.wait()
        passed.set()

    waiting = asyncio.create_task(in_thread(pass_gate, "gate"))
    await asyncio.sleep(0)
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting
    gate.set()
    assert await in_thread(lambda: passed.wait(10), "passed")


async def test_an_executor_that_hangs_is_abandoned_and_what_waits_in_it_is_dropped(
    caplog: pytest.LogCaptureFixture,
) -> None:
    gate = threading.Event()
    executor = ThreadPoolExecutor(1)
    hung, waits = executor.submit(gate.wait), executor.submit(gate.wait)
    assert not await shut_down(executor, 0.05, "the engine")
    assert "'the engine' did not end within 0.05 s" in caplog.text
    assert waits.cancelled()
    gate.set()
    assert hung.result()
    assert await shut_down(executor, 10, "the engine")
