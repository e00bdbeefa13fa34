"""The parts of the hooks that need no connection; test_peer.py has the library drive them."""

from __future__ import annotations

import struct
from dataclasses import dataclass
from typing import Any

import pytest
from aioice import Candidate, stun
from aioice.ice import Connection, StunProtocol
from aiortc.rtp import AnyRtcpPacket, RtcpByePacket, RtcpSenderInfo, RtcpSrPacket

from lipcast.testing import FakeClock
from streamer.clock import MediaClock
from streamer.webrtc.aiortc_hooks import (
    MAX_QUEUED_DATAGRAMS,
    MAX_QUEUED_PACKETS,
    Encoded,
    OutgoingMedia,
    WallClock,
    guard_datagrams,
    looks_like_stun,
)

pytestmark = pytest.mark.anyio

PEER, STRANGER = ("192.0.2.1", 5000), ("192.0.2.66", 5000)


def media(clock: FakeClock) -> OutgoingMedia:
    return OutgoingMedia(90_000, MediaClock(clock.now()), WallClock(clock))


async def test_a_path_that_is_stalled_drops_everything_and_asks_for_a_key_frame() -> None:
    outgoing, asked = media(FakeClock()), []
    outgoing.on_key_frame = lambda: asked.append(1)
    for place in range(MAX_QUEUED_PACKETS + 1):
        outgoing.put(Encoded(b"picture", place))
    assert outgoing._queue.empty()
    assert asked == [1]
    outgoing.put(Encoded(b"picture", 99))
    assert outgoing._queue.qsize() == 1


async def test_clear_drops_what_waits() -> None:
    outgoing = media(FakeClock())
    outgoing.put(Encoded(b"sound", 0))
    outgoing.clear()
    assert outgoing._queue.empty()


async def test_an_estimate_is_passed_on_and_the_library_finds_the_attribute() -> None:
    outgoing = media(FakeClock())
    told: list[int] = []
    outgoing.on_bitrate = told.append
    assert hasattr(outgoing, "target_bitrate")
    outgoing.target_bitrate = 500_000
    assert told == [500_000]
    assert outgoing.target_bitrate == 500_000


async def test_the_wall_clock_follows_the_monotonic_one() -> None:
    clock = FakeClock()
    wall = WallClock(clock)
    assert wall.ntp(clock.now() + 1.5) - wall.ntp(clock.now()) == 3 << 31


class FakeSender:
    """As much of the library's sender as the hooks touch."""

    def __init__(self) -> None:
        self._RTCRtpSender__rtp_timestamp = 0
        self.sent: list[AnyRtcpPacket] = []

    async def _send_rtcp(self, packets: list[AnyRtcpPacket]) -> None:
        self.sent += packets


async def test_before_the_media_clock_is_known_no_report_is_sent() -> None:
    sender, outgoing = FakeSender(), media(FakeClock())
    fake: Any = sender
    outgoing.install(fake)
    report = RtcpSrPacket(ssrc=1, sender_info=RtcpSenderInfo(0, 0, 0, 0))
    await fake._send_rtcp([report])
    assert sender.sent == []
    goodbye = RtcpByePacket(sources=[1])
    await fake._send_rtcp([goodbye])
    assert sender.sent == [goodbye]


@dataclass
class Pair:
    remote_addr: tuple[str, int]


