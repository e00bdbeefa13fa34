"""Tasks of the server, each inside a boundary: one that fails is logged and counted, and ends only what it belongs to.

An asyncio.TaskGroup alone does the opposite: the first exception cancels all tasks in it. Knows no session.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable

from streamer.metrics import Metrics

log = logging.getLogger(__name__)


def nothing() -> None:
    """What a failed task takes with it, unless told otherwise."""


class ServerTasks:
    """`async with` owns the tasks; leaving it waits for them all."""

    def __init__(self, metrics: Metrics) -> None:
        self._metrics = metrics
        self._tasks = asyncio.TaskGroup()
        self._running: set[asyncio.Task[None]] = set()

    async def __aenter__(self) -> ServerTasks:
        await self._tasks.__aenter__()
        return self

    async def __aexit__(self, *error: object) -> None:
        await self._tasks.__aexit__(*error)  # type: ignore[arg-type]

    def spawn(
        self, work: Callable[[], Awaitable[None]], kind: str, name: str, on_failure: Callable[[], None] = nothing
    ) -> asyncio.Task[None]:
        """Start `work()` as a task.

        kind: its label in the metrics, one of a few; name: tells it apart in logs; on_failure: ends what the task
        belongs to, if the task raises.
        """
        task = self._tasks.create_task(self._guard(work, kind, name, on_failure), name=f"{kind} {name}")
        self._running.add(task)
        task.add_done_callback(self._running.discard)
        return task

    def cancel(self) -> None:
        """Cancel every task that still runs."""
        for task in list(self._running):
            task.cancel()

    async def _guard(
        self, work: Callable[[], Awaitable[None]], kind: str, name: str, on_failure: Callable[[], None]
    ) -> None:
        try:
            await work()
        except Exception:  # the boundary of every server task
            log.exception("a task of the server failed", extra={"task": f"{kind} {name}"})
            self._metrics.task_failures.labels(kind).inc()
            try:
                on_failure()
            except Exception:  # even what cleans up after a failure must not end the other tasks
                log.exception("could not clean up after a failed task", extra={"task": f"{kind} {name}"})
