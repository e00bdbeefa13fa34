"""One presenter's session: the loop that hears, draws and plays, and the timers that end it.

Theory of operation. A session has one audio input, one stream of an engine and one sink. It ticks once a video frame,
on the media clock. At a tick it pulls 40 ms of audio, makes a chunk of it for the engine, and takes from playout the
unit whose time has come: that of the audio `lookahead` frames ago. `margin` after the tick the unit leaves through the
sink: its audio then, and its frame then too or, if drawing took longer, up to GRACE_S later. The session lives until
its client leaves, never connects, falls silent for too long, or something breaks; then it waits for nothing.

    AudioInput.pull ─► Resampler ─► Chunk i ─► WorkerPool.step ─► Frame i - lookahead ─► Unit.with_frame ─► Sink.picture
          │                                                                                   ▲
          └─► Playout, which holds lookahead frames ─► Unit, the audio of chunk i - lookahead ┴──────────► Sink.sound

    tick i ──── drawing, encoding: margin ────► due: audio and frame leave ──── GRACE_S ────► too late: dropped, counted

What does not hold together would show as lips of other audio, so it is checked: every chunk is heard, in order, also
when there is no time to draw (Effort.LISTEN), and a frame names the chunk it is of. Audio never waits: not for the
engine, not for an encoder. An interruption flushes playout and sink at once, by generation; the engine's reset follows
by itself, since an engine that hangs must not keep the presenter talking. Where a program has pushed the start of a
turn ahead of time, the engine hears the look-ahead of it at one tick, and the turn begins without waiting for it.
"""

from __future__ import annotations

import asyncio
import enum
import logging
from dataclasses import dataclass, field

from engines.api import Avatar, Chunk, Frame, Timing
from streamer.audio.concealment import SAMPLE_RATE
from streamer.audio.input import AudioInput, InputReport, PulledAudio
from streamer.audio.resample import Resampler
from streamer.clock import Clock, MediaClock
from streamer.scheduling.worker_pool import WorkerPool
from streamer.session.playout import Playout, Unit
from streamer.session.policy import Observer, Policy, SilentObserver
from streamer.session.sink import GRACE_S, Sink

log = logging.getLogger(__name__)

MAX_DRAWING = 4  # frames in flight; beyond that engine or encoder cannot keep up, and chunks are only heard
MAX_SOUNDING = 25  # units (1 s) whose audio waits for an encoder that is stuck; beyond that it is dropped
WATCH_S = 0.25  # how often the timers are looked at


class State(enum.Enum):
    """As the API and the page name them."""

    CONNECTING = "connecting"
    LIVE = "live"
    ENDED = "ended"


TRANSITIONS = {
    (State.CONNECTING, "connected"): State.LIVE,
    (State.CONNECTING, "end"): State.ENDED,
    (State.LIVE, "connected"): State.LIVE,
    (State.LIVE, "end"): State.ENDED,
    (State.ENDED, "connected"): State.ENDED,
    (State.ENDED, "end"): State.ENDED,
}


@dataclass(slots=True)
class Lifecycle:
    """Times on the monotonic clock, seconds. reason: of the end, the first that was given."""

    created_at: float
    connected_at: float | None = None
    state: State = State.CONNECTING
    reason: str = ""
    ended: asyncio.Event = field(default_factory=asyncio.Event)

    def enter(self, event: str) -> bool:
        """Returns whether the state has changed."""
        before, self.state = self.state, TRANSITIONS[self.state, event]
        return self.state is not before


@dataclass(slots=True)
class StageTimes:
    """Where a frame's time goes, seconds, smoothed for people to read."""

    buffer: float = 0.0
    engine: float = 0.0
    release: float = 0.0

    def note(self, stage: str, seconds: float) -> None:
        before: float = getattr(self, stage)
        setattr(self, stage, seconds if before == 0.0 else before + 0.1 * (seconds - before))


@dataclass(slots=True)
class Counters:
    """Of frames, since the session began; drawing and sounding: units in flight now."""

    frames: int = 0
    late: int = 0
    degraded: int = 0
    drawing: int = 0
    sounding: int = 0


