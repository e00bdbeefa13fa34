"""The server as a process of its own: it stops when told to, whatever hangs, and ends when it can serve no more."""

from __future__ import annotations

import asyncio
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import IO

import httpx
import pytest
import uvicorn

from streamer.http.serving import EndingServer
from tests.streamer.server_harness import AVATAR
from tests.streamer.webrtc.offers import CHROMIUM, VIEWER

pytestmark = [pytest.mark.anyio]

ROOT = Path(__file__).parents[3]
DRAIN_S = 1.0
LIMIT_S = DRAIN_S + 5.0  # from SIGTERM to the end of the process
PATIENCE_S = 30.0  # a busy machine is slow to start

SERVER = """
import socket, sys, time
from pathlib import Path
from engines.loader import Presenters
from streamer.config import Config, ServerConfig
from streamer.http.serving import serve_until_stopped
from streamer.server.sessions import Sessions
from streamer.scheduling.engine_worker import Worker
from streamer.wiring import Runtime
from lipcast.testing import FakeEngine

fault, port, folder = sys.argv[1], int(sys.argv[2]), Path(sys.argv[3])
engine = FakeEngine()
if fault == "hung engine":
    engine.step = lambda steps: time.sleep(3600)
if fault == "lost viewer":
    async def broken(*_):
        raise KeyError("broken")
    Sessions._remove_viewer = broken
if fault == "lost worker":
    Worker._next_batch = lambda self: {}["lost"]
load = (lambda config: time.sleep(3600)) if fault == "loading" else lambda config: Runtime(engine, Presenters(folder))
config = Config(server=ServerConfig(drain_s=1.0, max_sessions=4))
sys.exit(serve_until_stopped(config, [socket.create_server(("127.0.0.1", port))], 2048, load))
"""


class ServerProcess:
    """One that runs, and a client of it."""

    def __init__(self, process: asyncio.subprocess.Process, client: httpx.AsyncClient) -> None:
        self.process, self.client = process, client

    async def statuses(self) -> tuple[int, int]:
        return tuple([(await self.client.get(path)).status_code for path in ("/livez", "/readyz")])  # type: ignore[return-value]

    async def join(self) -> httpx.Response:
        return await self.client.post("/api/sessions", json={"type": "offer", "sdp": CHROMIUM, "avatar": AVATAR})

    async def wait_for(self, wanted: Callable[[tuple[int, int]], bool]) -> None:
        async with asyncio.timeout(PATIENCE_S):
            while True:
                try:
                    if wanted(await self.statuses()):
                        return
                except httpx.TransportError:
                    assert self.process.returncode is None, "the server ended before it was ready"
                await asyncio.sleep(0.02)

    async def stop(self, sent: int = signal.SIGTERM) -> float:
        """Returns the seconds that it took."""
        began = time.monotonic()
        self.process.send_signal(sent)
        async with asyncio.timeout(PATIENCE_S):
            await self.process.wait()
        return time.monotonic() - began


@asynccontextmanager
async def serving(
    fault: str, folder: Path, port: int, log: IO[bytes] | int = asyncio.subprocess.DEVNULL
) -> AsyncIterator[ServerProcess]:
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-c", SERVER, fault, str(port), str(folder), cwd=ROOT, stderr=log
    )
    try:
        async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}", timeout=3.0) as client:
            yield ServerProcess(process, client)
    finally:
        if process.returncode is None:
            process.kill()
        await process.wait()


async def nothing_served(scope: object, receive: object, send: object) -> None:
    """An application that answers nothing."""


def test_a_server_that_has_stopped_ends_the_process_no_more() -> None:
    ends: list[str] = []
    config = uvicorn.Config(nothing_served, lifespan="off", log_config=None, loop="asyncio")
    server = EndingServer(config, 3600.0, ends.append)
    server.fail()
    with socket.create_server(("127.0.0.1", 0)) as listener:
        server.run([listener])
    timers = [thread for thread in threading.enumerate() if isinstance(thread, threading.Timer)]
    for timer in timers:
        timer.join(PATIENCE_S)
    assert not any(timer.is_alive() for timer in timers)
    assert ends == []


