"""Examines ports, addresses and the page's right to the microphone. Contacts nothing outside this machine."""

from __future__ import annotations

import ipaddress
import socket
from collections.abc import Iterator, Sequence

from aioice.ice import get_host_addresses

from lipcast.commands.doctor.finding import Finding, error, good, warning
from lipcast.commands.serve import PortError, listen, url_of
from streamer.config import ServerConfig

HTTP = "Page"
MEDIA = "Audio and video"


def http_port(server: ServerConfig) -> Iterator[Finding]:
    where = f"{server.host} port {server.port}"
    try:
        listeners = listen(server.host, server.port)
    except PortError as problem:
        yield error(HTTP, f"{where}: {problem.reason}", problem.fix)
        return
    for listener in listeners:
        listener.close()
    yield good(HTTP, f"{where} is free")


def microphone(server: ServerConfig) -> Iterator[Finding]:
    """Browsers give the microphone to secure contexts only: https, or this very machine."""
    if is_loopback(server.host):
        yield good(HTTP, f"{url_of(server.host, server.port)} may use the microphone (on this machine)")
    else:
        yield warning(
            HTTP,
            f"{server.host}: browsers on other machines get the microphone over https only",
            "put a proxy that speaks TLS in front (see configs/lan.toml); on this machine,"
            f" http://localhost:{server.port} works",
        )


def is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost" or host.endswith(".localhost")


def media_addresses() -> Iterator[Finding]:
    yield from offered(get_host_addresses(use_ipv4=True, use_ipv6=True))


def offered(addresses: Sequence[str]) -> Iterator[Finding]:
    """addresses: those which the WebRTC library offers to browsers, that is all but loopback."""
    if not addresses:
        yield error(
            MEDIA,
            "this machine has no address but loopback, so none is offered and no browser can connect, not even here",
            "connect a network; in a container, give it one",
        )
    for address in addresses:
        if refusal := udp_refusal(address):
            yield error(MEDIA, f"{address}: {refusal}", "allow UDP sockets, or take the address away")
        else:
            yield good(MEDIA, f"{address} is offered to browsers, at UDP ports that the system chooses")


def udp_refusal(address: str) -> str:
    """Why no UDP socket can be opened at an address; empty if one can."""
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    try:
        with socket.socket(family, socket.SOCK_DGRAM) as datagrams:
            datagrams.bind((address, 0))
    except OSError as problem:
        return problem.strerror or str(problem)
    return ""
