"""A whole session on a clock of its own: microphone, engine, playout, broadcast and one who watches."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable
from types import TracebackType

import av
import numpy as np
from av.video.codeccontext import VideoCodecContext

from engines.api import Avatar
from lipcast.testing import FakeAvatar, FakeClock, FakeEngine, FakeExecutor, settle
from streamer.audio.rtp_input import RtpInput
from streamer.config import Config, EngineConfig
from streamer.metrics import Metrics, SessionMetrics
from streamer.output.broadcast import Broadcast, Encoders
from streamer.scheduling.engine_worker import Worker
from streamer.scheduling.worker_pool import WorkerPool
from streamer.server.sessions import policy_of
from streamer.session.session import Session
from tests.fakes import FakeReceiver, Sent
from tests.sounds import Samples, opus_packets, opus_sound

FRAME_S = 0.04
PACKET_S = 0.02
EARLY_S = 0.006  # packets come this long before they are needed: a rhythm that the session need not follow
QUICK = Config(engine=EngineConfig("warp"))  # the stand-in for an engine is as quick as that one
AUDIO_RATE, VIDEO_RATE = 48_000, 90_000  # Hz, of presentation times


class SessionHarness:
    """`async with` runs it; time passes in `speak` and `wait` only. The receiver is connected from the start."""

    def __init__(
        self,
        config: Config | None = None,
        lookahead: int = 2,
        engine_s: float = 0.005,
        avatar: Avatar | None = None,
        connects: bool = True,
    ) -> None:
        self._connects = connects
        self.config = config or QUICK
        self.clock = FakeClock()
        self.engine = FakeEngine(lookahead)
        self.engine_thread = FakeExecutor(self.clock, engine_s)
        self.encoder_thread = FakeExecutor(self.clock)
        self.sound_thread = FakeExecutor(self.clock)
        encoders = Encoders(self.encoder_thread, self.sound_thread)
        self.worker = Worker(self.engine, self.config.engine.max_batch, self.clock, self.engine_thread)
        self.metrics = Metrics()
        presenter = avatar or FakeAvatar()
        self.broadcast = Broadcast(
            (presenter.width, presenter.height), 25, self.config.video, self.config.audio, encoders, self.clock
        )
        self.audio = RtpInput(self.config.audio)
        self.session = Session(
            WorkerPool([self.worker]),
            presenter,
            self.audio,
            self.broadcast,
            self.clock,
            policy_of(self.config),
            SessionMetrics(self.metrics),
        )
        self.receiver = FakeReceiver(self.clock.now)
        self._timestamp = 4_000_000_000
        self._tasks = asyncio.TaskGroup()

    async def __aenter__(self) -> SessionHarness:
        await self._tasks.__aenter__()
        self._working = self._tasks.create_task(self.worker.run())
        self.broadcast.add("presenter", self.receiver)
        if self._connects:
            self.session.connected()
        self.playing = asyncio.create_task(self.session.run())
        await self.clock.advance(PACKET_S - EARLY_S)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.session.end("left")
        await self.clock.advance(1)
        self._working.cancel()
        await self._tasks.__aexit__(kind, error, trace)
        assert self.playing.done(), "the session has not ended"
        assert self.clock.sleepers == 0, "somebody still sleeps"

    async def speak(self, sound: Samples) -> None:
        """Packets of 20 ms, one every 20 ms."""
        for packet in opus_packets(sound):
            self.audio.packet(self._timestamp, packet, self.clock.now())
            self._timestamp = (self._timestamp + 960) % (1 << 32)
            await self.clock.advance(PACKET_S)

    async def wait(self, seconds: float) -> None:
        """The microphone sends nothing."""
        self._timestamp = (self._timestamp + round(seconds * AUDIO_RATE)) % (1 << 32)
        await self.clock.advance(seconds)

    async def ask(self, request: Awaitable[None]) -> None:
        """Let time pass until the request is granted."""
        asked = asyncio.ensure_future(request)
        await settle()
        while not asked.done():
            await self.clock.jump()
        asked.result()

    def value(self, name: str, **labels: str) -> float | None:
        return self.metrics.registry.get_sample_value(f"lipcast_{name}", labels)

    def heard(self, since: int = 0) -> list[float]:
        """The peak of each packet of sound that was received, from the packet number `since` on."""
        sound = opus_sound([sent.data for sent in self.receiver.sounds])
        return [float(np.abs(piece).max()) for piece in np.split(sound, len(self.receiver.sounds))][since:]

    def seen(self) -> dict[int, int]:
        """The grey of each picture that was received, by the number of its frame."""
        codec = av.CodecContext.create("vp8", "r")
        assert isinstance(codec, VideoCodecContext)
        numbers = [frame_of(sent) for sent in self.receiver.pictures]
        frames = [frame for sent in self.receiver.pictures for frame in codec.decode(av.Packet(sent.data))]
        greys = [int(frame.to_ndarray(format="rgb24").mean()) for frame in frames]
        return dict(zip(numbers, greys, strict=True))


def frame_of(picture: Sent) -> int:
    return picture.pts // (VIDEO_RATE // 25)
