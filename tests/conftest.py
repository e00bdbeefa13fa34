"""Fixtures for all tests."""

from __future__ import annotations

import asyncio
import gc
import os
import threading
from collections.abc import AsyncIterator
from pathlib import Path

import hypothesis
import pytest

hypothesis.settings.register_profile("lipcast", deadline=None, derandomize=True)  # no clock, no luck
hypothesis.settings.load_profile("lipcast")

LEAVING_TURNS = 200  # of 5 ms: how long threads and sockets may take to go


@pytest.fixture
def anyio_backend() -> tuple[str, dict[str, bool]]:
    """Which event loop runs the tests marked `anyio`; those of the network ask for both."""
    return "asyncio", {"use_uvloop": False}


@pytest.fixture
async def nothing_left(anyio_backend: object) -> AsyncIterator[None]:
    """After the test no task, thread or descriptor is left that was not there before."""
    before = running()
    yield
    for _ in range(LEAVING_TURNS):
        if running() <= before:
            return
        await asyncio.sleep(0.005)
    assert running() - before == set()


def running() -> set[object]:
    """Tasks, threads and descriptors, less those of the test runner and of the event loop itself."""
    gc.collect(0)
    tasks = {task for task in asyncio.all_tasks() if "TestRunner." not in repr(task.get_coro())}
    # The pool behind asyncio.to_thread is the loop's and ends with it.
    threads = {thread for thread in threading.enumerate() if not thread.name.startswith("asyncio_")}
    return {*tasks, *threads, *descriptors()}


def descriptors() -> set[str]:
    """What the process has open, by number and name."""
    folder = Path("/proc/self/fd")
    names = {entry: _target(entry) for entry in folder.iterdir()} if folder.is_dir() else {}
    return {f"{entry.name} {name}" for entry, name in names.items() if name}


def _target(entry: Path) -> str:
    try:
        return os.readlink(entry)
    except OSError:  # the descriptor of the listing itself
        return ""
