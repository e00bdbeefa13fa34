"""A session's sink for WebRTC viewers: each frame is encoded once per codec, the audio once, and sent to all.

What an interruption leaves: audio that is encoded but not sent is replaced by silence. A frame that is encoded already
is still sent at its due time, at most the margin later, since the frames after it are predicted from it; the next one
shows a closed mouth.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import Executor
from dataclasses import dataclass
from typing import Protocol, TypeVar, TypeVarTuple

import numpy as np
from numpy.typing import NDArray

from engines.api import Frame
from streamer.audio.concealment import Samples
from streamer.audio.opus import SAMPLE_RATE, SAMPLES_PER_PACKET, OpusEncoder
from streamer.clock import Clock
from streamer.config import AudioConfig, VideoConfig
from streamer.output.bitrate import BitrateGovernor
from streamer.output.video_encoder import CLOCK_RATE, VideoEncoder
from streamer.scheduling.quantile import LatencyQuantile
from streamer.session.playout import Unit
from streamer.session.sink import GRACE_S

Arguments = TypeVarTuple("Arguments")
T = TypeVar("T")

SILENT_PACKET = b"\xf8\xff\xfe"  # 20 ms of digital silence: CELT, full band, mono (RFC 6716 section 3.1)
PACKET_S = SAMPLES_PER_PACKET / SAMPLE_RATE
LATE_AUDIO_S = 0.1  # later than this no receiver still waits for it
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
        clock: Clock,
    ) -> None:
        self._clock = clock
        self._size = size
        self._frame_rate = frame_rate
        self._executors = encoders
        self._governor = BitrateGovernor(video)
        self._sound_bitrate = audio.bitrate
        self._opus = OpusEncoder(audio.bitrate)
        self._encoders: dict[str, VideoEncoder] = {}
        self._encoding = asyncio.Lock()  # frames depend on those before them: one after the other
        self._sounding = asyncio.Lock()  # as the audio encoder has a memory
        self._encoding_time = LatencyQuantile()
        self._flushes = 0
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

    async def close(self) -> None:
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
        self._flushes += 1
        for receiver in self.receivers.values():
            receiver.flush()

    @property
    def picture_s(self) -> float:
        """See Sink."""
        return self._encoding_time.p98(self._clock.now()) or 0.0

    async def sound(self, unit: Unit) -> None:
        """Encode the unit's audio and send it from unit.due on. Encoded also when nobody listens: the encoder has a
        memory. Where the encoder was stuck, audio that is LATE_AUDIO_S late is dropped, as a receiver would.
        """
        flushes = self._flushes
        async with self._sounding:
            if self._clock.now() > unit.due + LATE_AUDIO_S:
                return
            packets = await run(self._executors.sound, packets_of, self._opus, unit.audio)
        for part, packet in enumerate(packets):
            await self._clock.sleep_until(unit.due + part * PACKET_S)
            self._send_sound(packet if flushes == self._flushes else SILENT_PACKET, unit.index, part)

    def _send_sound(self, data: bytes, index: int, part: int) -> None:
        """The part-th packet of unit `index`."""
        pts = index * (SAMPLE_RATE // self._frame_rate) + part * SAMPLES_PER_PACKET
        for receiver in self.receivers.values():
            receiver.send_sound(data, pts)

    async def picture(self, unit: Unit, frame: Frame) -> bool:
        """Encode the frame in every codec that somebody uses, and send it at unit.due. See Sink."""
        flushes, handed_over_at = self._flushes, self._clock.now()
        async with self._encoding:
            # A frame may still be dropped here and not later: those after it are predicted from it.
            if flushes != self._flushes or self._clock.now() > unit.due + GRACE_S:
                return False
            codecs = {receiver.video_mime_type for receiver in self.receivers.values()}
            pictures = [await self._encode_picture(mime_type, frame.rgb, unit.index) for mime_type in codecs]
        self._encoding_time.note(self._clock.now(), self._clock.now() - handed_over_at)
        await self._clock.sleep_until(unit.due)
        self._send_pictures(pictures)
        return bool(pictures)

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

    def _send_pictures(self, pictures: list[Picture]) -> None:
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
