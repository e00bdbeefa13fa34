"""Fixtures for all tests."""

from __future__ import annotations

import asyncio
import gc
import os
import threading
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import hypothesis
import pytest

hypothesis.settings.register_profile("lipcast", deadline=None, derandomize=True)  # no clock, no luck
hypothesis.settings.load_profile("lipcast")

LEAVING_TURNS = 200  # of 5 ms: how long threads and sockets may take to go


@pytest.fixture(autouse=True, scope="session")
def own_cache(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Tests neither fill nor read the cache of the user who runs them."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_CACHE_HOME", str(tmp_path_factory.mktemp("user-cache")))
        yield


@pytest.fixture
def anyio_backend() -> tuple[str, dict[str, bool]]:
    """Which event loop runs the tests marked `anyio`; those of the network ask for both."""
    return "asyncio", {"use_uvloop": False}


@pytest.fixture
async def nothing_left(anyio_backend: object) -> AsyncIterator[None]:
    """After the test no task, thread or descriptor is left that was not there before."""
    before, files = running(), descriptors()
    yield
    for _ in range(LEAVING_TURNS):
        if running() <= before and len(descriptors()) <= len(files):
            return
        await asyncio.sleep(0.005)
    assert running() - before == set()
    # uvloop renews a pair of sockets of its own now and then: numbers change, their count does not.
    assert len(descriptors()) <= len(files), f"left open, among its like: {descriptors() - files}"


def running() -> set[object]:
    """Tasks and threads, less those of the test runner and of the event loop's own pool."""
    gc.collect(0)
    tasks = {task for task in asyncio.all_tasks() if "TestRunner." not in repr(task.get_coro())}
    # The pool behind asyncio.to_thread is the loop's and ends with it.
    return tasks | {each for each in threading.enumerate() if not each.name.startswith(("asyncio_", "uvloop_"))}


def descriptors() -> set[str]:
    """What the process has open, by number and name."""
    folder = Path("/proc/self/fd")
    return {f"{entry.name} {_target(entry)}" for entry in folder.iterdir()} if folder.is_dir() else set()


def _target(entry: Path) -> str:
    try:
        return os.readlink(entry)
    except OSError:
        return "the listing itself"
