"""Two real ends of a call on the loopback: our Peer and a plain connection of the WebRTC library."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from types import TracebackType
from typing import Any

import numpy as np
from aiortc import (
    MediaStreamTrack,
    RTCBundlePolicy,
    RTCConfiguration,
    RTCPeerConnection,
    RTCRtpReceiver,
    RTCSessionDescription,
)
from aiortc.mediastreams import AudioStreamTrack, MediaStreamError
from numpy.typing import NDArray

from streamer.clock import MediaClock, MonotonicClock
from streamer.config import WebRtcConfig
from streamer.output.receiver import Packet
from streamer.output.video_encoder import VideoEncoder
from streamer.webrtc.offer import PRESENTER, Wants
from streamer.webrtc.peer import Peer, PeerEvents
from tests.sounds import opus_packets, voice
from tests.streamer.webrtc.offers import Change

SIZE = (64, 48)
PATIENCE_S = 10.0  # a busy machine is slow; nothing waits this long where all is well


async def until(condition: Callable[[], object]) -> None:
    """Wait for the network, looking again and again."""
    async with asyncio.timeout(PATIENCE_S):
        while not condition():  # noqa: ASYNC110  no event tells that a datagram has arrived
            await asyncio.sleep(0.002)


class Client:
    """A browser's part: sends a microphone if it has one, receives sound and picture.

    kinds: in which order they are offered.
    """

    def __init__(
        self,
        microphone: MediaStreamTrack | None = None,
        video: str = "video/VP8",
        kinds: tuple[str, str] = ("audio", "video"),
        data: bool = False,
    ) -> None:
        self.connection = RTCPeerConnection(RTCConfiguration(iceServers=[], bundlePolicy=RTCBundlePolicy.MAX_BUNDLE))
        self.received: dict[str, list[Any]] = {"audio": [], "video": []}
        self._readers: list[asyncio.Task[None]] = []
        self.messages: list[str | bytes] = []
        self.connection.on("track", self._read)
        for kind in kinds:
            if kind == "audio" and microphone is not None:
                self.connection.addTransceiver(microphone, "sendrecv")
            else:
                self.connection.addTransceiver(kind, "recvonly")
        if data:
            self.connection.createDataChannel("captions").on("message", self.messages.append)
        screen = next(each for each in self.connection.getTransceivers() if each.kind == "video")
        known = RTCRtpReceiver.getCapabilities("video")
        assert known is not None
        screen.setCodecPreferences([codec for codec in known.codecs if codec.mimeType == video])

    async def offer(self) -> str:
        await self.connection.setLocalDescription(await self.connection.createOffer())
        return self.connection.localDescription.sdp

    async def accept(self, answer: str) -> None:
        await self.connection.setRemoteDescription(RTCSessionDescription(answer, "answer"))

    def receiver(self, kind: str) -> RTCRtpReceiver:
        return next(each.receiver for each in self.connection.getTransceivers() if each.kind == kind)

    def _read(self, track: MediaStreamTrack) -> None:
        self._readers.append(asyncio.create_task(self._keep(track)))

    async def _keep(self, track: MediaStreamTrack) -> None:
        while True:
            try:
                self.received[track.kind].append(await track.recv())
            except MediaStreamError:
                return

    async def close(self) -> None:
        await self.connection.close()
        await asyncio.gather(*self._readers)


class Call:
    """`async with` connects both ends and closes them. change: made to the offer on its way."""

    def __init__(
        self,
        config: WebRtcConfig | None = None,
        video: str = "video/VP8",
        kinds: tuple[str, str] = ("audio", "video"),
        change: Change = str,
        wants: Wants = PRESENTER,
        data: bool = False,
    ) -> None:
        self.clock = MonotonicClock()
        self.media = MediaClock(self.clock.now())
        self.packets: list[tuple[int, bytes]] = []
        self.told: list[str] = []
        self.bitrates: list[int] = []
        self.peer = Peer(
            config or WebRtcConfig(),
            self.clock,
            self.media,
            PeerEvents(
                on_packet=lambda timestamp, payload: self.packets.append((timestamp, payload)),
                on_connected=lambda: self.told.append("connected"),
                on_closed=lambda: self.told.append("closed"),
                on_key_frame=lambda: self.told.append("key frame"),
                on_bitrate=self.bitrates.append,
                on_dropped_datagram=lambda: self.told.append("dropped"),
            ),
        )
        self.client = Client(AudioStreamTrack(), video, kinds, data)
        self._wants = wants
        self._change = change
        self.answer = ""
        self._sounds = opus_packets(voice(1.0))
        self._encoder = VideoEncoder(video, *SIZE, 25)
        self._frame = 0

    async def __aenter__(self) -> Call:
        self.answer = await self.peer.answer(self._change(await self.client.offer()), self._wants)
        await self.client.accept(self.answer)
        await until(lambda: "connected" in self.told)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.client.close()
        await self.peer.close()

    def send_frame(self) -> None:
        """40 ms of voice and a grey picture."""
        for part in (0, 1):
            data = self._sounds[(2 * self._frame + part) % len(self._sounds)]
            self.peer.send(Packet("audio", data, (2 * self._frame + part) * 960))
        self.send_picture()
        self._frame += 1

    def send_picture(self, grey: int = 128) -> None:
        image: NDArray[np.uint8] = np.full((SIZE[1], SIZE[0], 3), grey, np.uint8)
        data, _ = self._encoder.encode(image, self._frame, 500_000, key_frame=self._frame == 0)
        self.peer.send(Packet("video", data, self._frame * 3600))

    async def play(self, enough: Callable[[], object]) -> None:
        """Send frames until it is enough."""
        async with asyncio.timeout(PATIENCE_S):
            while not enough():
                self.send_frame()
                await asyncio.sleep(0.01)
