"""The parts of the hooks that need no connection; test_peer.py has the library drive them."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from typing import Any

import pytest
from aioice import stun
from aioice.ice import Connection
from aiortc.rtp import AnyRtcpPacket, RtcpByePacket, RtcpSenderInfo, RtcpSrPacket

from streamer.clock import MediaClock
from streamer.wire.hooks import (
    MAX_QUEUED_DATAGRAMS,
    MAX_QUEUED_PACKETS,
    Encoded,
    OutgoingMedia,
    WallClock,
    guarded,
    looks_like_stun,
)
from tests.fakes import FakeClock

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


@dataclass
class FakeIce:
    """A connection that knows one peer."""

    _check_list: list[Pair] = field(default_factory=lambda: [Pair(PEER)])
    _queue: asyncio.Queue[bytes] = field(default_factory=asyncio.Queue)


def binding_request() -> bytes:
    return bytes(stun.Message(message_method=stun.Method.BINDING, message_class=stun.Class.REQUEST))


@pytest.mark.parametrize(
    ("data", "address", "comes_in"),
    [
        pytest.param(b"\x80media", PEER, True, id="media of the peer"),
        pytest.param(b"\x16dtls", PEER, True, id="DTLS of the peer"),
        pytest.param(b"\x80media", (*PEER, 0, 0), True, id="of the peer, by IPv6"),
        pytest.param(b"", PEER, False, id="nothing of the peer"),
        pytest.param(b"\x80media", STRANGER, False, id="media of a stranger"),
        pytest.param(b"\x80media", (PEER[0], 5001), False, id="of another port"),
        pytest.param(b"\x01", STRANGER, False, id="nearly STUN"),
        pytest.param(b"\x00" * 20, STRANGER, False, id="no magic cookie"),
        pytest.param(binding_request(), STRANGER, True, id="STUN of anybody: so do peers become known"),
    ],
)
async def test_which_datagrams_come_in(data: bytes, address: tuple[Any, ...], comes_in: bool) -> None:
    came, dropped = [], []
    receive = guarded(as_connection(FakeIce()), lambda data, _: came.append(data), lambda: dropped.append(1))
    receive(data, address)
    assert (came, dropped) == (([data], []) if comes_in else ([], [1]))


async def test_more_than_can_be_handled_is_dropped() -> None:
    ice, dropped = FakeIce(), []
    receive = guarded(as_connection(ice), lambda data, _: ice._queue.put_nowait(data), lambda: dropped.append(1))
    for _ in range(MAX_QUEUED_DATAGRAMS + 10):
        receive(b"\x80media", PEER)
    assert ice._queue.qsize() == MAX_QUEUED_DATAGRAMS
    assert len(dropped) == 10


def as_connection(fake: Any) -> Connection:
    connection: Connection = fake
    return connection


async def test_stun_is_told_by_its_cookie() -> None:
    assert looks_like_stun(binding_request())
    assert not looks_like_stun(binding_request()[:19])
