"""Where aiortc's own receivers do not do, and how they are replaced, attribute by attribute (aiortc 1.16).

Each hook sets a named attribute of one object of one connection; nothing is changed for the process. They use private
names, so a name that is missing is an error, `library_check` looks at all of them at start, and
tests/streamer/webrtc/test_peer.py drives each against a real peer.
"""

from __future__ import annotations

import struct
from collections.abc import Callable
from contextlib import suppress
from typing import Any

from aiortc import InvalidStateError, RTCDtlsTransport, RTCPeerConnection, RTCRtpReceiver
from aiortc.rtp import AnyRtcpPacket, RtpPacket

from streamer.webrtc.replace import read, replace

MAX_SOURCES = 31  # of which one report can tell (RFC 3550 section 6.4.2); a microphone is one


class MicrophoneTap:
    """Takes the place of a receiver's jitter buffer: packets go straight to ours, and nothing is decoded twice."""

    def __init__(self, on_packet: Callable[[int, bytes], None]) -> None:
        self._on_packet = on_packet

    def install(self, receiver: RTCRtpReceiver) -> None:
        replace(receiver, "_RTCRtpReceiver__jitter_buffer", self)

    def add(self, packet: RtpPacket) -> tuple[bool, None]:
        payload = packet._data  # type: ignore[attr-defined]  # set by the receiver just before
        if payload:
            self._on_packet(packet.timestamp, payload)
        return False, None


async def drop_packet(packet: RtpPacket, arrival_time_ms: int) -> None:
    """Takes the place of a receiver's handler: the packet is dropped before it is looked at."""


def drop_media(receiver: RTCRtpReceiver) -> None:
    """Accept a peer's video without reading it: nobody wants it, but a client may refuse an answer without it."""
    replace(receiver, "_handle_rtp_packet", drop_packet)


def begin_no_handshake(transport: RTCDtlsTransport) -> None:
    """Let the peer begin the DTLS handshake. Call before the answer is made, if the offer leaves the choice."""
    replace(transport, "_role", "server")


class BoundedSources(dict[int, Any]):
    """What is known of each source, by SSRC, of the newest only: a peer may name as many as there are numbers."""

    def __setitem__(self, source: int, known: Any) -> None:
        if source not in self and len(self) >= MAX_SOURCES:
            del self[next(iter(self))]
        super().__setitem__(source, known)


def bound_sources(receiver: RTCRtpReceiver) -> None:
    """Let a report always fit its packet: one that does not ends the task of reports, for whose end close() waits."""
    for name in ("active_ssrc", "remote_streams", "lsr", "lsr_time"):
        replace(receiver, f"_RTCRtpReceiver__{name}", BoundedSources())
    replace(read(receiver.transport, "_rtp_router"), "ssrc_table", BoundedSources())
    send = read(receiver, "_send_rtcp")

    async def send_rtcp(packet: AnyRtcpPacket) -> None:
        with suppress(struct.error):  # a jitter of more than 32 bits, of timestamps that jump to and fro
            await send(packet)

    replace(receiver, "_send_rtcp", send_rtcp)


async def no_consent() -> None:
    """Takes the place of the consent checks of a connection that is being closed."""


def start_no_consent(connection: RTCPeerConnection) -> None:
    """Call before closing. Checks that succeed as the connection is closed would otherwise begin the consent checks
    (RFC 7675) after it, and these would never end.
    """
    for transceiver in connection.getTransceivers():
        transport = transceiver.receiver.transport
        if transport is not None:
            replace(read(read(transport, "transport"), "_connection"), "query_consent", no_consent)


def stop_connecting_when_closed(connection: RTCPeerConnection) -> None:
    """Let the library's task that connects end without an exception when the connection is closed meanwhile: nobody
    waits for that task, so asyncio would log the exception as never retrieved. Any other exception is still logged so.
    """
    connect = read(connection, "_RTCPeerConnection__connect")

    async def connect_until_closed() -> None:
        try:
            await connect()
        except InvalidStateError:  # "RTCIceTransport is closed"
            if connection.signalingState != "closed":
                raise

    replace(connection, "_RTCPeerConnection__connect", connect_until_closed)


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
