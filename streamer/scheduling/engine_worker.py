"""Runs the engine on one thread of its own for the sessions given to it: the earliest deadline first, several in one
call. A pool of such workers serves them all.

Schedules by deadline; does not look at payloads. A free engine takes all that waits and waits for no more: while
it works the next batch gathers by itself, larger the more sessions there are. Where a full frame would come too late,
it asks for a degraded one (Effort.QUICK; load_control.py says when).

Failure: an engine that raises ends the sessions of that call and no others: each of them is told by the exception that
its `step` raises. A call that does not return within HUNG_S hangs: the worker's sessions are told by EngineHung, and
new ones are refused until the call returns, if it ever does; what it returns then is dropped. No second thread is
started beside a hung one, since what hangs is the device, and a second call would hang with it.
"""

from __future__ import annotations

import asyncio
import logging
from concurrent.futures import Executor, Future
from dataclasses import dataclass

from engines.api import Chunk, Effort, Engine, Frame, Step, Stream
from streamer.clock import Clock
from streamer.scheduling.load_control import FrameRequest, LoadControl
from streamer.threads import shut_down

log = logging.getLogger(__name__)

HUNG_S = 2.0  # a call that has not returned after fifty frames' time hangs
STOP_S = 3.0  # what is left of a call when the server stops gets so long: more than one that does not hang needs


class EngineHung(Exception):
    """The engine does not answer; its sessions end."""


@dataclass(frozen=True, slots=True, eq=False)
class Job:
    stream: Stream
    chunk: Chunk
    due: float
    listen: bool
    done: asyncio.Future[Frame | None]


@dataclass(frozen=True, slots=True, eq=False)
class Running:
    """A call that has not returned."""

    began: float
    batch: list[Job]
    call: Future[list[Frame]]


class Worker:
    """`run` is a task of the server; sessions call `step`, `reset` and `close`.

    max_batch: how many sessions one engine call may serve.
    thread: runs one call after the other, in order; shut down when `run` ends.
    """

    def __init__(self, engine: Engine, max_batch: int, clock: Clock, thread: Executor) -> None:
        self.engine = engine
        self._max_batch = max_batch
        self._clock = clock
        self._thread = thread
        self._jobs: list[Job] = []  # drop_when_full: a session has at most MAX_DRAWING jobs; hung, none is taken
        self._running: Running | None = None
        self._wake = asyncio.Event()
        self._load_control = LoadControl(1 / engine.timing.frame_rate)
        self.hung = False  # a call has not returned for HUNG_S, and still has not
        self.seconds = 0.0  # spent in the engine, all sessions together

    async def run(self) -> None:
        """Serve until cancelled."""
        try:
            async with asyncio.TaskGroup() as tasks:
                tasks.create_task(self._watch())
                tasks.create_task(self._serve())
        finally:
            await shut_down(self._thread, STOP_S, "engine")

    async def step(self, stream: Stream, chunk: Chunk, due: float, listen: bool = False) -> Frame | None:
        """The frame that the engine draws on hearing `chunk`; None if the stream was reset meanwhile.

        due: when it must be drawn, on the clock. listen: only hear it, draw nothing.

        Raises:
            EngineHung: a call does not return.
            whatever the engine raised for this stream; other streams are not touched by it.
        """
        if self.hung:
            raise hung_error()
        done: asyncio.Future[Frame | None] = asyncio.get_running_loop().create_future()
        self._jobs.append(Job(stream, chunk, due, listen, done))
        self._wake.set()
        return await done

    def reset(self, stream: Stream) -> asyncio.Future[None]:
        """Drop the stream's waiting chunks, then have it forget what it heard. Does not wait for the engine: what is
        returned is done when it has; the stream's next step comes after it in any case.
        """
        for job in [job for job in self._jobs if job.stream is stream]:
            self._jobs.remove(job)
            settle(job.done, None)
        return asyncio.wrap_future(self._thread.submit(self.engine.reset, stream))

    def close(self, stream: Stream) -> None:
        """Have the engine let go of the stream, after the call that may still use it. Not while the engine hangs: what
        it holds then ends with the process.
        """
        if not self.hung:
            self._thread.submit(self.engine.close, stream)

    async def _serve(self) -> None:
        while True:
            await self._wake.wait()
            self._wake.clear()
            while batch := self._next_batch():
                await self._run_batch(batch)

    async def _watch(self) -> None:
        """Notice a call that hangs, HUNG_S after it began."""
        while True:
            running = self._running
            began = self._clock.now() if running is None or self.hung else running.began
            await self._clock.sleep_until(began + HUNG_S)
            # Ask the thread's own future: where the event loop stood still, the call has returned and nobody knows yet.
            if running is not None and running is self._running and not running.call.done() and not self.hung:
                self._hang(running)

    def _hang(self, running: Running) -> None:
        self.hung = True
        log.critical("the engine hangs: a call has not returned for %s s; its sessions end", HUNG_S)
        for job in running.batch + self._jobs:
            fail(job.done, hung_error())
        self._jobs = []

    def _next_batch(self) -> list[Job]:
        """The most urgent jobs, of each stream the one that was asked for first: its chunks are heard in order,
        whatever their deadlines. Nobody waits for the jobs of a session that has ended.
        """
        self._jobs = [job for job in self._jobs if not job.done.done()]
        first: dict[int, Job] = {}
        for job in self._jobs:
            first.setdefault(id(job.stream), job)
        batch = sorted(first.values(), key=lambda job: job.due)[: self._max_batch]
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
        started = self._clock.now()
        wanted = [FrameRequest(id(job.stream), job.due, job.chunk.voiced and not job.listen) for job in batch]
        full = self._load_control.plan(wanted, started)
        steps = [Step(job.stream, job.chunk, effort_of(job, drawn)) for job, drawn in zip(batch, full, strict=True)]
        call = self._thread.submit(self.engine.step, steps)
        self._running = Running(started, batch, call)
        try:
            frames = await asyncio.wrap_future(call)
        finally:
            self._running = None
            self.seconds += self._clock.now() - started
            if call.done() and not call.cancelled():
                self._revive(started)
        if len(frames) != len(batch):
            raise RuntimeError(f"the engine drew {len(frames)} frames for {len(batch)} chunks")
        if self._clock.now() - started < HUNG_S:  # what a hung call took says nothing of the next one
            self._load_control.note(wanted, full, started, self._clock.now())
        return frames

    def _revive(self, started: float) -> None:
        if self.hung:
            self.hung = False
            log.warning("the engine has answered after %.1f s; what it drew is dropped", self._clock.now() - started)

    async def _refused(self, batch: list[Job], error: ValueError) -> None:
        """One stream's fault must not cost the others their frame. By contract none has moved: step each alone."""
        if len(batch) == 1:
            fail(batch[0].done, error)
            return
        for job in batch:
            await self._run_batch([job])


def hung_error() -> EngineHung:
    return EngineHung(f"the engine has not answered for {HUNG_S:.0f} s; restart the server if it does not recover")


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
