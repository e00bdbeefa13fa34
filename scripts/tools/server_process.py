"""Starts the real server as a process of its own and reads its cost."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

START_TIMEOUT_S = 60.0
TICKS_PER_S = os.sysconf("SC_CLK_TCK")


@dataclass(frozen=True, slots=True)
class Server:
    """A running server; pid is None when another process started it."""

    url: str
    pid: int | None

    def get(self, path: str) -> Any:
        with urllib.request.urlopen(self.url + path, timeout=10) as answer:
            return json.load(answer)

    def cpu_s(self) -> float | None:
        """User and system time used so far."""
        if self.pid is None:
            return None
        fields = Path(f"/proc/{self.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / TICKS_PER_S

    def memory_mb(self) -> float | None:
        """Resident set."""
        if self.pid is None:
            return None
        lines = Path(f"/proc/{self.pid}/status").read_text().splitlines()
        return next(int(line.split()[1]) / 1024 for line in lines if line.startswith("VmRSS"))

    def count(self, what: str) -> int:
        """Entries of /proc/PID/what: "fd" descriptors, "task" threads."""
        return len(os.listdir(f"/proc/{self.pid}/{what}"))


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


@contextmanager
def running(url: str | None, arguments: list[str]) -> Iterator[Server]:
    """The server at `url`, or a new one on a free port, ended afterwards.

    Raises:
        RuntimeError: it did not get ready; the message holds the end of its log.
    """
    if url is not None:
        yield Server(url.rstrip("/"), None)
        return
    port = free_port()
    command = [sys.executable, "-m", "lipcast", "serve", "--port", str(port), *arguments]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
    server = Server(f"http://127.0.0.1:{port}", process.pid)
    try:
        wait_ready(server, process)
        yield server
    finally:
        process.terminate()
        try:
            process.communicate(timeout=15)
        except subprocess.TimeoutExpired:
            process.kill()
            process.communicate()


def wait_ready(server: Server, process: subprocess.Popen[str]) -> None:
    deadline = time.monotonic() + START_TIMEOUT_S
    while time.monotonic() < deadline:
        if process.poll() is not None:
            _, errors = process.communicate()
            raise RuntimeError(f"the server ended at once:\n{errors[-2000:]}")
        try:
            server.get("/readyz")
        except (urllib.error.URLError, ConnectionError):
            time.sleep(0.02)
        else:
            return
    raise RuntimeError(f"the server was not ready in {START_TIMEOUT_S:.0f} s")
