"""Where aiortc's own ways do not do, and how they are replaced, attribute by attribute (aiortc 1.16, aioice 0.13).

Each hook sets a named attribute of one object of one connection; nothing is changed for the process. They use
private names, so tests/streamer/webrtc/test_peer.py drives each of them against a real peer.
"""

from __future__ import annotations

import asyncio
import struct
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

import av
from aioice import stun
from aioice.ice import Connection as IceConnection
from aiortc import RTCPeerConnection, RTCRtpReceiver, RTCRtpSender
from aiortc.clock import current_ntp_time
from aiortc.codecs import get_encoder
from aiortc.codecs.base import Encoder
from aiortc.rtcrtpparameters import RTCRtpCodecParameters
from aiortc.rtcrtpsender import RTCEncodedFrame
from aiortc.rtp import AnyRtcpPacket, RtcpSrPacket, RtpPacket

from streamer.audio.jitter_buffer import signed32
from streamer.clock import Clock, MediaClock

MAX_QUEUED_DATAGRAMS = 512  # about 0.5 s of a busy session; beyond that somebody floods
FIRST_OF_DTLS = b"\x14"  # the least first byte of what is not for ICE (RFC 7983 section 7)
MAX_SOURCES = 31  # of which one report can tell (RFC 3550 section 6.4.2); a microphone is one
MAX_QUEUED_PACKETS = 16  # frames of picture, or 320 ms of sound, that a stalled path may hold back


@dataclass(frozen=True, slots=True)
class Encoded:
    """One frame on its way to one peer; pts counts in 1/clock_rate seconds since the session began."""

    data: bytes
    pts: int


class MicrophoneTap:
    """Takes the place of a receiver's jitter buffer: packets go straight to ours, and nothing is decoded twice."""

    def __init__(self, on_packet: Callable[[int, bytes], None]) -> None:
        self._on_packet = on_packet

    def install(self, receiver: RTCRtpReceiver) -> None:
        vars(receiver)["_RTCRtpReceiver__jitter_buffer"] = self

    def add(self, packet: RtpPacket) -> tuple[bool, None]:
        payload = packet._data  # type: ignore[attr-defined]  # set by the receiver just before
        if payload:
            self._on_packet(packet.timestamp, payload)
        return False, None


class BoundedSources(dict[int, Any]):
    """What is known of each source, by SSRC, of the newest only: a peer may name as many as there are numbers."""

    def __setitem__(self, source: int, known: Any) -> None:
        if source not in self and len(self) >= MAX_SOURCES:
            del self[next(iter(self))]
        super().__setitem__(source, known)


def bound_sources(receiver: RTCRtpReceiver) -> None:
    """Let a report always fit its packet: one that does not ends the task of reports, for whose end close() waits."""
    own = vars(receiver)
    for name in ("active_ssrc", "remote_streams", "lsr", "lsr_time"):
        own[f"_RTCRtpReceiver__{name}"] = BoundedSources()
    vars(receiver.transport._rtp_router)["ssrc_table"] = BoundedSources()
    send = receiver._send_rtcp

    async def send_rtcp(packet: AnyRtcpPacket) -> None:
        with suppress(struct.error):  # a jitter of more than 32 bits, of timestamps that jump to and fro
            await send(packet)

    own["_send_rtcp"] = send_rtcp


async def abandon(connection: RTCPeerConnection) -> None:
    """End what a close() that has not come to its end leaves: tasks, the decoder's thread and sockets."""
    transceivers = connection.getTransceivers()
    for transceiver in transceivers:
        transceiver.receiver._handle_disconnect()
        sender, receiver = vars(transceiver.sender), vars(transceiver.receiver)
        tasks = (sender["_RTCRtpSender__rtp_task"], sender["_RTCRtpSender__rtcp_task"])
        for task in (*tasks, receiver["_RTCRtpReceiver__rtcp_task"]):
            if task is not None:
                task.cancel()
    for transport in {transceiver.receiver.transport for transceiver in transceivers}:
        try:
            await transport.stop()
        finally:
            await transport.transport._connection.close()
    connection.remove_all_listeners()


class WallClock:
    """NTP time for monotonic time, fixed once: a step of the system's clock must not tear sound from picture."""

    def __init__(self, clock: Clock) -> None:
        self._ntp = current_ntp_time()
        self._now = clock.now()

    def ntp(self, monotonic: float) -> int:
        """64-bit NTP timestamp (RFC 3550 section 4)."""
        return self._ntp + int((monotonic - self._now) * (1 << 32))


