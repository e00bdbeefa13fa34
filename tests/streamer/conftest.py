"""Fixtures of the streamer's tests."""

from __future__ import annotations

import socket
from pathlib import Path

import pytest

from tests.streamer.server_harness import presenters


@pytest.fixture(scope="session")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with one tiny presenter."""
    return presenters(tmp_path_factory.mktemp("presenters"))


@pytest.fixture
def unused_tcp_port() -> int:
    """One that nobody listened on a moment ago."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port: int = free.getsockname()[1]
        return port