def test_the_process_ends_even_if_its_messages_cannot_be_written() -> None:
    program = "import sys; from streamer.http.serving import exit_now; sys.stderr.close(); exit_now(7)"
    assert subprocess.run([sys.executable, "-c", program], cwd=ROOT, check=False).returncode == 7


@pytest.mark.parametrize("sent", [signal.SIGTERM, signal.SIGINT])
async def test_a_hung_engine_is_noticed_and_does_not_keep_the_process(
    folder: Path, unused_tcp_port: int, sent: int
) -> None:
    async with serving("hung engine", folder, unused_tcp_port) as server:
        await server.wait_for(lambda found: found == (200, 200))
        url = (await server.join()).json()["url"]
        assert (await server.client.post(url + "/interrupt")).status_code == 204
        await server.wait_for(lambda found: found == (503, 503))
        assert (await server.client.get(url)).status_code in (404, 410)
        assert (await server.join()).status_code == 503
        assert await server.stop(sent) < LIMIT_S
        assert server.process.returncode != 0


@pytest.mark.parametrize(("sent", "status"), [(signal.SIGTERM, -signal.SIGTERM), (signal.SIGINT, 0)])
async def test_a_server_that_is_loading_stops_at_once(
    folder: Path, unused_tcp_port: int, sent: int, status: int
) -> None:
    """Nothing of Python is taken down beneath the thread that loads: native code in it would abort the process."""
    async with serving("loading", folder, unused_tcp_port) as server:
        await server.wait_for(lambda found: found == (200, 503))
        assert await server.stop(sent) < LIMIT_S
        assert server.process.returncode == status


async def test_a_mistake_with_one_viewer_leaves_a_server_that_serves(folder: Path, unused_tcp_port: int) -> None:
    async with serving("lost viewer", folder, unused_tcp_port) as server:
        await server.wait_for(lambda found: found == (200, 200))
        first, second = (await server.join()).json(), (await server.join()).json()
        watching = await server.client.post("/api" + first["watch_url"], json={"type": "offer", "sdp": VIEWER})
        assert watching.status_code == 201
        await server.client.delete(first["url"])  # removes the viewer, which fails
        await server.wait_for(lambda found: found == (200, 200))
        assert (await server.client.get(second["url"])).status_code == 200
        assert (await server.join()).status_code == 201
        assert await server.stop() < LIMIT_S


async def test_a_server_that_can_serve_no_more_ends_with_an_exit_status(folder: Path, unused_tcp_port: int) -> None:
    async with serving("lost worker", folder, unused_tcp_port) as server:
        await server.wait_for(lambda found: found == (200, 200))
        await server.join()
        async with asyncio.timeout(PATIENCE_S):
            await server.process.wait()
        assert server.process.returncode == 1


@pytest.mark.parametrize("hangs_up", [False, True])
async def test_a_body_that_still_comes_in_at_the_end_logs_no_traceback(
    folder: Path, unused_tcp_port: int, hangs_up: bool, tmp_path: Path
) -> None:
    head = "POST /api/sessions HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 9\r\n\r\n{"
    with (tmp_path / "log").open("wb") as log:
        async with serving("none", folder, unused_tcp_port, log) as server:
            await server.wait_for(lambda found: found == (200, 200))
            answer, body = await asyncio.open_connection("127.0.0.1", unused_tcp_port)
            body.write(head.encode())
            await body.drain()
            await server.statuses()  # the server has read what came before
            if hangs_up:
                body.close()
                await body.wait_closed()
            assert await server.stop() < LIMIT_S
            if not hangs_up:
                assert (await answer.readline()).split()[1] == b"503"
                body.close()
    assert "Traceback" not in (tmp_path / "log").read_text()
