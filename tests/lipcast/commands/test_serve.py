"""`lipcast serve` says what is wrong with its port before anything else, and a URL that can be opened."""

from __future__ import annotations

import logging
import os
import re
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing, contextmanager
from urllib.request import urlopen

import pytest

from lipcast.cli import main
from lipcast.commands.serve import PortError, listen, url_of
from streamer.logs import NOISY


@pytest.fixture(autouse=True)
def same_logging() -> Iterator[None]:
    """The command sets up its process's logging; here the process goes on with other tests."""
    root = logging.getLogger()
    before = (root.handlers[:], root.level)
    noisy = {name: logging.getLogger(name).level for name in NOISY}
    yield
    root.handlers[:], root.level = before
    for name, level in noisy.items():
        logging.getLogger(name).setLevel(level)


@contextmanager
def taken(host: str = "127.0.0.1") -> Iterator[int]:
    """A port at which something listens."""
    with closing(listen(host, 0)[0]) as listener:
        yield listener.getsockname()[1]


def test_a_port_in_use_is_said_in_one_line_before_anything_is_loaded(capsys: pytest.CaptureFixture[str]) -> None:
    with taken() as port:
        assert main(["serve", "--port", str(port), "--pack", "/nowhere"]) == 1
    error = capsys.readouterr().err
    assert error.startswith(f"lipcast: 127.0.0.1 port {port}: Address already in use; something listens there already")
    assert error.count("\n") == 1


def test_an_address_of_another_machine_is_said(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["serve", "--host", "192.0.2.1"]) == 1
    assert "this machine has no such address" in capsys.readouterr().err


def test_a_name_that_nobody_knows_is_said() -> None:
    with pytest.raises(PortError, match=r"nobody\.invalid port 80: not known"):
        listen("nobody.invalid", 80)


def test_all_addresses_of_a_name_share_one_port() -> None:
    listeners = listen("localhost", 0)
    try:
        assert len({listener.getsockname()[1] for listener in listeners}) == 1
    finally:
        for listener in listeners:
            listener.close()


@pytest.mark.parametrize(
    ("host", "url"),
    [
        ("127.0.0.1", "http://127.0.0.1:80"),
        ("::1", "http://[::1]:80"),
        ("example.org", "http://example.org:80"),
        ("0.0.0.0", "http://localhost:80 and at this machine's other addresses"),
        ("::", "http://localhost:80 and at this machine's other addresses"),
    ],
)
def test_the_url_can_be_opened(host: str, url: str) -> None:
    assert url_of(host, 80) == url


@pytest.mark.slow
@pytest.mark.parametrize("host", ["127.0.0.1", "::1"])
def test_the_url_that_is_said_is_served(host: str) -> None:
    if ":" in host and not socket.has_ipv6:
        pytest.skip("no IPv6 on this machine")
    command = [sys.executable, "-m", "lipcast", "serve", "--host", host, "--port", "0", "--engine", "warp"]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True, env={**os.environ, "NO_COLOR": ""}) as server:
        assert server.stderr is not None
        said = re.fullmatch(r"Lipcast serves (http://\S+:\d+)\n", server.stderr.readline())
        assert said, "the URL comes first"
        try:
            with urlopen(f"{said[1]}/livez", timeout=20) as response:
                assert response.status == 200
        finally:
            server.send_signal(signal.SIGINT)
        log = server.stderr.read()
    assert "\x1b" not in log
    assert server.returncode == 0