class OutgoingMedia:
    """Feeds one RTP sender with frames encoded elsewhere, and has its reports tell the media clock's time.

    aiortc reports when a packet was sent; a browser aligns tracks by these reports, so any difference between
    the tracks' encoding times would become a lip-sync error.
    """

    def __init__(self, clock_rate: int, media: MediaClock, wall: WallClock) -> None:
        self._clock_rate = clock_rate
        self._media = media
        self._wall = wall
        self._queue: asyncio.Queue[Encoded] = asyncio.Queue(MAX_QUEUED_PACKETS)
        self._packer: Encoder | None = None
        self._origin: int | None = None  # RTP timestamp of presentation time 0
        self._last_timestamp: int | None = None
        self._target_bitrate = 0
        self.on_key_frame: Callable[[], None] = lambda: None
        self.on_bitrate: Callable[[int], None] = lambda _: None

    def install(self, sender: RTCRtpSender) -> None:
        own: dict[str, Any] = vars(sender)
        self._sender = own
        self._send_reports = sender._send_rtcp
        own["_next_encoded_frame"] = self._next
        own["_send_rtcp"] = self._send_rtcp
        own["_send_keyframe"] = self._key_frame
        own["_RTCRtpSender__encoder"] = self

    @property
    def target_bitrate(self) -> int:
        """Set by the receiver's REMB reports; the library sets it only where it can also be read."""
        return self._target_bitrate

    @target_bitrate.setter
    def target_bitrate(self, bits_per_second: int) -> None:
        self._target_bitrate = bits_per_second
        self.on_bitrate(bits_per_second)

    def put(self, encoded: Encoded) -> None:
        """Queue a frame. If the path is stalled, everything waiting is dropped: late media are worth nothing."""
        if self._queue.full():
            while not self._queue.empty():
                self._queue.get_nowait()
            self.on_key_frame()
            return
        self._queue.put_nowait(encoded)

    def clear(self) -> None:
        while not self._queue.empty():
            self._queue.get_nowait()

    async def _next(self, codec: RTCRtpCodecParameters) -> RTCEncodedFrame:
        """Called by the sender's loop, once the frame before has been sent."""
        if self._last_timestamp is not None and self._origin is None:
            self._origin = self._sender["_RTCRtpSender__rtp_timestamp"] - self._last_timestamp
        if self._packer is None:
            self._packer = get_encoder(codec)
        encoded = await self._queue.get()
        packet = av.Packet(encoded.data)
        packet.pts = encoded.pts
        packet.time_base = Fraction(1, self._clock_rate)
        payloads, timestamp = self._packer.pack(packet)
        self._last_timestamp = timestamp
        return RTCEncodedFrame(payloads, timestamp, None)  # type: ignore[arg-type]  # no audio level

    async def _send_rtcp(self, packets: list[AnyRtcpPacket]) -> None:
        for packet in packets:
            if isinstance(packet, RtcpSrPacket) and not self._tell_media_time(packet):
                return
        await self._send_reports(packets)

    def _tell_media_time(self, report: RtcpSrPacket) -> bool:
        """Write the media clock's time into a sender report; False while it is not known."""
        if self._origin is None or self._last_timestamp is None:
            return False
        behind = signed32(report.sender_info.rtp_timestamp - self._origin - self._last_timestamp)
        presentation_time = (self._last_timestamp + behind) / self._clock_rate
        ntp = self._wall.ntp(self._media.due(presentation_time))
        report.sender_info.ntp_timestamp = ntp
        self._sender["_RTCRtpSender__lsr"] = (ntp >> 16) & 0xFFFFFFFF
        return True

    def _key_frame(self) -> None:
        self.on_key_frame()


def guard_datagrams(connection: IceConnection, on_drop: Callable[[], None]) -> None:
    """Let media in only from addresses that ICE knows, never empty, and never more than can be handled.

    aioice queues any datagram from anywhere without bound, also what only begins as STUN does; an empty one ends the
    DTLS task.
    """
    vars(connection)["data_received"] = drop_when_full(connection, connection.data_received, on_drop)
    for protocol in connection._protocols:
        vars(protocol)["datagram_received"] = drop_unknown_peers(connection, protocol.datagram_received, on_drop)


def drop_when_full(
    connection: IceConnection, receive: Callable[[bytes, int], None], on_drop: Callable[[], None]
) -> Callable[[bytes, int], None]:
    """Takes the place of what aioice calls with every datagram that it cannot read as STUN."""

    def data_received(data: bytes, component: int) -> None:
        if data[:1] < FIRST_OF_DTLS or connection._queue.qsize() >= MAX_QUEUED_DATAGRAMS:
            on_drop()
        else:
            receive(data, component)

    return data_received


def drop_unknown_peers(
    connection: IceConnection, receive: Callable[[bytes, tuple[Any, ...]], None], on_drop: Callable[[], None]
) -> Callable[[bytes, tuple[Any, ...]], None]:
    def datagram_received(data: bytes, address: tuple[Any, ...]) -> None:
        known = any(pair.remote_addr == address[:2] for pair in connection._check_list)
        if not known and not looks_like_stun(data):
            on_drop()
            return
        try:
            receive(data, address)
        except (ValueError, KeyError, struct.error):  # an attribute that is cut short, or one that is missing
            on_drop()

    return datagram_received


def looks_like_stun(data: bytes) -> bool:
    """RFC 7983 section 7: a first byte of 0 to 3, and STUN's magic cookie."""
    return len(data) >= 20 and data[0] < 4 and int.from_bytes(data[4:8], "big") == stun.COOKIE
