"""What a broadcast sends, and who it sends to: a WebRTC viewer, a recorder, a room."""

from __future__ import annotations

import enum
from dataclasses import dataclass
from typing import Literal, Protocol

import numpy as np
from numpy.typing import NDArray

AUDIO_CLOCK_RATE = 48_000  # Hz, RFC 7587 section 4.1
VIDEO_CLOCK_RATE = 90_000  # Hz, RFC 7741 section 4.1 and RFC 6184 section 8.2.1


@dataclass(frozen=True, slots=True)
class Packet:
    """Encoded media: 20 ms of Opus, or one video frame.

    pts: presentation time in 1/48000 s for audio, in 1/90000 s for video, since the session began.
    key_frame: it can be decoded without those before it; always true for audio.
    """

    kind: Literal["audio", "video"]
    data: bytes
    pts: int
    key_frame: bool = True


class Bandwidth(enum.Enum):
    """Receivers whose paths carry far less than others' have an encoding of their own."""

    HIGH = "high"
    LOW = "low"


@dataclass(frozen=True, slots=True)
class Rendition:
    """One encoding of a session's frames, shared by all receivers that want it."""

    mime_type: str
    bandwidth: Bandwidth


class Receiver(Protocol):
    """Called on the event loop; none of it may block or raise."""

    @property
    def video_mime_type(self) -> str:
        """The codec that it takes: "video/VP8" or "video/H264"."""

    def send(self, packet: Packet) -> None:
        """Packets of one kind come in order; the first video packet is a key frame."""

    def flush(self) -> None:
        """An interruption: drop the audio that has not left yet."""

    async def close(self) -> None:
        """Nothing more will come: a recorder finishes its file, a connection hangs up. May be called twice."""


class RawReceiver(Protocol):
    """Takes what is sent, at that moment, but not encoded: a recorder, which encodes it in its own time. Called on the
    event loop; none of it may block or raise.
    """

    def add_audio(self, samples: NDArray[np.float32], pts: int) -> None:
        """20 ms of audio, 48 kHz mono; pts: presentation time in 1/48000 s since the session began."""

    def add_frame(self, image: NDArray[np.uint8], index: int) -> None:
        """(height, width, 3) RGB, not to be changed; index: of the frame since the session began."""

    async def close(self) -> None:
        """Nothing more will come. May be called twice."""
