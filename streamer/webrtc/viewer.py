"""A viewer of a session that is no browser: decoded frames and audio, each with its time on the server's media clock.

The sender reports of both tracks tell that clock's time (see outgoing_media.py), and by them the two are put in step.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass

import av
from aiortc import RTCBundlePolicy, RTCConfiguration, RTCPeerConnection, RTCRtpReceiver, RTCSessionDescription
from aiortc.mediastreams import MediaStreamError, MediaStreamTrack
from aiortc.rtp import AnyRtcpPacket, RtcpSrPacket

from streamer.audio.jitter_buffer import signed32
from streamer.config import IceServer
from streamer.output.receiver import AUDIO_CLOCK_RATE, VIDEO_CLOCK_RATE
from streamer.webrtc.peer import ice_server
from streamer.webrtc.replace import read, replace

CAPACITY = 75  # one second of frames and audio packets; beyond it what is newest is dropped
SILENT_S = 10.0  # without any audio or frame the session has gone: a session sends both all the time


class ConnectionEnded(Exception):
    """The session has ended, or its connection is lost."""


@dataclass(frozen=True, slots=True)
class Media:
    """A decoded frame or 20 ms of audio; time_s: when it is shown or heard, seconds on the server's media clock."""

    frame: av.VideoFrame | av.AudioFrame
    time_s: float


class ReportedTime:
    """Turns a track's presentation times into the sender's time, once it has reported.

    Raises:
        LibraryMismatch: the installed WebRTC library is not the one that was tested.
    """

    def __init__(self, receiver: RTCRtpReceiver, clock_rate: int) -> None:
        self._clock_rate = clock_rate
        self._report: tuple[float, int] | None = None  # sender's seconds, RTP timestamp
        self._mapper = read(receiver, "_RTCRtpReceiver__timestamp_mapper")
        self._handle = replace(receiver, "_handle_rtcp_packet", self._listen)

    async def _listen(self, packet: AnyRtcpPacket) -> None:
        if isinstance(packet, RtcpSrPacket):
            info = packet.sender_info
            self._report = info.ntp_timestamp / (1 << 32), info.rtp_timestamp
        await self._handle(packet)

    def of(self, pts: int) -> float | None:
        """Seconds; None before the first report. pts: as the library counts, from its first packet on."""
        if self._report is None:
            return None
        seconds, timestamp = self._report
        return seconds + signed32((read(self._mapper, "_origin") + pts - timestamp) & 0xFFFFFFFF) / self._clock_rate


class Viewer:
    """`offer`, then `accept` the answer, then `read` in a task and ask for `next`; `close` once."""

    def __init__(self, ice_servers: Sequence[IceServer] = ()) -> None:
        self._connection = RTCPeerConnection(
            RTCConfiguration(
                # An empty list, not None: None would ask a public STUN server of others.
                iceServers=[ice_server(server) for server in ice_servers],
                bundlePolicy=RTCBundlePolicy.MAX_BUNDLE,
            )
        )
        self._media: asyncio.Queue[Media | None] = asyncio.Queue(CAPACITY)
        self.dropped = 0
        self._tracks: list[tuple[MediaStreamTrack, ReportedTime]] = []
        self._receivers = [
            (self._connection.addTransceiver(kind, "recvonly").receiver, rate)
            for kind, rate in (("audio", AUDIO_CLOCK_RATE), ("video", VIDEO_CLOCK_RATE))
        ]

    async def offer(self) -> str:
        """With all candidates in it."""
        await self._connection.setLocalDescription(await self._connection.createOffer())
        return self._connection.localDescription.sdp

    async def accept(self, answer: str) -> None:
        """Begin to connect. The tracks are there from now on."""
        await self._connection.setRemoteDescription(RTCSessionDescription(answer, "answer"))
        self._tracks = [(receiver.track, ReportedTime(receiver, rate)) for receiver, rate in self._receivers]

    async def read(self) -> None:
        """Receive until the tracks end; run it beside those who ask for `next`."""
        async with asyncio.TaskGroup() as tasks:
            for track, time in self._tracks:
                tasks.create_task(self._read(track, time))

    async def next(self) -> Media:
        """A frame or audio as it comes; none before the sender has reported the time of both.

        Raises:
            ConnectionEnded
        """
        try:
            async with asyncio.timeout(SILENT_S):
                media = await self._media.get()
        except TimeoutError as error:
            raise ConnectionEnded(f"nothing came for {SILENT_S:.0f} s") from error
        if media is None:
            raise ConnectionEnded("the session has ended, or its connection is lost")
        return media

    async def _read(self, track: MediaStreamTrack, time: ReportedTime) -> None:
        while True:
            try:
                frame = await track.recv()
            except MediaStreamError:
                await self._media.put(None)
                return
            assert isinstance(frame, av.VideoFrame | av.AudioFrame)
            assert frame.pts is not None
            time_s = time.of(frame.pts)
            if time_s is None or any(other.of(0) is None for _, other in self._tracks):
                continue
            if self._media.full():
                self.dropped += 1
            else:
                self._media.put_nowait(Media(frame, time_s))

    async def close(self) -> None:
        await self._connection.close()