class Ice:
    """The library's own end of a connection, drop_unknown_peers, that knows one peer; what it answers goes nowhere."""

    def __init__(self) -> None:
        self.connection = Connection(ice_controlling=False)
        self.connection._early_checks_done = True
        self.protocol = StunProtocol(self.connection)
        self.answers: list[bytes] = []
        self.dropped = 0
        own, protocol = vars(self.connection), vars(self.protocol)
        own["_check_list"], own["_protocols"] = [Pair(PEER)], [self.protocol]
        protocol["transport"] = self
        protocol["local_candidate"] = Candidate("1", 1, "udp", 1, "192.0.2.9", 9, "host")
        guard_datagrams(self.connection, self._drop)

    def sendto(self, data: bytes, address: tuple[str, int]) -> None:
        self.answers.append(data)

    def _drop(self) -> None:
        self.dropped += 1

    def receive(self, data: bytes, address: tuple[Any, ...]) -> str:
        """What became of a datagram."""
        before = (self.connection._queue.qsize(), len(self.answers), self.dropped)
        self.protocol.datagram_received(data, address)
        after = (self.connection._queue.qsize(), len(self.answers), self.dropped)
        [became] = [
            one for one, was, now in zip(("taken", "answered", "dropped"), before, after, strict=True) if now > was
        ]
        return became


def request(*attributes: tuple[int, bytes], method: int = 1, length: int | None = None) -> bytes:
    """A STUN request as anybody may write it."""
    body = b"".join(struct.pack("!HH", kind, len(value)) + value for kind, value in attributes)
    return struct.pack("!HHI", method, len(body) if length is None else length, stun.COOKIE) + b"transaction!" + body


PRIORITY, FINGERPRINT, USERNAME = 0x0024, 0x8028, 0x0006


@pytest.mark.parametrize(
    ("data", "address", "became"),
    [
        pytest.param(b"\x80media", PEER, "taken", id="media of the peer"),
        pytest.param(b"\x16dtls", PEER, "taken", id="DTLS of the peer"),
        pytest.param(b"\x80media", (*PEER, 0, 0), "taken", id="of the peer, by IPv6"),
        pytest.param(b"", PEER, "dropped", id="nothing of the peer"),
        pytest.param(b"\x13", PEER, "dropped", id="neither media nor DTLS of the peer"),
        pytest.param(b"\x80media", STRANGER, "dropped", id="media of a stranger"),
        pytest.param(b"\x80media", (PEER[0], 5001), "dropped", id="of another port"),
        pytest.param(b"\x01", STRANGER, "dropped", id="nearly STUN"),
        pytest.param(b"\x00" * 20, STRANGER, "dropped", id="no magic cookie"),
        pytest.param(request(), STRANGER, "answered", id="STUN of anybody: so do peers become known"),
        pytest.param(request(length=8), STRANGER, "dropped", id="STUN of another length"),
        pytest.param(request(method=5), STRANGER, "dropped", id="STUN of an unknown method"),
        pytest.param(request((FINGERPRINT, bytes(4))), STRANGER, "dropped", id="STUN with a wrong fingerprint"),
        pytest.param(request((USERNAME, b"\xff\xff\xff\xff")), STRANGER, "dropped", id="STUN that is no UTF-8"),
        pytest.param(request((PRIORITY, b"")), STRANGER, "dropped", id="STUN with a priority of no length"),
        pytest.param(request((PRIORITY, b"")), PEER, "dropped", id="and of the peer"),
    ],
)
async def test_what_becomes_of_a_datagram(data: bytes, address: tuple[Any, ...], became: str) -> None:
    assert Ice().receive(data, address) == became


async def test_a_check_that_tells_no_priority_is_dropped() -> None:
    ice = Ice()
    check = stun.Message(message_method=stun.Method.BINDING, message_class=stun.Class.REQUEST)
    check.attributes["USERNAME"] = f"{ice.connection.local_username}:peer"
    check.add_message_integrity(ice.connection.local_password.encode())
    ice.protocol.datagram_received(bytes(check), STRANGER)
    assert ice.dropped == 1


async def test_more_than_can_be_handled_is_dropped() -> None:
    ice = Ice()
    became = [ice.receive(b"\x80media", PEER) for _ in range(MAX_QUEUED_DATAGRAMS + 10)]
    assert became == ["taken"] * MAX_QUEUED_DATAGRAMS + ["dropped"] * 10


async def test_stun_is_told_by_its_cookie() -> None:
    assert looks_like_stun(request())
    assert not looks_like_stun(request()[:19])
