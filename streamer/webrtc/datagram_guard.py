"""What may come in from the network: media only from addresses that ICE knows, nothing empty, and nothing faster than
a peer can have reason to send it.

aioice queues any datagram from anywhere without bound, also what only begins as STUN does; an empty one ends the DTLS
task. Each datagram that is let in costs the event loop, which all sessions share, some 50 µs.
"""

from __future__ import annotations

import struct
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from aioice import stun
from aioice.ice import Connection as IceConnection

from streamer.webrtc.offer import Checked, Wants
from streamer.webrtc.rate_limit import TokenBucket
from streamer.webrtc.replace import read, replace

MAX_QUEUED_DATAGRAMS = 512  # about 0.5 s of a busy session; beyond that somebody floods
FIRST_OF_DTLS = b"\x14"  # the least first byte of what is not for ICE (RFC 7983 section 7)
FIRST_OF_RTP = 128  # and of RTP and RTCP
RTCP_TYPES = range(192, 224)  # the second byte of RTCP (RFC 5761 section 4); encryption leaves it readable
MEDIA_PER_S = {"audio": 250, "video": 2_000, "data": 250, "other": 50}  # datagrams: audio has 100 of 10 ms, video of
# 12 Mbit/s 1,250; others are those of the DTLS handshake
FEEDBACK_BYTES_PER_S, FEEDBACK_BURST = 16_000, 64_000  # RTCP; of a receiver that loses a tenth of its packets 5,000
LEAST_FEEDBACK = 100  # bytes that a short RTCP datagram counts for: it costs as much as a longer one
CHECKS_PER_S, CHECKS_BURST = 100, 200  # STUN of a peer: browsers send 20 a second at first, then one in 2 s
STRANGERS_PER_S, STRANGERS_BURST = 50, 100  # STUN of all others together


@dataclass(slots=True)
class Limits:
    """What one peer may send."""

    media: TokenBucket
    feedback: TokenBucket
    checks: TokenBucket
    strangers: TokenBucket


def new_limits(offer: Checked, wants: Wants) -> Limits:
    sent = {"audio": wants.audio_in, "video": offer.video_in, "data": offer.data is not None, "other": True}
    return Limits(
        TokenBucket(sum(MEDIA_PER_S[kind] for kind, is_sent in sent.items() if is_sent), MAX_QUEUED_DATAGRAMS),
        TokenBucket(FEEDBACK_BYTES_PER_S, FEEDBACK_BURST),
        TokenBucket(CHECKS_PER_S, CHECKS_BURST),
        TokenBucket(STRANGERS_PER_S, STRANGERS_BURST),
    )


class DatagramGuard:
    """Stands before one ICE connection. on_drop: called for every datagram that is not let in; now: in seconds."""

    def __init__(self, limits: Limits, now: Callable[[], float], on_drop: Callable[[], None]) -> None:
        self._limits = limits
        self._now = now
        self._on_drop = on_drop

    def install(self, connection: IceConnection) -> None:
        """
        Raises:
            LibraryMismatch
        """
        read(connection, "_queue")
        read(connection, "_check_list")
        replace(connection, "data_received", self.drop_when_full(connection, connection.data_received))
        for protocol in read(connection, "_protocols"):
            checked = self.drop_unknown_peers(connection, protocol.datagram_received)
            replace(protocol, "datagram_received", checked)

    def drop_when_full(
        self, connection: IceConnection, receive: Callable[[bytes, int], None]
    ) -> Callable[[bytes, int], None]:
        """Takes the place of what aioice calls with every datagram that it cannot read as STUN."""

        def data_received(data: bytes, component: int) -> None:
            full = connection._queue.qsize() >= MAX_QUEUED_DATAGRAMS
            if data[:1] < FIRST_OF_DTLS or full or not self._media_in_time(data):
                self._on_drop()
            else:
                receive(data, component)

        return data_received

    def drop_unknown_peers(
        self, connection: IceConnection, receive: Callable[[bytes, tuple[Any, ...]], None]
    ) -> Callable[[bytes, tuple[Any, ...]], None]:
        """Takes the place of what the event loop calls with every datagram."""

        def datagram_received(data: bytes, address: tuple[Any, ...]) -> None:
            known = any(pair.remote_addr == address[:2] for pair in connection._check_list)
            if looks_like_stun(data):
                limit = self._limits.checks if known else self._limits.strangers
                allowed = limit.take(self._now())
            else:
                allowed = known
            if not allowed:
                self._on_drop()
                return
            try:
                receive(data, address)
            except (ValueError, KeyError, struct.error):  # an attribute that is cut short, or one that is missing
                self._on_drop()

        return datagram_received

    def _media_in_time(self, data: bytes) -> bool:
        if data[0] >= FIRST_OF_RTP and len(data) > 1 and data[1] in RTCP_TYPES:
            return self._limits.feedback.take(self._now(), max(len(data), LEAST_FEEDBACK))
        return self._limits.media.take(self._now())


def looks_like_stun(data: bytes) -> bool:
    """RFC 7983 section 7: a first byte of 0 to 3, and STUN's magic cookie."""
    return len(data) >= 20 and data[0] < 4 and int.from_bytes(data[4:8], "big") == stun.COOKIE
