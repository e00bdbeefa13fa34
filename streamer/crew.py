"""Several workers beside each other on one engine: each session's pictures come from one of them.

Where a picture is computed on the CPU, calls on threads of their own serve two sessions sooner than one call for both:
nobody waits for somebody else's picture, and what a call does between networks is done side by side too. On a GPU there
is one worker, whose calls take several sessions together. Knows neither sound nor pictures, nor time.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass

from engines.api import Chunk, Engine, Frame, Stream
from streamer.worker import Worker


@dataclass(slots=True)
class Desk:
    """Where a stream is drawn. running: its calls that have not returned; while there are any it stays."""

    worker: Worker
    running: int = 0


class Crew:
    """`run` is a task of the server; sessions call `step` and `reset`, and `leave` when they end."""

    def __init__(self, workers: Sequence[Worker]) -> None:
        """workers: one or more, of the same engine, each with its own thread."""
        self._workers = tuple(workers)
        self._desks: dict[int, Desk] = {}  # by the stream's identity: bounded by the sessions

    @property
    def engine(self) -> Engine:
        return self._workers[0].engine

    async def run(self) -> None:
        """Serve until cancelled."""
        async with asyncio.TaskGroup() as tasks:
            for worker in self._workers:
                tasks.create_task(worker.run())

    async def step(self, stream: Stream, chunk: Chunk, due: float) -> Frame | None:
        """As Worker.step. A stream's calls are in order: it changes its worker only when none is running."""
        desk = self._seated(stream)
        desk.running += 1
        try:
            return await desk.worker.step(stream, chunk, due)
        finally:
            desk.running -= 1

    async def reset(self, stream: Stream) -> None:
        """As Worker.reset."""
        desk = self._seated(stream)
        desk.running += 1
        try:
            await desk.worker.reset(stream)
        finally:
            desk.running -= 1

    def leave(self, stream: Stream) -> None:
        """The stream's session has ended."""
        self._desks.pop(id(stream), None)

    def _seated(self, stream: Stream) -> Desk:
        """At the worker with the fewest streams; one that sits already moves only if that evens them out."""
        desk = self._desks.get(id(stream))
        if desk is not None and desk.running:
            return desk
        others = [each.worker for each in self._desks.values() if each is not desk]
        idlest = min(self._workers, key=others.count)
        if desk is None:
            desk = self._desks[id(stream)] = Desk(idlest)
        elif others.count(desk.worker) > others.count(idlest):
            desk.worker = idlest
        return desk
