"""A lossy path: a UDP relay between a client and the server that drops packets at random, both ways.

ICE is let through: what is measured is loss of media, not of the connection.
"""

from __future__ import annotations

import asyncio
import random
from dataclasses import dataclass, field
from typing import Any

BURST_S = 0.3
Address = tuple[str, int]


@dataclass(slots=True)
class Loss:
    """share: of media packets that are dropped; blackout: all of them, while it is set."""

    share: float
    blackout: bool = False
    random: random.Random = field(default_factory=lambda: random.Random(5))
    dropped: int = 0
    passed: int = 0

    async def burst(self) -> None:
        """Lose everything for BURST_S."""
        self.blackout = True
        await asyncio.sleep(BURST_S)
        self.blackout = False

    def drops(self, data: bytes) -> bool:
        media = bool(data) and 128 <= data[0] <= 191  # RFC 7983: RTP and RTCP
        drop = media and (self.blackout or self.random.random() < self.share)
        self.dropped += drop
        self.passed += not drop
        return drop


class Side(asyncio.DatagramProtocol):
    """One socket of the relay; `other` is where its datagrams leave from."""

    def __init__(self, loss: Loss) -> None:
        self.loss = loss
        self.other: Side | None = None
        self.target: Address | None = None  # where datagrams that come through the other side are sent
        self.transport: asyncio.DatagramTransport | None = None

    def connection_made(self, transport: Any) -> None:
        self.transport = transport

    def datagram_received(self, data: bytes, address: Address) -> None:
        if self.target is None:
            self.target = address
        other = self.other
        if other is not None and other.transport and other.target and not self.loss.drops(data):
            other.transport.sendto(data, other.target)


class Relay:
    """Stands before one server address; `rewrite` puts it into an SDP answer."""

    def __init__(self, loss: Loss) -> None:
        self.loss = loss
        self._sides: list[Side] = []

    async def rewrite(self, sdp: str) -> str:
        """The answer with one candidate: this relay, in front of the server's first IPv4 candidate."""
        lines = sdp.splitlines()
        candidates = [line for line in lines if line.startswith("a=candidate:")]
        chosen = next(line for line in candidates if " typ host" in line and ":" not in line.split()[4])
        parts = chosen.split()
        host, port = await self._open((parts[4], int(parts[5])))
        parts[4], parts[5] = host, str(port)
        kept = [line for line in lines if line not in candidates or line == chosen]
        return "\r\n".join(" ".join(parts) if line == chosen else line for line in kept) + "\r\n"

    async def _open(self, server: Address) -> Address:
        loop = asyncio.get_running_loop()
        host = server[0]
        _, near = await loop.create_datagram_endpoint(lambda: Side(self.loss), local_addr=(host, 0))
        _, far = await loop.create_datagram_endpoint(lambda: Side(self.loss), local_addr=(host, 0))
        near.other, far.other, far.target = far, near, server
        self._sides += [near, far]
        assert near.transport is not None
        address: Address = near.transport.get_extra_info("sockname")[:2]
        return address

    def close(self) -> None:
        for side in self._sides:
            if side.transport is not None:
                side.transport.close()
