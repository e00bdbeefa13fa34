"""One presenter's session: the loop that hears, draws and plays, and the timers that end it.

One tick a video frame. At the tick the newest frame of sound is taken from the microphone and given to the
engine; `margin` later the unit that it completes leaves: sound at that moment, picture with it or, if drawing
took longer, up to GRACE_S after it. Where that would not do, the engine is asked for a quicker picture, which is
counted; one that comes later still is dropped and counted. The sound never waits.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable
from dataclasses import dataclass

from engines.api import Avatar, Chunk, Frame
from streamer.audio.input import InputReport, PulledAudio
from streamer.audio.resample import Resampler
from streamer.audio.rtp_input import RtpInput
from streamer.clock import Clock, MediaClock
from streamer.config import Config
from streamer.metrics import Metrics
from streamer.output.broadcast import SILENT_PACKET, Broadcast
from streamer.scheduling.quantile import LatencyQuantile
from streamer.scheduling.worker_pool import WorkerPool
from streamer.session.playout import Playout, Unit

log = logging.getLogger(__name__)

GRACE_S = 0.020  # half a frame: a picture that late is still nearer to its sound than to the next
MAX_DRAWING = 4  # pictures under way at once; beyond that engine or encoder cannot keep up and frames are skipped
PACKET_S = 0.020  # seconds of sound in a packet
WATCH_S = 0.25  # how often the timers are looked at


@dataclass(slots=True)
class Stages:
    """Where a frame's time goes, seconds, smoothed for people to read."""

    buffer: float = 0.0
    engine: float = 0.0
    release: float = 0.0

    def note(self, stage: str, seconds: float) -> None:
        before: float = getattr(self, stage)
        setattr(self, stage, seconds if before == 0.0 else before + 0.1 * (seconds - before))


