"""A speaker and viewer without a browser: an aiortc connection that notes when packets arrive.

What it measures is the server and the wire: sound at the arrival of each packet, pictures at the arrival of each
frame's last packet. A browser's buffers come on top.
"""

from __future__ import annotations

import asyncio
import json
import time
import urllib.request
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from fractions import Fraction
from typing import Any

import av
import numpy as np
from aiortc import (
    RTCBundlePolicy,
    RTCConfiguration,
    RTCPeerConnection,
    RTCRtpReceiver,
    RTCRtpTransceiver,
    RTCSessionDescription,
)
from aiortc.codecs import get_decoder
from aiortc.codecs.base import Decoder
from aiortc.jitterbuffer import JitterBuffer, JitterFrame
from aiortc.mediastreams import MediaStreamTrack
from aiortc.rtcrtpparameters import RTCRtpCodecParameters
from aiortc.rtp import RtpPacket

from benchmarks.measuring.audio_signal import SAMPLE_RATE, TestAudio
from benchmarks.measuring.mouth import openness
from benchmarks.measuring.relay import Relay
from scripts.tools.mouth_box import Box

PACKET = 960  # samples: 20 ms
VIDEO_CODEC = "video/VP8"


class TestAudioTrack(MediaStreamTrack):
    """The test audio as a microphone: a packet leaves when its last sample would have been spoken."""

    kind = "audio"

    def __init__(self, audio: TestAudio) -> None:
        super().__init__()
        self._pcm = (audio.samples * 32767).astype(np.int16)
        self._place = 0
        self.began: float | None = None

    async def recv(self) -> av.AudioFrame:
        if self.began is None:
            self.began = time.perf_counter()
        due = self.began + (self._place + PACKET) / SAMPLE_RATE
        await asyncio.sleep(max(0.0, due - time.perf_counter()))
        samples = self._pcm[np.arange(self._place, self._place + PACKET) % len(self._pcm)]
        frame = av.AudioFrame.from_ndarray(samples.reshape(1, -1), format="s16", layout="mono")
        frame.sample_rate, frame.pts, frame.time_base = SAMPLE_RATE, self._place, Fraction(1, SAMPLE_RATE)
        self._place += PACKET
        return frame


class AudioTap:
    """Takes the place of the receiver's jitter buffer: decodes each packet as it arrives."""

    def __init__(self, decoder: Decoder) -> None:
        self._decoder = decoder
        self.levels: list[tuple[float, float]] = []

    def add(self, packet: RtpPacket) -> tuple[bool, None]:
        now = time.perf_counter()
        for frame in self._decoder.decode(JitterFrame(packet._data, packet.timestamp)):  # type: ignore[attr-defined]
            samples = frame.to_ndarray().reshape(-1, 2)[:, 0] / 32768.0  # type: ignore[attr-defined]
            for place, block in enumerate(samples.reshape(-1, 120)):  # 2.5 ms each
                self.levels.append((now + place * 0.0025, float(np.sqrt((block**2).mean()))))
        return False, None


class VideoTap(JitterBuffer):
    """A video jitter buffer that also notes when each frame was complete: at its packet with the marker."""

    def __init__(self) -> None:
        super().__init__(capacity=512, is_video=True)
        self.completed: dict[int, float] = {}

    def add(self, packet: RtpPacket) -> tuple[bool, JitterFrame | None]:
        if packet.marker:
            self.completed[packet.timestamp] = time.perf_counter()
        return super().add(packet)


