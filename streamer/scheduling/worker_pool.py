"""Several workers beside each other on one engine: each session's frames come from one of them.

Where a frame is computed on the CPU, calls on threads of their own serve two sessions sooner than one call for both:
sessions do not block each other, and what a call does between networks is done side by side too. On a GPU there
is one worker, whose calls take several sessions together. Knows no payloads and no time.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass

from engines.api import Chunk, Engine, Frame, Stream
from streamer.scheduling.engine_worker import Worker


@dataclass(slots=True)
class Assignment:
    """A stream's worker. It may be reassigned only while no call is in flight.

    running: calls in flight; failure: what its last reset raised, which leaves the stream in an unknown state.
    """

    worker: Worker
    running: int = 0
    failure: BaseException | None = None


class WorkerPool:
    """`run` is a task of the server; sessions call `step` and `reset`, and `leave` when they end."""

    def __init__(self, workers: Sequence[Worker]) -> None:
        """workers: one or more, of the same engine, each with its own thread."""
        self._workers = tuple(workers)
        self._assignments: dict[int, Assignment] = {}  # by the stream's identity: drop_when_full by the sessions

    @property
    def engine(self) -> Engine:
        return self._workers[0].engine

    @property
    def hung(self) -> bool:
        """Does a call of any worker hang?"""
        return any(worker.hung for worker in self._workers)

    async def run(self) -> None:
        """Serve until cancelled."""
        async with asyncio.TaskGroup() as tasks:
            for worker in self._workers:
                tasks.create_task(worker.run())

    async def step(self, stream: Stream, chunk: Chunk, due: float, listen: bool = False) -> Frame | None:
        """As Worker.step. A stream's calls are in order: it changes its worker only when none is running."""
        assignment = self._assign(stream)
        if assignment.failure is not None:
            raise RuntimeError("the engine could not reset the stream") from assignment.failure
        assignment.running += 1
        try:
            return await assignment.worker.step(stream, chunk, due, listen)
        finally:
            assignment.running -= 1

    async def reset(self, stream: Stream) -> None:
        """As Worker.reset. Does not wait for the engine; if its reset fails, the stream's next step raises that."""
        assignment = self._assign(stream)
        assignment.running += 1
        assignment.worker.reset(stream).add_done_callback(lambda done: self._was_reset(assignment, done))

    def _was_reset(self, assignment: Assignment, done: asyncio.Future[None]) -> None:
        assignment.running -= 1
        if not done.cancelled():  # as it is when the server stops
            assignment.failure = done.exception()

    def leave(self, stream: Stream) -> None:
        """The stream's session has ended."""
        assignment = self._assignments.pop(id(stream), None)
        worker = self._workers[0] if assignment is None else assignment.worker
        worker.close(stream)

    def _assign(self, stream: Stream) -> Assignment:
        """At the worker with the fewest streams; one that sits already moves only if that evens them out."""
        assignment = self._assignments.get(id(stream))
        if assignment is not None and assignment.running:
            return assignment
        others = [each.worker for each in self._assignments.values() if each is not assignment]
        idlest = min(self._workers, key=lambda worker: (worker.hung, others.count(worker)))
        if assignment is None:
            assignment = self._assignments[id(stream)] = Assignment(idlest)
        elif others.count(assignment.worker) > others.count(idlest):
            assignment.worker = idlest
        return assignment
