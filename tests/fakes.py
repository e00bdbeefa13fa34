"""Fakes of the streamer's receivers. Those that plug-in authors need, too, are in lipcast.testing."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from streamer.output.receiver import Packet


@dataclass(frozen=True, slots=True)
class Sent:
    """Something that reached a receiver: at what time, for what presentation time."""

    data: bytes
    pts: int
    at: float


class FakeReceiver:
    """Keeps what it is sent."""

    def __init__(self, now: Callable[[], float] = lambda: 0.0, video_mime_type: str = "video/VP8") -> None:
        self._now = now
        self.video_mime_type = video_mime_type
        self.closed = False
        self.sounds: list[Sent] = []
        self.pictures: list[Sent] = []
        self.flushes = 0

    def send(self, packet: Packet) -> None:
        sent = self.sounds if packet.kind == "audio" else self.pictures
        sent.append(Sent(packet.data, packet.pts, self._now()))

    async def close(self) -> None:
        self.closed = True

    def flush(self) -> None:
        self.flushes += 1
