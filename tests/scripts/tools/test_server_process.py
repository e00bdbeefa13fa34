"""The server as a process, without starting one: what is read of it, and servers that never get ready."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from scripts.tools.chromium import CHROMIUM, FLAGS, chromium_path
from scripts.tools.server_process import Server, free_port, running, wait_ready


def test_a_free_port_can_be_bound() -> None:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", free_port()))


def test_cost_is_read_of_the_process() -> None:
    own = Server("http://nowhere", os.getpid())
    memory, cpu = own.memory_mb(), own.cpu_s()
    assert memory is not None
    assert cpu is not None
    assert 10 < memory < 10_000
    assert cpu > 0
    before = own.count("fd")
    with Path("/dev/null").open():
        assert own.count("fd") == before + 1
    assert own.count("task") >= 1


def test_a_server_of_somebody_else_has_no_cost() -> None:
    with running("http://example.invalid/", []) as server:
        assert server.url == "http://example.invalid"
        assert server.cpu_s() is None
        assert server.memory_mb() is None


def test_a_server_that_ends_at_once_is_told_with_its_log() -> None:
    code = "import sys; print('no such avatar', file=sys.stderr); sys.exit(3)"
    with subprocess.Popen([sys.executable, "-c", code], stderr=subprocess.PIPE, text=True) as process:
        process.wait()
        with pytest.raises(RuntimeError, match="no such avatar"):
            wait_ready(Server(f"http://127.0.0.1:{free_port()}", process.pid), process)


def test_chromium_is_found_or_its_absence_said() -> None:
    if any(Path(path).exists() for path in CHROMIUM):
        assert Path(chromium_path()).exists()
    else:
        with pytest.raises(RuntimeError, match="install Debian's package chromium"):
            chromium_path()
    assert all(flag.startswith("--") for flag in FLAGS)
