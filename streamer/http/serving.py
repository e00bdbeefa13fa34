"""Runs the server as a process, and sees to it that the process ends when it is told to."""

from __future__ import annotations

import logging
import math
import os
import socket
import sys
import threading
from collections.abc import Callable
from contextlib import suppress
from types import FrameType
from typing import NoReturn

import uvicorn

from streamer.config import Config
from streamer.http.app import LOADING, create_app
from streamer.http.speech_socket import MAX_TEXT_BYTES
from streamer.wiring import Runtime, load_runtime

log = logging.getLogger(__name__)

BEYOND_DRAIN_S = 4.0  # after the time to drain: threads that stop; then the process ends whatever runs
FAILED = 1  # exit status: the server could serve no more, or a thread of it was stuck


class EndingServer(uvicorn.Server):
    """One that calls `end` with the reason when it still runs `limit_s` seconds after it was told to stop."""

    def __init__(self, config: uvicorn.Config, limit_s: float, end: Callable[[str], object]) -> None:
        super().__init__(config)
        self._timer = threading.Timer(limit_s, end, (f"the server did not stop within {limit_s:g} s",))
        self._timer.daemon = True
        self.failed = False

    def run(self, sockets: list[socket.socket] | None = None) -> None:
        """Serve until told to stop. The limit holds until the event loop has closed, and no longer."""
        try:
            super().run(sockets)
        finally:
            self._timer.cancel()

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        self._limit()
        super().handle_exit(sig, frame)

    def fail(self) -> None:
        """The application can serve no more."""
        self.failed = True
        self._limit()
        self.should_exit = True

    def _limit(self) -> None:
        if not self._timer.ident:
            self._timer.start()


def serve_until_stopped(
    config: Config,
    listeners: list[socket.socket],
    backlog: int,
    load: Callable[[Config], Runtime] = load_runtime,
) -> int:
    """Serve until told to stop; returns the exit status.

    listeners: what to accept connections from; backlog: how many may wait for that; load: makes the engine and the
    presenters.
    """
    before = set(threading.enumerate())  # threads of the embedding program are not the server's to end
    holder: list[EndingServer] = []
    app = create_app(config, load=load, on_failure=lambda: holder[0].fail())
    server = EndingServer(
        uvicorn.Config(
            app,
            loop=config.server.loop,
            log_config=None,
            access_log=False,
            server_header=False,
            root_path=config.server.root_path,
            timeout_graceful_shutdown=math.ceil(config.server.drain_s),
            backlog=backlog,
            ws_max_size=MAX_TEXT_BYTES,
            ws_per_message_deflate=False,  # it costs more than it saves of audio, and opens a door to bombs
        ),
        config.server.drain_s + BEYOND_DRAIN_S,
        end_process,
    )
    holder.append(server)
    try:
        with suppress(KeyboardInterrupt):  # uvicorn raises it again, once it has stopped for Ctrl-C
            server.run(listeners)
    finally:
        stuck = [thread.name for thread in set(threading.enumerate()) - before if not thread.daemon]
        if stuck:
            end_process(f"threads that do not end: {', '.join(stuck)}")
    status = FAILED if server.failed or not server.started else 0
    if any(thread.name == LOADING for thread in set(threading.enumerate()) - before):
        # Told to stop while it loads. The thread is in native code, which aborts when Python is taken down beneath it.
        exit_now(status)
    return status


def end_process(why: str) -> None:
    """At once: Python waits for its threads, and cannot stop one that hangs."""
    log.critical("%s: the process ends now", why)
    exit_now(FAILED)


def exit_now(status: int) -> NoReturn:
    """Without waiting for any thread, and even if nothing can be written any more."""
    try:
        logging.shutdown()
        sys.stderr.flush()
    finally:
        os._exit(status)
