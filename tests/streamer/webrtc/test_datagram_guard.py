"""Which datagrams are let in, from whom and how many; test_peer.py has the library drive it."""

from __future__ import annotations

import struct
from dataclasses import dataclass
from typing import Any

import pytest
from aioice import Candidate, stun
from aioice.ice import Connection, StunProtocol

from lipcast.testing import FakeClock
from streamer.webrtc.datagram_guard import (
    FEEDBACK_BURST,
    FEEDBACK_BYTES_PER_S,
    MAX_QUEUED_DATAGRAMS,
    MEDIA_PER_S,
    STRANGERS_BURST,
    STRANGERS_PER_S,
    DatagramGuard,
    looks_like_stun,
    new_limits,
)
from streamer.webrtc.offer import PRESENTER, Checked

pytestmark = pytest.mark.anyio

PEER, STRANGER = ("192.0.2.1", 5000), ("192.0.2.66", 5000)
CHECKED = Checked(sdp="", audio="0", video="1", data=None, video_in=False, rejected=())


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
        self.clock = FakeClock()
        DatagramGuard(new_limits(CHECKED, PRESENTER), self.clock.now, self._drop).install(self.connection)

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


async def flood(ice: Ice, data: bytes, address: tuple[str, int], seconds: int, per_second: int) -> int:
    """How many of the datagrams were let in."""
    let_in = 0
    for _ in range(seconds * per_second):
        let_in += ice.receive(data, address) != "dropped"
        while not ice.connection._queue.empty():
            ice.connection._queue.get_nowait()
        await ice.clock.advance(1 / per_second)
    return let_in


async def test_a_peer_that_floods_with_media_is_let_in_at_the_rate_of_a_microphone() -> None:
    let_in = await flood(Ice(), b"\x80\x60media", PEER, seconds=2, per_second=2000)
    assert let_in <= MAX_QUEUED_DATAGRAMS + 2 * (MEDIA_PER_S["audio"] + MEDIA_PER_S["other"]) + 1


async def test_a_peer_that_floods_with_feedback_is_let_in_by_bytes_and_its_media_go_on() -> None:
    ice = Ice()
    feedback = bytes([0x81, 206]) + bytes(998)
    let_in = await flood(ice, feedback, PEER, seconds=2, per_second=1000)
    assert let_in <= (FEEDBACK_BURST + 2 * FEEDBACK_BYTES_PER_S) // 1000 + 1
    assert ice.receive(b"\x80\x60media", PEER) == "taken"


async def test_strangers_that_flood_with_stun_do_not_keep_the_peer_from_its_checks() -> None:
    ice = Ice()
    let_in = await flood(ice, request(), STRANGER, seconds=2, per_second=1000)
    assert let_in <= STRANGERS_BURST + 2 * STRANGERS_PER_S + 1
    assert ice.receive(request(), PEER) == "answered"