class Session:
    """`run` is a task of the server. Everything else is called on the event loop by connections and requests."""

    def __init__(
        self, avatar: Avatar, config: Config, pool: WorkerPool, broadcast: Broadcast, clock: Clock, metrics: Metrics
    ) -> None:
        timing = pool.engine.timing
        self.timing = timing
        self._config = config
        self._pool = pool
        self._clock = clock
        self._metrics = metrics
        self.margin_s = config.engine.margin_s(pool.engine.output.usual_cost_ms)
        self._stream = pool.engine.open(avatar)
        self._drawing = 0
        self._created_at = clock.now()
        self._heard_at = self._created_at  # last packet of the microphone
        self._connected_at: float | None = None
        self.avatar = avatar
        self.broadcast = broadcast
        self.media = MediaClock(clock.now())
        self.microphone = RtpInput(config.audio)
        self._resampler = Resampler()
        self._samples_per_frame = 48_000 // timing.frame_rate
        self.playout = Playout(timing.lookahead_frames, self._samples_per_frame)
        self.stages = Stages()
        self._encoding = LatencyQuantile()  # seconds of a picture's
        self.frames = 0
        self.late_frames = 0
        self.degraded_frames = 0
        self.ended = asyncio.Event()
        self.end_reason = ""

    @property
    def frame_s(self) -> float:
        return 1 / self.timing.frame_rate

    @property
    def state(self) -> str:
        if self.ended.is_set():
            return "ended"
        return "connecting" if self._connected_at is None else "live"

    def hear(self, timestamp: int, payload: bytes) -> None:
        """One packet of the microphone."""
        self._heard_at = self._clock.now()
        self.microphone.packet(timestamp, payload, self._heard_at)

    def report(self) -> InputReport:
        """The microphone's state."""
        return self.microphone.report(self._clock.now())

    def connected(self) -> None:
        self._connected_at = self._heard_at = self._clock.now()

    def end(self, reason: str) -> None:
        """Ask the session to end; `run` returns soon after."""
        if not self.ended.is_set():
            self.end_reason = reason
            self.ended.set()

    def mute(self, muted: bool) -> Awaitable[None]:
        self.microphone.mute(muted)
        return self._flush()

    def interrupt(self) -> Awaitable[None]:
        """Stop now; stay silent until the speaker pauses."""
        self.microphone.interrupt()
        return self._flush()

    async def _flush(self) -> None:
        self.playout.flush()
        self.broadcast.flush()
        self._resampler.flush()
        await self._pool.reset(self._stream)

    async def run(self) -> None:
        """Play until ended. Then nothing is waited for, least of all an engine that is stuck."""
        try:
            async with asyncio.TaskGroup() as tasks:
                loop = tasks.create_task(self._play())
                timers = tasks.create_task(self._watch())
                await self.ended.wait()
                loop.cancel()
                timers.cancel()
        finally:
            self._pool.leave(self._stream)

    async def _play(self) -> None:
        async with asyncio.TaskGroup() as drawings:
            await self._tick(drawings)

    async def _tick(self, drawings: asyncio.TaskGroup) -> None:
        index = 0
        margin = self.margin_s
        self.media.epoch = self._clock.now() + margin
        while True:
            due = self.media.due(index * self.frame_s)
            await self._clock.sleep_until(due - margin)
            heard = self.microphone.pull(self._samples_per_frame, self._clock.now())
            self._note_sound(heard)
            chunk = self._resampler.chunk(heard.samples, heard.voiced)
            unit = self.playout.unit(heard.samples, due)
            if self._drawing < MAX_DRAWING:
                drawings.create_task(self._draw(unit, chunk))
            else:
                self._late()
                drawings.create_task(self._listen(unit, chunk))
            packets = await self.broadcast.encode_sound(unit.sound)
            drawings.create_task(self._send_sound(unit, packets))
            index += 1

    async def _send_sound(self, unit: Unit, packets: list[bytes]) -> None:
        for part, packet in enumerate(packets):
            await self._clock.sleep_until(unit.due + part * PACKET_S)
            self.broadcast.send_sound(packet if self.playout.current(unit) else SILENT_PACKET, unit.index, part)

    async def _draw(self, unit: Unit, chunk: Chunk) -> None:
        """Draw the unit's picture and send it with its sound. It is under way until it is sent or dropped."""
        self._drawing += 1
        try:
            started = self._clock.now()
            frame = await self._pool.step(self._stream, chunk, unit.due + GRACE_S - self._encoding_s)
            self._note_stage("engine", self._clock.now() - started)
            if frame is not None and self.playout.current(unit):
                await self._show(unit, frame)
        finally:
            self._drawing -= 1

    async def _listen(self, unit: Unit, chunk: Chunk) -> None:
        """Have the chunk heard without a frame: lips of later frames need it."""
        await self._pool.step(self._stream, chunk, unit.due + GRACE_S, listen=True)

    async def _show(self, unit: Unit, frame: Frame) -> None:
        drawn_at = self._clock.now()
        pictures = await self.broadcast.encode_picture(frame.rgb, unit.index, lambda: self._in_time(unit))
        if pictures is None:
            self._late()
            return
        self._encoding.note(self._clock.now(), self._clock.now() - drawn_at)
        if frame.degraded:
            self.degraded_frames += 1
            self._metrics.degraded_frames.inc()
        await self._clock.sleep_until(unit.due)
        self.broadcast.send_pictures(pictures)
        self._sent(unit, bool(pictures))

    def _in_time(self, unit: Unit) -> bool:
        return self._clock.now() <= unit.due + GRACE_S

    @property
    def _encoding_s(self) -> float:
        """What to leave for encoding: not more than the grace, or a busy encoder would forbid all full pictures."""
        return min(self._encoding.p98(self._clock.now()) or 0.0, GRACE_S)

    def _sent(self, unit: Unit, to_somebody: bool) -> None:
        now = self._clock.now()
        self._note_stage("release", now - unit.due + self.margin_s)
        if to_somebody:
            if self.frames == 0:
                self._metrics.join_seconds.observe(now - self._created_at)
            self.frames += 1
            self._metrics.frames.inc()
            self._metrics.av_offset_seconds.observe(max(0.0, now - unit.due))
            self._metrics.stage_seconds.labels("total").observe(self.server_s)

    @property
    def server_s(self) -> float:
        """Microphone packet received → frame handed to the network, seconds, as things are now."""
        return self.stages.buffer + self.frame_s * (1 + self.timing.lookahead_frames) + self.stages.release

    def _late(self) -> None:
        self.late_frames += 1
        self._metrics.late_frames.inc()

    def _note_sound(self, heard: PulledAudio) -> None:
        report = self.report()
        self.media.shift(report.clock_shift_s)
        self._note_stage("buffer", report.buffered_s + min(report.idle_s, self.frame_s))
        self._metrics.jitter_buffer_seconds.observe(report.buffered_s)
        self._metrics.concealed_seconds.inc(heard.concealed / 48_000)

    def _note_stage(self, stage: str, seconds: float) -> None:
        self.stages.note(stage, seconds)
        self._metrics.stage_seconds.labels(stage).observe(seconds)

    async def _watch(self) -> None:
        """End the session when nobody connects or the microphone falls silent for good."""
        webrtc = self._config.webrtc
        while True:
            await self._clock.sleep_until(self._clock.now() + WATCH_S)
            now = self._clock.now()
            if self._connected_at is None:
                if now - self._created_at > webrtc.connect_timeout_s:
                    self.end("connect-timeout")
            elif now - self._heard_at > webrtc.media_silence_timeout_s:
                self.end("microphone-stopped")
