"""Everybody who watches one session: each picture is encoded once per codec, each sound once, and sent to all.

Knows no clock: the session says when to send.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import Executor
from dataclasses import dataclass
from typing import Protocol, TypeVar, TypeVarTuple

import numpy as np
from numpy.typing import NDArray

from streamer.audio.concealment import Samples
from streamer.audio.opus import SAMPLE_RATE, SAMPLES_PER_PACKET, OpusEncoder
from streamer.config import AudioConfig, VideoConfig
from streamer.output.bitrate import BitrateGovernor
from streamer.output.video_encoder import CLOCK_RATE, VideoEncoder

Arguments = TypeVarTuple("Arguments")
T = TypeVar("T")

SILENT_PACKET = b"\xf8\xff\xfe"  # 20 ms of digital silence: CELT, full band, mono (RFC 6716 section 3.1)
KEY_FRAME_PAUSE = 5  # frames: requests that come faster are answered by one key frame


class Receiver(Protocol):
    """What a connection offers to be sent to."""

    @property
    def video_mime_type(self) -> str: ...
    def send_sound(self, data: bytes, pts: int) -> None: ...
    def send_picture(self, data: bytes, pts: int) -> None: ...
    def flush(self) -> None: ...


@dataclass(frozen=True, slots=True)
class Picture:
    """One frame as bytes of one codec."""

    mime_type: str
    data: bytes
    index: int
    key_frame: bool


@dataclass(frozen=True, slots=True)
class Encoders:
    """Where encoding runs, off the event loop, for all sessions. Sound has its own: it must not wait for pictures."""

    pictures: Executor
    sound: Executor

    def close(self) -> None:
        """Wait for what is being encoded; no more may be asked for."""
        self.pictures.shutdown(wait=True)
        self.sound.shutdown(wait=True)


class Broadcast:
    """frame_rate: pictures a second."""

    def __init__(
        self,
        size: tuple[int, int],
        frame_rate: int,
        video: VideoConfig,
        audio: AudioConfig,
        encoders: Encoders,
    ) -> None:
        self._size = size
        self._frame_rate = frame_rate
        self._executors = encoders
        self._governor = BitrateGovernor(video)
        self._sound_bitrate = audio.bitrate
        self._opus = OpusEncoder(audio.bitrate)
        self._encoders: dict[str, VideoEncoder] = {}
        self._encoding = asyncio.Lock()  # pictures depend on those before them: one after the other
        self._key_frame_wanted: set[str] = set()
        self._last_key_frame: dict[str, int] = {}
        self._new: set[str] = set()  # receivers that have not had their first key frame
        self.receivers: dict[str, Receiver] = {}

    def add(self, name: str, receiver: Receiver) -> None:
        """From now on send to `receiver`; its first picture is a key frame."""
        self.receivers[name] = receiver
        self._new.add(name)
        self.want_key_frame(receiver.video_mime_type)

    def remove(self, name: str) -> None:
        self.receivers.pop(name, None)
        self._new.discard(name)
        self._governor.forget(name)
        used = {receiver.video_mime_type for receiver in self.receivers.values()}
        self._encoders = {mime: encoder for mime, encoder in self._encoders.items() if mime in used}

    def close(self) -> None:
        """Let go of the encoders, which hold threads and memory outside Python."""
        self.receivers.clear()
        self._encoders.clear()

    def want_key_frame(self, mime_type: str) -> None:
        self._key_frame_wanted.add(mime_type)

    def estimate(self, name: str, bits_per_second: int, now: float) -> None:
        """A receiver's estimate of its bandwidth. One that comes after the receiver has left would decide for ever."""
        if name in self.receivers:
            self._governor.estimate(name, bits_per_second, now)

    def flush(self) -> None:
        """Drop all sound on its way, also the 6.5 ms that the encoder holds back."""
        self._opus = OpusEncoder(self._sound_bitrate)
        for receiver in self.receivers.values():
            receiver.flush()

    async def encode_sound(self, sound: Samples) -> list[bytes]:
        """One unit's sound as packets of 20 ms. Encoded even when nobody listens: the encoder has a memory."""
        return await run(self._executors.sound, packets_of, self._opus, sound)

    def send_sound(self, data: bytes, index: int, part: int) -> None:
        """The part-th packet of unit `index`."""
        pts = index * (SAMPLE_RATE // self._frame_rate) + part * SAMPLES_PER_PACKET
        for receiver in self.receivers.values():
            receiver.send_sound(data, pts)

    async def encode_picture(
        self, image: NDArray[np.uint8], index: int, in_time: Callable[[], bool]
    ) -> list[Picture] | None:
        """The picture in every codec that somebody uses; None if it is dropped.

        in_time: asked when those before it are encoded: a picture may still be dropped then, and not later, since
        those after it are predicted from it.
        """
        async with self._encoding:
            if not in_time():
                return None
            codecs = {receiver.video_mime_type for receiver in self.receivers.values()}
            return [await self._encode_picture(mime_type, image, index) for mime_type in codecs]

    async def _encode_picture(self, mime_type: str, image: NDArray[np.uint8], index: int) -> Picture:
        encoder = self._encoders.get(mime_type)
        if encoder is None:
            encoder = VideoEncoder(mime_type, *self._size, self._frame_rate)
            self._encoders[mime_type] = encoder
        wanted = self._take_request(mime_type, index)
        pictures, bitrate = self._executors.pictures, self._governor.bitrate
        data, is_key_frame = await run(pictures, encoder.encode, image, index, bitrate, wanted)
        if is_key_frame:
            self._last_key_frame[mime_type] = index
        return Picture(mime_type, data, index, is_key_frame)

    def _take_request(self, mime_type: str, index: int) -> bool:
        recent = index - self._last_key_frame.get(mime_type, -KEY_FRAME_PAUSE) < KEY_FRAME_PAUSE
        urgent = any(self.receivers[name].video_mime_type == mime_type for name in self._new)
        if mime_type not in self._key_frame_wanted or (recent and not urgent):
            return False
        self._key_frame_wanted.discard(mime_type)
        return True

    def send_pictures(self, pictures: list[Picture]) -> None:
        for picture in pictures:
            pts = picture.index * (CLOCK_RATE // self._frame_rate)
            for name, receiver in self.receivers.items():
                if receiver.video_mime_type == picture.mime_type and (picture.key_frame or name not in self._new):
                    self._new.discard(name)
                    receiver.send_picture(picture.data, pts)


async def run(executor: Executor, work: Callable[[*Arguments], T], *arguments: *Arguments) -> T:
    return await asyncio.get_running_loop().run_in_executor(executor, work, *arguments)


def packets_of(encoder: OpusEncoder, sound: Samples) -> list[bytes]:
    starts = range(0, len(sound), SAMPLES_PER_PACKET)
    return [encoder.encode(sound[start : start + SAMPLES_PER_PACKET]) for start in starts]
