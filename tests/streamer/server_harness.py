"""The whole server without a port: real routes and connections, a fake engine, a tiny presenter, a fake clock."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from concurrent.futures import Executor
from pathlib import Path
from types import TracebackType
from typing import Any

import httpx

from engines.loader import Presenters
from lipcast.testing import FakeClock, FakeEngine, FakeExecutor
from streamer.clock import Clock
from streamer.config import Config
from streamer.http.app import create_app
from streamer.http.server_state import Server
from streamer.threads import thread_pool
from streamer.wiring import Runtime
from tests.engines.face import tiny_avatar
from tests.streamer.webrtc.call import until
from tests.streamer.webrtc.offers import CHROMIUM, VIEWER

AVATAR = "tiny"


def presenters(folder: Path) -> Path:
    """A folder with one presenter."""
    tiny_avatar.save(folder / AVATAR)
    return folder


class ServerHarness:
    """`async with` starts the server and stops it; `get`, `post`, … are requests to it.

    folder: with presenters; load: in place of loading the fake engine, in a thread.
    """

    def __init__(
        self,
        folder: Path,
        config: Config | None = None,
        clock: Clock | None = None,
        load: Callable[[], object] = lambda: None,
    ) -> None:
        self.engine = FakeEngine()
        self.clock = clock or FakeClock()
        self._load = load
        self._folder = folder
        self.threads: dict[str, Executor] = {}  # by name, the latest of each
        self.failures = 0  # times that the server asked for the end of the process
        self.app = create_app(config or Config(), self.clock, self._stage, self._fail, self._executor)
        transport = httpx.ASGITransport(self.app, raise_app_exceptions=False)
        self.client = httpx.AsyncClient(transport=transport, base_url="http://lipcast")
        self.get, self.post = self.client.get, self.client.post
        self.patch, self.delete = self.client.patch, self.client.delete

    def _fail(self) -> None:
        self.failures += 1

    def _executor(self, count: int, name: str) -> Executor:
        """Threads where the clock is real: where it is not, a call takes none of its time."""
        fake = isinstance(self.clock, FakeClock)
        self.threads[name] = FakeExecutor(self.clock) if fake else thread_pool(count, name)  # type: ignore[arg-type]
        return self.threads[name]

    def _stage(self, config: Config) -> Runtime:
        self._load()
        return Runtime(self.engine, Presenters(self._folder))

    @property
    def server(self) -> Server:
        server: Server = self.app.state.server
        return server

    async def __aenter__(self) -> ServerHarness:
        self._started, self._stopping = asyncio.Event(), asyncio.Event()
        self._life = asyncio.create_task(self._live())
        await self._started.wait()
        return self

    async def _live(self) -> None:
        async with self.app.router.lifespan_context(self.app):
            self._started.set()
            await self._stopping.wait()

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stopping.set()
        await self.pass_until(self._life.done)
        self._life.result()
        await self.client.aclose()

    async def ready(self) -> ServerHarness:
        await until(lambda: self.server.sessions is not None or self.server.broken)
        return self

    async def pass_until(self, condition: Callable[[], object]) -> None:
        """Let time pass, where it is fake, until something has happened."""

        def passed() -> object:
            return condition()

        clock = self.clock
        if not isinstance(clock, FakeClock):
            await until(passed)
            return
        async with asyncio.timeout(10):
            while not condition():
                await clock.advance(0.02)
                await asyncio.sleep(0.001)

    async def join(self, sdp: str = CHROMIUM, **more: Any) -> httpx.Response:
        body = json.dumps({"type": "offer", "sdp": sdp, "avatar": AVATAR} | more)
        return await self.post("/api/sessions", content=body, headers={"content-type": "application/json"})

    async def watch(self, url: str, sdp: str = VIEWER) -> httpx.Response:
        return await self.post(f"/api{url}", json={"type": "offer", "sdp": sdp})

    def value(self, name: str, **labels: str) -> float | None:
        return self.server.metrics.registry.get_sample_value(f"lipcast_{name}", labels)
