"""`lipcast serve`: takes the port first, so that what is wrong with it is said at once, then runs the server."""

from __future__ import annotations

import errno
import importlib.util
import ipaddress
import os
import socket
import sys

from lipcast.commands.errors import CommandError
from streamer.config import Config
from streamer.http.serving import serve_until_stopped
from streamer.logs import configure_logs

BACKLOG = 2048  # connections that wait to be accepted: uvicorn's own number
FIXES = {
    errno.EADDRINUSE: "something listens there already, perhaps Lipcast itself: stop it, or choose another --port",
    errno.EACCES: "ports below 1024 are the administrator's: choose a --port above, or put a proxy in front",
    errno.EADDRNOTAVAIL: "this machine has no such address: choose another --host, such as 127.0.0.1",
}
OTHER_FIX = "choose another --host or --port"


class PortError(CommandError):
    """The server cannot listen. reason: what is wrong; fix: what to do."""

    def __init__(self, host: str, port: int, reason: str, fix: str) -> None:
        super().__init__(f"{host} port {port}: {reason}; {fix}")
        self.reason, self.fix = reason, fix


def serve(config: Config) -> int:
    """Run the server until a signal ends it. Returns the exit status.

    Raises:
        CommandError: it cannot listen, or the event loop is not installed; nothing has been loaded then.
    """
    if config.server.loop == "uvloop" and not importlib.util.find_spec("uvloop"):
        raise CommandError(
            'server.loop = "uvloop": it is not installed; pip install uvloop, or serve with --loop asyncio'
        )
    configure_logs(config.log)
    listeners = listen(config.server.host, config.server.port)
    sys.stderr.write(f"Lipcast serves {url_of(config.server.host, listeners[0].getsockname()[1])}\n")
    return serve_until_stopped(config, listeners, BACKLOG)


def listen(host: str, port: int) -> list[socket.socket]:
    """Sockets that listen at every address of the host, all at one port; port 0 is one that the system chooses.

    Raises:
        PortError: with the reason and the fix.
    """
    listeners: list[socket.socket] = []
    try:
        for family, kind, protocol, _, address in socket.getaddrinfo(
            host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        ):
            listener = socket.socket(family, kind, protocol)
            listeners.append(listener)
            if os.name == "posix":  # elsewhere it would let two servers share the port
                listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            if family == socket.AF_INET6:
                listener.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
            listener.bind((address[0], port, *address[2:]))
            listener.listen(BACKLOG)
            port = listener.getsockname()[1]
    except OSError as error:
        for listener in listeners:
            listener.close()
        if isinstance(error, socket.gaierror):
            raise PortError(host, port, f"not known ({error.strerror})", FIXES[errno.EADDRNOTAVAIL]) from error
        reason, fix = error.strerror or str(error), FIXES.get(error.errno or 0, OTHER_FIX)
        raise PortError(host, port, reason, fix) from error
    return listeners


def url_of(host: str, port: int) -> str:
    """A URL that a browser on this machine can open; an address that means all of them becomes localhost."""
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return f"http://{host}:{port}"
    if address.is_unspecified:
        return f"http://localhost:{port} and at this machine's other addresses"
    return f"http://[{address}]:{port}" if address.version == 6 else f"http://{address}:{port}"
