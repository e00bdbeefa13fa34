"""A session's sink for WebRTC viewers and recorders: each frame is encoded once per rendition, the audio once.

What an interruption leaves: audio that is encoded but not sent is replaced by silence. A frame that is encoded already
is still sent at its due time, at most the margin later, since the frames after it are predicted from it; the next one
shows a closed mouth.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from concurrent.futures import Executor
from dataclasses import dataclass
from typing import TypeVar, TypeVarTuple

import numpy as np
from numpy.typing import NDArray

from engines.api import Frame
from streamer.audio.concealment import Samples
from streamer.audio.opus import SAMPLE_RATE, SAMPLES_PER_PACKET, OpusEncoder
from streamer.clock import Clock
from streamer.config import AudioConfig, VideoConfig
from streamer.output.bitrate import BandwidthClasses
from streamer.output.key_frames import KeyFrames
from streamer.output.receiver import VIDEO_CLOCK_RATE, Packet, RawReceiver, Receiver, Rendition
from streamer.output.video_encoder import VideoEncoder
from streamer.scheduling.quantile import LatencyQuantile
from streamer.session.playout import Unit
from streamer.session.sink import GRACE_S

log = logging.getLogger(__name__)

Arguments = TypeVarTuple("Arguments")
T = TypeVar("T")

SILENT_PACKET = b"\xf8\xff\xfe"  # 20 ms of digital silence: CELT, full band, mono (RFC 6716 section 3.1)
PACKET_S = SAMPLES_PER_PACKET / SAMPLE_RATE
CLOSE_TIMEOUT_S = 5.0  # for a receiver to finish what it makes
LATE_AUDIO_S = 0.1  # later than this no receiver still waits for it


@dataclass(frozen=True, slots=True)
class EncodedFrame:
    """One frame as bytes of one rendition."""

    rendition: Rendition
    packet: Packet


@dataclass(frozen=True, slots=True)
class Encoders:
    """Where encoding runs, off the event loop, for all sessions. Audio has its own: it must not wait for frames."""

    video: Executor
    audio: Executor

    def close(self) -> None:
        """Wait for what is being encoded; no more may be asked for."""
        self.video.shutdown(wait=True)
        self.audio.shutdown(wait=True)


class Broadcast:
    """frame_rate: frames a second."""

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
        self._bandwidths = BandwidthClasses(video)
        self._sound_bitrate = audio.bitrate
        self._opus = OpusEncoder(audio.bitrate)
        self._encoders: dict[Rendition, VideoEncoder] = {}
        self._key_frames: dict[Rendition, KeyFrames] = {}
        self._encoding = asyncio.Lock()  # frames depend on those before them: one after the other
        self._sounding = asyncio.Lock()  # as the audio encoder has a memory
        self._encoding_time = LatencyQuantile()
        self._flushes = 0
        self.receivers: dict[str, Receiver] = {}
        self.raw_receivers: dict[str, RawReceiver] = {}  # recorders; they are no viewers, and their time is their own

    def add(self, name: str, receiver: Receiver) -> None:
        """From now on send to `receiver`; its first video packet is a key frame."""
        self.receivers[name] = receiver
        self._begin(name)

    def remove(self, name: str) -> None:
        """The receiver has left by itself."""
        self.receivers.pop(name, None)
        self._bandwidths.forget(name)
        for frames in self._key_frames.values():
            frames.remove(name)
        self._let_go()

    async def close(self) -> None:
        """Tell all receivers, and let go of the encoders, which hold threads and memory outside Python."""
        receivers: list[Receiver | RawReceiver] = [*self.receivers.values(), *self.raw_receivers.values()]
        self.receivers, self.raw_receivers = {}, {}
        self._encoders.clear()
        await asyncio.gather(*(close(receiver) for receiver in receivers))

    def want_key_frame(self, name: str) -> None:
        """The receiver has lost something. It is answered as key_frames.py says."""
        if name in self.receivers:
            self._key_frames[self._rendition(name)].request(name)

    def estimate(self, name: str, bits_per_second: int, now: float) -> None:
        """A receiver's estimate of its bandwidth. One that comes after the receiver has left would decide for ever."""
        if name in self.receivers and self._bandwidths.estimate(name, bits_per_second, now):
            for frames in self._key_frames.values():
                frames.remove(name)
            self._begin(name)
            self._let_go()

    def _rendition(self, name: str) -> Rendition:
        return Rendition(self.receivers[name].video_mime_type, self._bandwidths.of(name))

    def _begin(self, name: str) -> None:
        self._key_frames.setdefault(self._rendition(name), KeyFrames()).add(name)

    def _let_go(self) -> None:
        """Of the encoders that nobody uses any more."""
        used = {self._rendition(name) for name in self.receivers}
        self._encoders = {rendition: encoder for rendition, encoder in self._encoders.items() if rendition in used}
        self._key_frames = {rendition: frames for rendition, frames in self._key_frames.items() if rendition in used}

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

    async def sound(self, unit: Unit) -> bool:
        """Encode the unit's audio and send it from unit.due on. Encoded also when nobody listens: the encoder has a
        memory. Where the encoder was stuck, audio that is LATE_AUDIO_S late is dropped, as a receiver would. See Sink.
        """
        flushes = self._flushes
        async with self._sounding:
            if self._clock.now() > unit.due + LATE_AUDIO_S:
                return False
            # A flush renews the encoder: nothing older may reach the new one, which would pass its tail on.
            audio = unit.audio if flushes == self._flushes else np.zeros_like(unit.audio)
            packets = await run(self._executors.audio, packets_of, self._opus, audio)
        for part, packet in enumerate(packets):
            await self._clock.sleep_until(unit.due + part * PACKET_S)
            samples = audio[part * SAMPLES_PER_PACKET :][:SAMPLES_PER_PACKET]
            if flushes != self._flushes:
                packet, samples = SILENT_PACKET, np.zeros_like(samples)
            self._send_sound(packet, samples, unit.index, part)
        return True

    def _send_sound(self, data: bytes, samples: Samples, index: int, part: int) -> None:
        """The part-th packet of unit `index`, and the samples in it."""
        pts = index * (SAMPLE_RATE // self._frame_rate) + part * SAMPLES_PER_PACKET
        for receiver in self.receivers.values():
            receiver.send(Packet("audio", data, pts))
        for recorder in self.raw_receivers.values():
            recorder.add_audio(samples, pts)

    async def picture(self, unit: Unit, frame: Frame) -> bool:
        """Encode the frame in every rendition that somebody takes, and send it at unit.due. See Sink."""
        flushes, handed_over_at = self._flushes, self._clock.now()
        async with self._encoding:
            # A frame may still be dropped here and not later: those after it are predicted from it.
            if flushes != self._flushes or self._clock.now() > unit.due + GRACE_S:
                return False
            renditions = {self._rendition(name) for name in self.receivers}
            encoded = [await self._encode(rendition, frame.rgb, unit.index) for rendition in renditions]
        self._encoding_time.note(self._clock.now(), self._clock.now() - handed_over_at)
        await self._clock.sleep_until(unit.due)
        for each in encoded:
            self._send_frame(each)
        for recorder in self.raw_receivers.values():
            recorder.add_frame(frame.rgb, unit.index)
        return bool(encoded or self.raw_receivers)

    async def _encode(self, rendition: Rendition, image: NDArray[np.uint8], index: int) -> EncodedFrame:
        encoder = self._encoders.get(rendition)
        if encoder is None:
            encoder = VideoEncoder(rendition.mime_type, *self._size, self._frame_rate)
            self._encoders[rendition] = encoder
        # Both are those of the moment: a receiver that leaves meanwhile takes them with it.
        key_frames = self._key_frames[rendition]
        bitrate, wanted = self._bandwidths.bitrate(rendition.bandwidth), key_frames.due(index)
        data, is_key_frame = await run(self._executors.video, encoder.encode, image, index, bitrate, wanted)
        if is_key_frame:
            key_frames.sent(index)
        pts = index * (VIDEO_CLOCK_RATE // self._frame_rate)
        return EncodedFrame(rendition, Packet("video", data, pts, is_key_frame))

    def _send_frame(self, encoded: EncodedFrame) -> None:
        for name, receiver in self.receivers.items():
            if self._rendition(name) != encoded.rendition:
                continue
            newcomers = self._key_frames[encoded.rendition].newcomers
            if encoded.packet.key_frame or name not in newcomers:
                newcomers.discard(name)
                receiver.send(encoded.packet)


async def close(receiver: Receiver | RawReceiver) -> None:
    try:
        async with asyncio.timeout(CLOSE_TIMEOUT_S):
            await receiver.close()
    except Exception:  # the boundary: one receiver's end must not keep the others from theirs
        log.exception("a receiver did not close")


async def run(executor: Executor, work: Callable[[*Arguments], T], *arguments: *Arguments) -> T:
    return await asyncio.get_running_loop().run_in_executor(executor, work, *arguments)


def packets_of(encoder: OpusEncoder, sound: Samples) -> list[bytes]:
    starts = range(0, len(sound), SAMPLES_PER_PACKET)
    return [encoder.encode(sound[start : start + SAMPLES_PER_PACKET]) for start in starts]
