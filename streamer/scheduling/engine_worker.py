"""Runs the engine on one thread of its own for the sessions given to it: the earliest deadline first, several in one
call. A pool of such workers serves them all.

Knows neither sound nor pictures, only who is due when. A free engine takes all that waits and waits for no more: while
it works the next batch gathers by itself, larger the more sessions there are. Where a full picture would come too late,
it asks for a degraded one (Effort.QUICK; load_control.py says when). An engine that breaks ends the sessions
of that call and no others: each of them is told by the exception that its `step` raises.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from concurrent.futures import Executor
from dataclasses import dataclass

from engines.api import Chunk, Effort, Engine, Frame, Step, Stream
from streamer.scheduling.load_control import FrameRequest, LoadControl

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, eq=False)
class Job:
    stream: Stream
    chunk: Chunk
    due: float
    listen: bool
    done: asyncio.Future[Frame | None]


class Worker:
    """`run` is a task of the server; sessions call `step`, `reset` and `release`.

    max_batch: how many sessions one engine call may serve.
    thread: runs one call after the other, in order; shut down when `run` ends.
    """

    def __init__(self, engine: Engine, max_batch: int, clock: Callable[[], float], thread: Executor) -> None:
        self.engine = engine
        self._max_batch = max_batch
        self._clock = clock
        self._thread = thread
        self._jobs: list[Job] = []  # drop_when_full: a session has at most MAX_DRAWING jobs under way
        self._wake = asyncio.Event()
        self._load_control = LoadControl(1 / engine.timing.frame_rate)
        self.seconds = 0.0  # spent in the engine, all sessions together

    async def run(self) -> None:
        """Serve until cancelled."""
        try:
            while True:
                await self._wake.wait()
                self._wake.clear()
                while batch := self._next_batch():
                    await self._run_batch(batch)
        finally:
            self._thread.shutdown(wait=True)

    async def step(self, stream: Stream, chunk: Chunk, due: float, listen: bool = False) -> Frame | None:
        """The frame that the engine draws on hearing `chunk`; None if the stream was reset meanwhile.

        due: when it must be drawn, on the clock. listen: only hear it, draw nothing.

        Raises:
            whatever the engine raised for this stream; other streams are not touched by it.
        """
        done: asyncio.Future[Frame | None] = asyncio.get_running_loop().create_future()
        self._jobs.append(Job(stream, chunk, due, listen, done))
        self._wake.set()
        return await done

    async def reset(self, stream: Stream) -> None:
        """Drop the stream's waiting chunks, then have it forget what it heard."""
        for job in [job for job in self._jobs if job.stream is stream]:
            self._jobs.remove(job)
            settle(job.done, None)
        await asyncio.get_running_loop().run_in_executor(self._thread, self.engine.reset, stream)

    def _next_batch(self) -> list[Job]:
        """The most urgent jobs, one of each stream: a stream's chunks are heard in order. Nobody waits for the jobs of
        a session that has ended.
        """
        self._jobs = sorted((job for job in self._jobs if not job.done.done()), key=lambda job: job.due)
        batch: list[Job] = []
        for job in self._jobs:
            if len(batch) < self._max_batch and all(job.stream is not other.stream for other in batch):
                batch.append(job)
        self._jobs = [job for job in self._jobs if job not in batch]
        return batch

    async def _run_batch(self, batch: list[Job]) -> None:
        try:
            frames = await self._call(batch)
        except ValueError as error:
            await self._refused(batch, error)
        except Exception as error:  # the boundary: an engine that breaks must not take the server with it
            log.exception("the engine broke; the sessions of this call end: %s", len(batch))
            for job in batch:
                fail(job.done, error)
        else:
            for job, frame in zip(batch, frames, strict=True):
                settle(job.done, frame)

    async def _call(self, batch: list[Job]) -> list[Frame]:
        started = self._clock()
        wanted = [FrameRequest(id(job.stream), job.due, job.chunk.voiced and not job.listen) for job in batch]
        full = self._load_control.plan(wanted, started)
        steps = [Step(job.stream, job.chunk, effort_of(job, drawn)) for job, drawn in zip(batch, full, strict=True)]
        try:
            frames = await asyncio.get_running_loop().run_in_executor(self._thread, self.engine.step, steps)
        finally:
            self.seconds += self._clock() - started
        if len(frames) != len(batch):
            raise RuntimeError(f"the engine drew {len(frames)} frames for {len(batch)} chunks")
        self._load_control.note(wanted, full, started, self._clock())
        return frames

    async def _refused(self, batch: list[Job], error: ValueError) -> None:
        """One stream's fault must not cost the others their frame. By contract none has moved: step each alone."""
        if len(batch) == 1:
            fail(batch[0].done, error)
            return
        for job in batch:
            await self._run_batch([job])


def effort_of(job: Job, drawn: bool) -> Effort:
    if job.listen:
        return Effort.LISTEN
    return Effort.FULL if drawn else Effort.QUICK


def settle(future: asyncio.Future[Frame | None], frame: Frame | None) -> None:
    """Deliver, unless the session that asked has gone."""
    if not future.done():
        future.set_result(frame)


def fail(future: asyncio.Future[Frame | None], error: Exception) -> None:
    """Tell the session that asked, unless it has gone."""
    if not future.done():
        future.set_exception(error)
