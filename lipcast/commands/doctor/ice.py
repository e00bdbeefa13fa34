"""Checks that the configured STUN and TURN servers answer; contacts no other."""

from __future__ import annotations

import re
import socket
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from aioice import stun

from lipcast.commands.doctor.finding import Finding, error, good
from lipcast.commands.doctor.network import MEDIA
from streamer.config import IceServer

TRIES = 3  # a datagram may be lost
PATIENCE_S = 0.7  # for each
PORTS = {"stun": 3478, "turn": 3478, "stuns": 5349, "turns": 5349}  # RFC 7064 and RFC 7065, section 3.2
LONGEST_ANSWER = 2048  # bytes
URL = re.compile(r"(?P<scheme>stuns?|turns?):(?P<host>\[[^\]]+\]|[^:?]+)(:(?P<port>\d+))?(\?transport=(?P<by>\w+))?")
FIX = "check the address and the firewall, or take the server out of webrtc.ice_servers"


@dataclass(frozen=True, slots=True)
class Server:
    host: str
    port: int
    datagrams: bool  # or a connection, TCP or TLS


def ice_servers(servers: Sequence[IceServer]) -> Iterator[Finding]:
    if not servers:
        yield good(MEDIA, "no STUN or TURN server is configured: none is needed inside one network")
    for url in (url for server in servers for url in server.urls):
        yield reached(url)


def reached(url: str, patience_s: float = PATIENCE_S) -> Finding:
    server = parse(url)
    if server is None:
        return error(MEDIA, f"{url}: not the address of a STUN or TURN server", 'write it as "stun:host:3478"')
    try:
        answer = bind(server, patience_s) if server.datagrams else connect(server, patience_s)
    except OSError as problem:
        return error(MEDIA, f"{url}: no answer ({problem.strerror or 'timed out'})", FIX)
    return good(MEDIA, f"{url} {answer}")


def parse(url: str) -> Server | None:
    match = URL.fullmatch(url)
    if match is None:
        return None
    scheme = match["scheme"]
    datagrams = not scheme.endswith("s") and match["by"] != "tcp"
    return Server(match["host"].strip("[]"), int(match["port"] or PORTS[scheme]), datagrams)


def connect(server: Server, patience_s: float) -> str:
    with socket.create_connection((server.host, server.port), TRIES * patience_s):
        return "takes connections"


def bind(server: Server, patience_s: float) -> str:
    """A Binding request (RFC 8489, section 14.1): the cheapest question; TURN servers answer it too.

    Raises:
        OSError: no answer came.
    """
    family, kind, protocol, _, address = socket.getaddrinfo(server.host, server.port, type=socket.SOCK_DGRAM)[0]
    request = stun.Message(message_method=stun.Method.BINDING, message_class=stun.Class.REQUEST)
    with socket.socket(family, kind, protocol) as datagrams:
        datagrams.settimeout(patience_s)
        datagrams.connect(address)
        for _ in range(TRIES):
            datagrams.send(bytes(request))
            try:
                answer = stun.parse_message(datagrams.recv(LONGEST_ANSWER))
            except TimeoutError:
                continue
            except ValueError as problem:
                raise OSError(f"what answers is no STUN server: {problem}") from problem
            return f"answers; it sees this machine as {seen_as(answer)}"
    raise TimeoutError


def seen_as(answer: stun.Message) -> str:
    address = answer.attributes.get("XOR-MAPPED-ADDRESS")
    return str(address[0]) if address else "an address it does not tell"
