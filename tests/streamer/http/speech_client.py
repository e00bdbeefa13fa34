"""A WebSocket client without a network: it speaks ASGI with the application on its loop, so the clock may be fake."""

from __future__ import annotations

import asyncio
import json
from collections import deque
from types import TracebackType
from typing import Any

from starlette.types import Message

from lipcast.testing import FakeClock, settle
from streamer.http.speech_messages import PROTOCOL
from tests.streamer.server_harness import ServerHarness


class SpeechClient:
    """`async with` opens the socket at `path` and drops it. said: what the server has sent, as objects."""

    def __init__(
        self,
        harness: ServerHarness,
        path: str,
        protocols: tuple[str, ...] = (PROTOCOL,),
        origin: str | None = None,
        query: str = "",
    ) -> None:
        self._harness = harness
        headers = [(b"host", b"lipcast")] + ([(b"origin", origin.encode())] if origin else [])
        self._scope = {
            "type": "websocket",
            "path": path,
            "raw_path": path.encode(),
            "root_path": "",
            "query_string": query.encode(),
            "headers": headers,
            "subprotocols": list(protocols),
            "scheme": "ws",
            "extensions": {"websocket.http.response": {}},
        }
        self._to_server: asyncio.Queue[Message] = asyncio.Queue(1000)
        self.reads = asyncio.Event()  # cleared: the client reads nothing, so the server's sends do not return
        self.reads.set()
        self.accepted: Message | None = None
        self.refused: int | None = None  # an HTTP status
        self.closed: tuple[int, str] | None = None
        self.said: deque[dict[str, Any]] = deque(maxlen=5000)

    async def __aenter__(self) -> SpeechClient:
        self._to_server.put_nowait({"type": "websocket.connect"})
        self._serving = asyncio.create_task(self._harness.app(self._scope, self._to_server.get, self._take))
        await settle()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.drop()

    async def drop(self) -> None:
        """The connection breaks."""
        self._to_server.put_nowait({"type": "websocket.disconnect", "code": 1006})
        await self._harness.pass_until(self._serving.done)
        self._serving.result()

    async def _take(self, message: Message) -> None:
        await self.reads.wait()
        match message["type"]:
            case "websocket.accept":
                self.accepted = message
            case "websocket.send":
                self.said.append(json.loads(message["text"]))
            case "websocket.close":
                self.closed = (message["code"], message["reason"])
            case "websocket.http.response.start":
                self.refused = message["status"]

    async def send(self, **message: Any) -> None:
        await self.send_text(json.dumps(message))

    async def send_text(self, text: str) -> None:
        self._to_server.put_nowait({"type": "websocket.receive", "text": text})
        await settle()

    async def send_audio(self, pcm: bytes) -> None:
        self._to_server.put_nowait({"type": "websocket.receive", "bytes": pcm})
        await settle()

    @property
    def unread(self) -> int:
        """Messages that the server has not taken."""
        return self._to_server.qsize()

    async def wait(self, seconds: float) -> None:
        assert isinstance(self._harness.clock, FakeClock)
        await self._harness.clock.advance(seconds)

    def of(self, kind: str) -> list[dict[str, Any]]:
        return [message for message in self.said if message["type"] == kind]

    @property
    def errors(self) -> list[str]:
        return [message["detail"] for message in self.of("error")]
