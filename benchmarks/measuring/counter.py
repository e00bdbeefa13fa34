"""A client so light that many fit beside the server: it sends a microphone's packets and counts what comes back.

Nothing is decoded, so that the numbers are the server's.
"""

from __future__ import annotations

import asyncio
import time
from typing import Any

from aiortc import RTCBundlePolicy, RTCConfiguration, RTCPeerConnection, RTCSessionDescription
from aiortc.jitterbuffer import JitterFrame
from aiortc.rtp import RtpPacket

from benchmarks.measuring.audio_signal import TestAudio
from benchmarks.measuring.client import TestAudioTrack, request, tap


class FrameTap:
    """Takes the place of a jitter buffer: notes when each frame's last packet came, keeps nothing."""

    def __init__(self) -> None:
        self.times: list[float] = []
        self.first = asyncio.Event()

    def add(self, packet: RtpPacket) -> tuple[bool, JitterFrame | None]:
        if packet.marker:
            self.times.append(time.perf_counter())
            self.first.set()
        return False, None


class Counter:
    """`join`, look at `pictures.times`, `leave`."""

    def __init__(self, url: str, audio: TestAudio) -> None:
        self.url = url
        self.session = ""
        self.pictures = FrameTap()
        self._track = TestAudioTrack(audio)
        self._connection = RTCPeerConnection(RTCConfiguration(iceServers=[], bundlePolicy=RTCBundlePolicy.MAX_BUNDLE))

    async def join(self, avatar: str) -> None:
        """Returns with the first picture.

        Raises:
            TimeoutError: none came within 20 s.
        """
        audio = self._connection.addTransceiver(self._track, "sendrecv")
        video = self._connection.addTransceiver("video", "recvonly")
        tap(audio.receiver, FrameTap())
        tap(video.receiver, self.pictures)
        await self._connection.setLocalDescription()
        body = {"type": "offer", "sdp": self._connection.localDescription.sdp, "avatar": avatar}
        answer = await asyncio.to_thread(self.request, "POST", "/api/sessions", body)
        self.session = answer["url"]
        await self._connection.setRemoteDescription(RTCSessionDescription(answer["sdp"], "answer"))
        async with asyncio.timeout(20):
            await self.pictures.first.wait()

    async def leave(self) -> None:
        await asyncio.to_thread(self.request, "DELETE", self.session, None)
        await self._connection.close()

    def request(self, method: str, path: str, body: Any) -> Any:
        return request(self.url, method, path, body)
