"""Threads of the process: how many there may be, and how to wait for one without waiting for ever.

A call into a GPU library can hang for good, and Python cannot stop a thread. So nothing here is waited for without a
deadline, and never on the event loop.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import threading
from collections.abc import Callable
from concurrent.futures import Executor, ThreadPoolExecutor
from pathlib import Path
from typing import TypeVar

T = TypeVar("T")

NewExecutor = Callable[[int, str], Executor]  # how many threads, and their name

log = logging.getLogger(__name__)

CPU_LIMIT = Path("/sys/fs/cgroup/cpu.max")  # of control groups, version 2


def processors() -> float:
    """How many processors' worth of time this process may use, with a container's limit."""
    allowed = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return min(float(allowed), container_limit(CPU_LIMIT.read_text() if CPU_LIMIT.is_file() else "max"))


def container_limit(cpu_max: str) -> float:
    """The number of processors that a cgroup's cpu.max grants, infinity for no limit."""
    parts = cpu_max.split()
    if len(parts) != 2 or parts[0] == "max":
        return float("inf")
    return int(parts[0]) / int(parts[1])


def thread_pool(count: int, name: str) -> Executor:
    return ThreadPoolExecutor(count, thread_name_prefix=name)


async def in_thread(work: Callable[[], T], name: str) -> T:
    """Run `work` on a daemon thread of its own; unlike asyncio.to_thread, neither the loop's end nor the process's
    waits for it. Cancelling ends the waiting alone.

    Raises:
        whatever `work` raises.
    """
    loop = asyncio.get_running_loop()
    done: asyncio.Future[T] = loop.create_future()

    def deliver(settle: Callable[[], None]) -> None:
        with contextlib.suppress(RuntimeError):  # the loop has closed meanwhile: nobody waits any more
            loop.call_soon_threadsafe(lambda: None if done.done() else settle())

    def run() -> None:
        try:
            result = work()
        except Exception as error:  # noqa: BLE001  whatever it is belongs to the one who waits
            failure = error
            deliver(lambda: done.set_exception(failure))
        else:
            deliver(lambda: done.set_result(result))

    threading.Thread(target=run, name=name, daemon=True).start()
    return await done


async def shut_down(executor: Executor, within_s: float, name: str) -> bool:
    """Let the executor finish what it is doing, drop what waits in it, and give up after `within_s` seconds.

    Returns whether it has ended; if not, its thread is stuck and only the end of the process ends it.
    """
    try:
        async with asyncio.timeout(within_s):
            await in_thread(lambda: executor.shutdown(wait=True, cancel_futures=True), f"stop {name}")
    except TimeoutError:
        log.error("a thread of %r did not end within %s s and is abandoned", name, within_s)
        return False
    return True
