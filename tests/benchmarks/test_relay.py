"""A lossy path: what is dropped, and what of an answer is replaced."""

from __future__ import annotations

import asyncio
import socket

import pytest

from benchmarks.measuring.relay import Loss, Relay

RTP, STUN, DTLS = bytes([0x80, 96]), bytes([0, 1]), bytes([22, 254])


def test_without_loss_everything_passes() -> None:
    loss = Loss(0.0)
    assert not any(loss.drops(RTP) for _ in range(100))
    assert (loss.dropped, loss.passed) == (0, 100)


@pytest.mark.parametrize("share", [0.02, 0.2])
def test_media_is_dropped_by_its_share(share: float) -> None:
    loss = Loss(share)
    dropped = sum(loss.drops(RTP) for _ in range(20_000))
    assert dropped / 20_000 == pytest.approx(share, rel=0.1)
    assert loss.dropped == dropped


def test_the_same_packets_are_lost_in_every_run() -> None:
    one, other = Loss(0.3), Loss(0.3)
    assert [one.drops(RTP) for _ in range(200)] == [other.drops(RTP) for _ in range(200)]


@pytest.mark.parametrize("data", [STUN, DTLS, b""])
def test_what_keeps_the_connection_is_never_lost(data: bytes) -> None:
    loss = Loss(1.0, blackout=True)
    assert not loss.drops(data)


def test_in_a_blackout_all_media_is_lost() -> None:
    loss = Loss(0.0, blackout=True)
    assert all(loss.drops(RTP) for _ in range(20))


def answer(port: int) -> str:
    return "\r\n".join(
        [
            "v=0",
            "a=candidate:1 1 udp 2130706431 ::1 5000 typ host",
            f"a=candidate:2 1 udp 2130706431 127.0.0.1 {port} typ host",
            "a=candidate:3 1 udp 1694498815 203.0.113.9 6000 typ srflx raddr 0.0.0.0 rport 0",
            "m=audio 9 UDP/TLS/RTP/SAVPF 96",
        ]
    )


def test_an_answer_has_the_relay_s_candidate_alone_and_keeps_its_other_lines() -> None:
    async def rewritten() -> list[str]:
        relay = Relay(Loss(0.0))
        try:
            return (await relay.rewrite(answer(4000))).splitlines()
        finally:
            relay.close()

    lines = asyncio.run(rewritten())
    candidates = [line.split() for line in lines if line.startswith("a=candidate:")]
    assert len(candidates) == 1
    assert candidates[0][4] == "127.0.0.1"
    assert candidates[0][5] != "4000"
    assert lines[0] == "v=0"
    assert lines[-1].startswith("m=audio")


def test_datagrams_go_through_to_the_server_and_back() -> None:
    async def exchange() -> tuple[bytes, bytes]:
        loop = asyncio.get_running_loop()
        relay = Relay(Loss(0.0))
        with (
            socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as server,
            socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as client,
        ):
            for end in (server, client):
                end.bind(("127.0.0.1", 0))
                end.setblocking(False)
            text = await relay.rewrite(answer(server.getsockname()[1]))
            parts = next(line for line in text.splitlines() if line.startswith("a=candidate:")).split()
            try:
                await loop.sock_sendto(client, STUN + b"there", (parts[4], int(parts[5])))
                got, back = await loop.sock_recvfrom(server, 100)
                await loop.sock_sendto(server, STUN + b"back", back)
                returned, _ = await loop.sock_recvfrom(client, 100)
            finally:
                relay.close()
        return got, returned

    assert asyncio.run(exchange()) == (STUN + b"there", STUN + b"back")