class Client:
    """Notes while it runs: lips [(time, openness)], levels [(time, level)], times of time.perf_counter()."""

    def __init__(self, url: str, audio: TestAudio, box: Box, relay: Relay | None = None) -> None:
        self.url = url
        self.session = ""
        self.lips: list[tuple[float, float]] = []
        self.timestamps: list[float] = []  # RTP timestamp of each frame in `lips`
        self.interrupts: list[float] = []
        self.join_to_first_frame_s = 0.0
        self.first_frame = asyncio.Event()
        self._box = box
        self._relay = relay
        self._asked = 0.0
        self.track = TestAudioTrack(audio)
        self._pictures = VideoTap()
        self.audio = AudioTap(get_decoder(opus_parameters()))
        self.connection = RTCPeerConnection(RTCConfiguration(iceServers=[], bundlePolicy=RTCBundlePolicy.MAX_BUNDLE))

    async def join(self, avatar: str) -> None:
        audio = self.connection.addTransceiver(self.track, "sendrecv")
        await self._negotiate(audio, "/api/sessions", {"avatar": avatar})

    async def _negotiate(self, audio: RTCRtpTransceiver, path: str, body: dict[str, str]) -> None:
        """Offer to send or receive audio and to receive video. body: what the request says beside the offer."""
        video = self.connection.addTransceiver("video", "recvonly")
        tap(audio.receiver, self.audio)
        tap(video.receiver, self._pictures)
        capabilities = RTCRtpReceiver.getCapabilities("video")
        assert capabilities is not None
        video.setCodecPreferences([codec for codec in capabilities.codecs if codec.mimeType == VIDEO_CODEC])
        await self.connection.setLocalDescription()
        self._asked = time.perf_counter()
        offer = {"type": "offer", "sdp": self.connection.localDescription.sdp}
        answer = await asyncio.to_thread(self.request, "POST", path, offer | body)
        self.session = answer["url"]
        sdp = await self._relay.rewrite(answer["sdp"]) if self._relay else answer["sdp"]
        await self.connection.setRemoteDescription(RTCSessionDescription(sdp, "answer"))

    async def watch(self) -> None:
        """Look at every picture until cancelled."""
        video = next(receiver.track for receiver in self.connection.getReceivers() if receiver.track.kind == "video")
        while True:
            frame = await video.recv()
            assert isinstance(frame, av.VideoFrame)
            now = time.perf_counter()
            if not self.lips:
                self.join_to_first_frame_s = now - self._asked
                self.first_frame.set()
            completed = list(self._pictures.completed.items())
            # A frame leaves the jitter buffer when the next one begins: its own completion is what counts.
            seen = completed[-2][1] if len(completed) > 1 else now
            picture = np.asarray(frame.to_ndarray(format="rgb24"), np.uint8)
            self.lips.append((min(seen, now), openness(picture, self._box)))
            self.timestamps.append(float(frame.pts or 0))

    async def interrupt(self) -> None:
        self.interrupts.append(time.perf_counter())
        await asyncio.to_thread(self.request, "POST", self.session + "/interrupt", None)

    def request(self, method: str, path: str, body: Any) -> Any:
        return request(self.url, method, path, body)

    async def leave(self) -> None:
        await asyncio.to_thread(self.request, "DELETE", self.session, None)
        await self.connection.close()


@asynccontextmanager
async def joined(client: Client, avatar: str) -> AsyncIterator[Client]:
    """A client that has seen its first frame and looks on."""
    await client.join(avatar)
    async with asyncio.TaskGroup() as tasks:
        looking = tasks.create_task(client.watch())
        try:
            async with asyncio.timeout(20):
                await client.first_frame.wait()
            yield client
        finally:
            looking.cancel()
            await client.leave()


def request(url: str, method: str, path: str, body: Any) -> Any:
    """One call of the server's HTTP interface; JSON in and out."""
    data = None if body is None else json.dumps(body).encode()
    asked = urllib.request.Request(url + path, data, {"Content-Type": "application/json"}, method=method)
    with urllib.request.urlopen(asked, timeout=15) as answer:
        text = answer.read()
    return json.loads(text) if text else None


def tap(receiver: RTCRtpReceiver, buffer: object) -> None:
    vars(receiver)["_RTCRtpReceiver__jitter_buffer"] = buffer


def opus_parameters() -> RTCRtpCodecParameters:
    return RTCRtpCodecParameters("audio/opus", 48_000, 2, 96)
