"""The real server as a process of its own, which can be stopped, frozen and started again at the same address."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from pathlib import Path
from typing import Any

from scripts.tools.server_process import free_port

PATIENCE_S = 60.0  # a busy machine may take long; nothing here measures how long
CONFIG = """
[server]
max_sessions = {max_sessions}
[engine]
presenters = "{presenters}"
"""


class ServerProcess:
    """`start` before use, `stop` after. Its log is kept in the folder."""

    def __init__(self, folder: Path, presenters: Path, max_sessions: int) -> None:
        self._log = folder / "server.log"
        self._config = folder / "server.toml"
        self._config.write_text(CONFIG.format(max_sessions=max_sessions, presenters=presenters), encoding="utf-8")
        self._port = free_port()
        self._process: subprocess.Popen[bytes] | None = None
        self.url = f"http://127.0.0.1:{self._port}"

    def start(self) -> None:
        command = [sys.executable, "-m", "lipcast", "serve", "--port", str(self._port), "--config", str(self._config)]
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(command, stdout=log, stderr=log)
        self.wait(lambda: self.status("/readyz") == 200, "ready")

    def stop(self) -> None:
        if self._process is None:
            return
        self._process.terminate()
        try:
            self._process.wait(timeout=PATIENCE_S)
        finally:
            self._process.kill()
            self._process.wait()
            self._process = None

    def freeze(self) -> None:
        """From now on it does nothing, and nobody can tell that from a network that has gone."""
        self._signal(signal.SIGSTOP)

    def thaw(self) -> None:
        self._signal(signal.SIGCONT)

    def _signal(self, number: signal.Signals) -> None:
        assert self._process is not None, "the server does not run"
        os.kill(self._process.pid, number)

    def status(self, path: str) -> int:
        """The status of a GET; 0 if nobody answers."""
        try:
            with urllib.request.urlopen(self.url + path, timeout=10) as answer:
                return int(answer.status)
        except urllib.error.HTTPError as error:
            with error:
                return error.code
        except (urllib.error.URLError, ConnectionError, TimeoutError):
            return 0

    def get(self, path: str) -> Any:
        with urllib.request.urlopen(self.url + path, timeout=10) as answer:
            return json.load(answer)

    def wait(self, holds: Callable[[], bool], what: str) -> None:
        deadline = time.monotonic() + PATIENCE_S
        while not holds():
            runs = self._process is not None and self._process.poll() is None
            if not runs or time.monotonic() > deadline:
                raise AssertionError(f"the server is not {what}; its log:\n{self.log()[-3000:]}")
            time.sleep(0.05)

    def log(self) -> str:
        return self._log.read_text(encoding="utf-8")