class Session:
    """`run` is a task of its owner. Everything else is called on the event loop, by connections and requests."""

    def __init__(
        self,
        pool: WorkerPool,
        avatar: Avatar,
        audio: AudioInput,
        sink: Sink,
        clock: Clock,
        policy: Policy | None = None,
        observer: Observer | None = None,
    ) -> None:
        self.avatar = avatar
        self.audio = audio
        self.sink = sink
        self.media = MediaClock(clock.now())
        timing = pool.engine.timing
        self.playout = Playout(timing.lookahead_frames, SAMPLE_RATE // timing.frame_rate)
        self.stages = StageTimes()
        self.counters = Counters()
        self._pool = pool
        self._resampler = Resampler()
        self._clock = clock
        self._policy = policy or Policy()
        self._observer = observer or SilentObserver()
        self._stream = pool.engine.open(avatar)
        self._life = Lifecycle(clock.now())
        self._tasks: asyncio.TaskGroup | None = None  # what a tick starts, while the session runs

    @property
    def timing(self) -> Timing:
        """The engine's."""
        return self._pool.engine.timing

    @property
    def frame_s(self) -> float:
        return 1 / self.timing.frame_rate

    @property
    def margin_s(self) -> float:
        """From the end of a frame's audio to its release, seconds."""
        margin = self._policy.margin_s
        return self._pool.engine.output.usual_cost_ms / 1000 if margin is None else margin

    @property
    def state(self) -> str:
        return self._life.state.value

    @property
    def end_reason(self) -> str:
        """Why the session has ended, or is about to; empty while it runs."""
        return self._life.reason

    def report(self) -> InputReport:
        """The audio input's state."""
        return self.audio.report(self._clock.now())

    def connected(self) -> None:
        """Its client is there."""
        if self._life.enter("connected"):
            self._life.connected_at = self._clock.now()

    def end(self, reason: str) -> None:
        """Ask the session to end; `run` returns soon after. The first reason is kept."""
        if self._life.enter("end"):
            self._life.reason = reason
            self._life.ended.set()

    def mute(self, muted: bool) -> None:
        self.audio.mute(muted)
        self.flush()

    def interrupt(self) -> None:
        """Stop talking now. When this returns no audio said before it will leave, and no frame will be encoded."""
        self.audio.interrupt()
        self.flush()

    def flush(self) -> None:
        """Drop what has been pulled and has not left: no audio of it will leave, and no frame of it be encoded."""
        self.playout.flush()
        self.sink.flush()
        self._resampler.flush()
        if self._tasks is not None:
            self._tasks.create_task(self._pool.reset(self._stream))

    async def run(self) -> None:
        """Play until ended. Then nothing is waited for, least of all an engine that hangs."""
        try:
            async with asyncio.TaskGroup() as tasks:
                loop = tasks.create_task(self._play())
                timers = tasks.create_task(self._watch())
                await self._life.ended.wait()
                loop.cancel()
                timers.cancel()
        finally:
            self._tasks = None
            self._pool.leave(self._stream)

    async def _play(self) -> None:
        async with asyncio.TaskGroup() as tasks:
            self._tasks = tasks
            await self._tick(tasks)

    async def _tick(self, tasks: asyncio.TaskGroup) -> None:
        margin, samples = self.margin_s, SAMPLE_RATE // self.timing.frame_rate
        self.media.epoch = self._clock.now() + margin
        index = 0
        while True:
            due = self.media.due(index * self.frame_s)
            await self._clock.sleep_until(due - margin)
            pulled = self.audio.pull(samples, self._clock.now())
            for _ in range(self._frames_ahead(pulled)):
                self.playout.skip(pulled)
                tasks.create_task(self._listen(self._resampler.chunk(pulled.samples, pulled.voiced), due))
                pulled = self.audio.pull(samples, self._clock.now())
            self._note_audio(pulled.concealed)
            unit = self.playout.unit(pulled, due)
            self._start_drawing(unit, self._resampler.chunk(pulled.samples, pulled.voiced), tasks)
            self._start_sounding(unit, tasks)
            index += 1

    def _frames_ahead(self, pulled: PulledAudio) -> int:
        """Where a turn begins whose look-ahead waits in the input already, it need not be waited for: the silence that
        playout holds is dropped instead. The idle loop moves on by as many frames.
        """
        lookahead = self.timing.lookahead_frames
        if pulled.turn is None or not self.playout.between_turns:
            return 0
        return lookahead if self.report().buffered_s >= lookahead * self.frame_s else 0

    def _start_drawing(self, unit: Unit, chunk: Chunk, tasks: asyncio.TaskGroup) -> None:
        if self.counters.drawing < MAX_DRAWING:
            tasks.create_task(self._draw(unit, chunk))
        else:
            self._late()
            tasks.create_task(self._listen(chunk, unit.due))

    def _start_sounding(self, unit: Unit, tasks: asyncio.TaskGroup) -> None:
        if self.counters.sounding < MAX_SOUNDING:
            tasks.create_task(self._sound(unit))
        else:
            self._observer.dropped_audio(self.frame_s)

    async def _sound(self, unit: Unit) -> None:
        """Hand the unit's audio over; an interruption may have come between the tick and this task's first step."""
        self.counters.sounding += 1
        try:
            audible = unit if self.playout.current(unit) else unit.silenced()
            if not await self.sink.sound(audible) and self.playout.current(unit):
                self._observer.dropped_audio(self.frame_s)
        finally:
            self.counters.sounding -= 1

    async def _listen(self, chunk: Chunk, due: float) -> None:
        """Have the chunk heard without a frame: lips of later frames need it."""
        await self._pool.step(self._stream, chunk, due + GRACE_S, listen=True)

    async def _draw(self, unit: Unit, chunk: Chunk) -> None:
        """Draw the unit's frame and hand it over. It is in flight until it is sent or dropped."""
        self.counters.drawing += 1
        try:
            started = self._clock.now()
            # Not more than the grace is left for the sink, or a busy encoder would forbid all full frames.
            due = unit.due + GRACE_S - min(self.sink.picture_s, GRACE_S)
            frame = await self._pool.step(self._stream, chunk, due)
            self._note_stage("engine", self._clock.now() - started)
            if frame is not None and self.playout.current(unit):
                await self._show(unit.with_frame(frame), frame)
        finally:
            self.counters.drawing -= 1

    async def _show(self, unit: Unit, frame: Frame) -> None:
        handed_over_at = self._clock.now()
        if await self.sink.picture(unit, frame):
            self._sent(unit, frame)
        elif self._clock.now() > unit.due + GRACE_S or handed_over_at > unit.due + GRACE_S:
            self._late()

    def _sent(self, unit: Unit, frame: Frame) -> None:
        now = self._clock.now()
        self._note_stage("release", now - unit.due + self.margin_s)
        if self.counters.frames == 0:
            self._observer.first_frame(now - self._life.created_at)
        self.counters.frames += 1
        self.counters.degraded += frame.degraded
        self._observer.frame(max(0.0, now - unit.due), frame.degraded)
        self._observer.stage("total", self.server_s)

    @property
    def server_s(self) -> float:
        """Audio received → its frame handed to the network, seconds, as things are now."""
        return self.stages.buffer + self.frame_s * (1 + self.timing.lookahead_frames) + self.stages.release

    def _late(self) -> None:
        self.counters.late += 1
        self._observer.late_frame()

    def _note_audio(self, concealed: int) -> None:
        report = self.report()
        self.media.shift(report.clock_shift_s)
        self._note_stage("buffer", report.buffered_s + min(report.idle_s, self.frame_s))
        self._observer.audio(report.buffered_s, concealed / SAMPLE_RATE)

    def _note_stage(self, stage: str, seconds: float) -> None:
        self.stages.note(stage, seconds)
        self._observer.stage(stage, seconds)

    async def _watch(self) -> None:
        """End the session when its client never connects, or its source is silent for good."""
        while True:
            await self._clock.sleep_until(self._clock.now() + WATCH_S)
            now, policy, since = self._clock.now(), self._policy, self._life.connected_at
            if since is None:
                if policy.connect_s is not None and now - self._life.created_at > policy.connect_s:
                    self.end("connect-timeout")
            elif policy.idle_s is not None and min(self.report().idle_s, now - since) > policy.idle_s:
                self.end("idle")
