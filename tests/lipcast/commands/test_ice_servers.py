"""STUN and TURN servers are asked only if configured, and silence is noticed."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator

import pytest
from aioice import stun

from lipcast.commands.doctor.finding import State
from lipcast.commands.doctor.ice import Server, ice_servers, parse, reached
from streamer.config import IceServer

PATIENCE_S = 0.05


@pytest.fixture
def deaf() -> Iterator[int]:
    """The port of somebody who never answers."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as silent:
        silent.bind(("127.0.0.1", 0))
        yield silent.getsockname()[1]


def answering(answer: bytes | None) -> tuple[int, threading.Thread]:
    """The port of somebody who answers one datagram; None: as a STUN server does."""
    server = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    server.bind(("127.0.0.1", 0))

    def answer_once() -> None:
        with server:
            data, asker = server.recvfrom(2048)
            server.sendto(binding(data, asker) if answer is None else answer, asker)

    thread = threading.Thread(target=answer_once)
    thread.start()
    return server.getsockname()[1], thread


def binding(request: bytes, asker: tuple[str, int]) -> bytes:
    asked = stun.parse_message(request)
    answer = stun.Message(stun.Method.BINDING, stun.Class.RESPONSE, asked.transaction_id)
    answer.attributes["XOR-MAPPED-ADDRESS"] = asker
    return bytes(answer)


def test_without_servers_nobody_is_asked() -> None:
    [finding] = ice_servers([])
    assert finding.state is State.GOOD
    assert "none is needed" in finding.what


@pytest.mark.parametrize("scheme", ["stun", "turn"])
def test_a_server_that_answers_is_well(scheme: str) -> None:
    port, thread = answering(None)
    [finding] = ice_servers([IceServer((f"{scheme}:127.0.0.1:{port}",))])
    thread.join()
    assert finding.state is State.GOOD
    assert finding.what.endswith("it sees this machine as 127.0.0.1")


def test_a_server_that_never_answers_is_noticed(deaf: int) -> None:
    finding = reached(f"stun:127.0.0.1:{deaf}", PATIENCE_S)
    assert finding.state is State.ERROR
    assert "no answer (timed out)" in finding.what


def test_an_answer_that_is_no_stun_is_noticed() -> None:
    port, thread = answering(b"hello?")
    finding = reached(f"stun:127.0.0.1:{port}")
    thread.join()
    assert finding.state is State.ERROR


def test_a_relay_over_tcp_is_asked_for_a_connection() -> None:
    with socket.create_server(("127.0.0.1", 0)) as relay:
        finding = reached(f"turn:127.0.0.1:{relay.getsockname()[1]}?transport=tcp")
    assert finding.state is State.GOOD
    assert finding.what.endswith("takes connections")


@pytest.mark.parametrize(
    ("url", "server"),
    [
        ("stun:a.example", Server("a.example", 3478, True)),
        ("turns:a.example", Server("a.example", 5349, False)),
        ("turn:a.example:99?transport=udp", Server("a.example", 99, True)),
        ("turn:[2001:db8::1]:99?transport=tcp", Server("2001:db8::1", 99, False)),
    ],
)
def test_addresses_are_read_as_browsers_read_them(url: str, server: Server) -> None:
    assert parse(url) == server


def test_an_address_that_is_none_is_refused() -> None:
    assert reached("stun:").state is State.ERROR
