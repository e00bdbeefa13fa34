"""A small client of a Lipcast server for programs that speak through a presenter. Needs httpx and websockets alone.

    async with Client("http://127.0.0.1:8080") as client, client.join("helen") as presenter:
        print(presenter.watch_url)
        await presenter.say("Hello, world.")
        async with presenter.turn(rate=24_000) as turn:
            await turn.push(pcm)  # 16-bit mono; waits while the server has enough
        print(await turn.finished())

Everything that can go wrong raises LipcastError with the server's own words.
"""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import json
from collections import deque
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any
from urllib.parse import urljoin

import httpx
import websockets
from websockets.asyncio.client import ClientConnection, connect

PROTOCOL = "lipcast.speech.v1"
TIMEOUT_S = 30.0  # for the server to begin a session: a presenter may have to be decoded
REUSE_S = 2.0  # an idle connection is used again; the server closes it after 5 s, which may cross a request
AHEAD = 0.8  # of the server's window: a cancel must not wait behind audio for which there is no room
MESSAGE = 32_768  # bytes of audio sent at once
LOOK_EVERY_S = 0.5  # between two looks for viewers
MAX_EVENTS = 1_000  # that wait for `events` to be read; beyond that the oldest is dropped


class LipcastError(Exception):
    """The server refuses, or cannot be reached; the message says why and how to fix it."""


@dataclass(frozen=True, slots=True)
class Finished:
    """A turn's end. interrupted: not all of it was played."""

    turn: str
    played_ms: int
    interrupted: bool


@dataclass(frozen=True, slots=True)
class Event:
    """Anything the server says: type is "started", "progress", "caption", "finished" or "error"; fields are its own."""

    type: str
    turn: str | None
    fields: dict[str, Any]


class Client:
    """url: of the server, such as "http://127.0.0.1:8080"; a path prefix is kept."""

    def __init__(self, url: str = "http://127.0.0.1:8080") -> None:
        self._url = url.rstrip("/")
        self._http = httpx.AsyncClient(timeout=TIMEOUT_S, limits=httpx.Limits(keepalive_expiry=REUSE_S))

    async def __aenter__(self) -> Client:
        return self

    async def __aexit__(self, *error: object) -> None:
        await self._http.aclose()

    async def avatars(self) -> list[str]:
        """The names of the presenters."""
        return [each["name"] for each in (await self.ask("GET", f"{self._url}/api/avatars"))["avatars"]]

    @asynccontextmanager
    async def join(self, avatar: str | None = None) -> AsyncIterator[Presenter]:
        """A session of a presenter, by default the first, until the block is left.

        Raises:
            LipcastError
        """
        name = avatar or (await self.avatars())[0]
        made = await self.ask("POST", f"{self._url}/api/sessions", {"source": "pcm", "avatar": name})
        url = urljoin(self._url, made["url"])  # the server's links begin with the prefix under which it is shown
        try:
            async with Presenter(self, await self._connect(url), url, urljoin(self._url, made["watch_url"])) as joined:
                yield joined
        finally:
            with contextlib.suppress(LipcastError):  # it has ended already
                await self.ask("DELETE", url)

    async def _connect(self, url: str) -> ClientConnection:
        address = f"{url}/speech".replace("http", "ws", 1)
        try:
            return await connect(address, subprotocols=[websockets.Subprotocol(PROTOCOL)], compression=None)
        except (OSError, websockets.WebSocketException) as error:
            raise LipcastError(f"{address}: {error}") from error

    async def ask(self, method: str, url: str, body: dict[str, Any] | None = None) -> Any:
        """One call of the HTTP interface, JSON in and out.

        Raises:
            LipcastError
        """
        try:
            answer = await self._http.request(method, url, json=body)
        except httpx.HTTPError as error:
            why = str(error) or type(error).__name__
            raise LipcastError(f"{method} {url}: {why}; does `lipcast serve` run there?") from error
        if answer.is_error:
            raise LipcastError(f"{method} {url}: {answer.status_code} {detail_of(answer)}")
        return answer.json() if answer.content else None


class Presenter:
    """A session that speaks what it is given. Made by Client.join."""

    def __init__(self, client: Client, socket: ClientConnection, url: str, watch_url: str) -> None:
        self.url = url
        self.watch_url = watch_url
        self._client = client
        self._socket = socket
        self._window_ms = 10_000
        self._numbers = itertools.count(1)
        self._turns: dict[str, asyncio.Future[Finished]] = {}
        self._played_ms: dict[str, int] = {}
        self._changed = asyncio.Event()  # set with every message: whoever waits looks again
        self._events: deque[Event] = deque(maxlen=MAX_EVENTS)
        self._failures: dict[str, str] = {}
        self._lost = ""  # why the socket has closed
        self._open = ""  # the turn whose audio the socket takes

    async def __aenter__(self) -> Presenter:
        self._tasks = asyncio.TaskGroup()
        await self._tasks.__aenter__()
        self._reading = self._tasks.create_task(self._read())
        return self

    async def __aexit__(self, *error: object) -> None:
        with contextlib.suppress(websockets.WebSocketException, OSError):
            await self._socket.close()
        self._reading.cancel()
        await self._tasks.__aexit__(None, None, None)  # the caller's error is its own, and no group

    async def say(self, text: str, voice: str | None = None, *, wait: bool = True) -> Finished | None:
        """Have the server's voice say a text; waits until it has been said, unless told not to.

        Raises:
            LipcastError: the voice has failed, or there is none.
        """
        turn = self._begin()
        await self._send({"type": "say", "turn": turn, "text": text} | ({"voice": voice} if voice else {}))
        return await self.finished(turn) if wait else None

    @asynccontextmanager
    async def turn(self, rate: int = 24_000) -> AsyncIterator[Turn]:
        """One utterance: ended when the block is left, cancelled if by an exception. rate: of its audio, Hz."""
        name = self._begin()
        await self._send({"type": "start", "turn": name, "rate": rate})
        self._open = name
        try:
            yield Turn(self, name, rate)
        except BaseException:
            with contextlib.suppress(LipcastError):  # the first error is the one to tell
                await self.cancel(name)
            raise
        await self._send({"type": "end", "turn": name})

    async def cancel(self, turn: str | None = None) -> None:
        """Mouth closed and silent at once: all turns, or the one of this name."""
        await self._send({"type": "cancel"} | ({"turn": turn} if turn else {}))

    async def finished(self, turn: str) -> Finished:
        """Waits for the end of a turn.

        Raises:
            LipcastError: the voice has failed, or the session has ended before the turn could.
        """
        result = await self._turns[turn]
        if turn in self._failures:
            raise LipcastError(self._failures.pop(turn))
        return result

    async def events(self) -> AsyncIterator[Event]:
        """Everything that the server says, until the session ends."""
        while True:
            while self._events:
                yield self._events.popleft()
            if self._lost:
                return
            await self._change()

    async def watched(self) -> None:
        """Waits until the session has a viewer."""
        while not (await self._client.ask("GET", self.url))["viewers"]:  # noqa: ASYNC110  only the server knows
            await asyncio.sleep(LOOK_EVERY_S)

    async def push(self, turn: str, pcm: bytes, ahead_ms: Callable[[], float]) -> None:
        """Send audio of a turn; ahead_ms: how much of it the server had not played, were it all sent."""
        for place in range(0, len(pcm), MESSAGE):
            while ahead_ms() > AHEAD * self._window_ms and not self._turns[turn].done():
                await self._change()
            if self._turns[turn].done() or self._open != turn:
                return
            await self._send(pcm[place : place + MESSAGE])

    def played_ms(self, turn: str) -> int:
        return self._played_ms.get(turn, 0)

    def _begin(self) -> str:
        name = f"turn-{next(self._numbers)}"
        self._turns[name] = asyncio.get_running_loop().create_future()
        return name

    async def _change(self) -> None:
        self._changed.clear()
        if not self._lost:
            await self._changed.wait()

    async def _send(self, message: dict[str, Any] | bytes) -> None:
        try:
            await self._socket.send(message if isinstance(message, bytes) else json.dumps(message))
        except websockets.ConnectionClosed as error:
            raise LipcastError(f"the speech socket is closed: {closed_because(error)}") from error

    async def _read(self) -> None:
        try:
            async for message in self._socket:
                self._hear(json.loads(message))
            self._lose(closed_because(None, self._socket))
        except websockets.ConnectionClosed as error:
            self._lose(closed_because(error))

    def _hear(self, message: dict[str, Any]) -> None:
        kind, turn = message.pop("type"), message.pop("turn", None)
        match kind:
            case "ready":
                self._window_ms = message["window_ms"]
            case "progress":
                self._played_ms[turn] = message["played_ms"]
            case "finished":
                self._played_ms[turn] = message["played_ms"]
                self._settle(turn, Finished(turn, message["played_ms"], message["interrupted"]))
            case "error":
                self._note_failure(turn, message)
        if kind != "ready":
            self._events.append(Event(kind, turn, message))
        self._changed.set()

    def _note_failure(self, turn: str | None, message: dict[str, Any]) -> None:
        """It is raised where the turn's end is waited for; of a turn that was refused no other end comes."""
        refused: str | None = message.get("refused")
        name = refused or turn
        end = self._turns.get(name) if name is not None else None
        if name is not None and end is not None and not end.done():
            self._failures[name] = message["detail"]
        if refused is not None:
            self._settle(refused, Finished(refused, 0, True))

    def _settle(self, turn: str, finished: Finished) -> None:
        end = self._turns.get(turn)
        if end is not None and not end.done():
            end.set_result(finished)

    def _lose(self, why: str) -> None:
        self._lost = why
        for turn, end in self._turns.items():
            if not end.done():
                self._failures[turn] = f"the speech socket is closed: {why}"
                end.set_result(Finished(turn, self.played_ms(turn), True))
        self._changed.set()


class Turn:
    """One utterance, open for audio. Made by Presenter.turn."""

    def __init__(self, presenter: Presenter, name: str, rate: int) -> None:
        self.name = name
        self._presenter = presenter
        self._rate = rate
        self._sent = 0  # bytes
        self._half = b""

    async def push(self, pcm: bytes) -> None:
        """Send 16-bit little-endian mono audio; waits while the server has enough. What comes after the turn was
        interrupted is dropped.
        """
        data = self._half + pcm
        whole = len(data) - len(data) % 2
        self._half = data[whole:]
        for place in range(0, whole, MESSAGE):
            piece = data[place : min(place + MESSAGE, whole)]
            self._sent += len(piece)
            await self._presenter.push(self.name, piece, self._ahead_ms)

    async def finished(self) -> Finished:
        """Waits until it has been played or interrupted.

        Raises:
            LipcastError
        """
        return await self._presenter.finished(self.name)

    def _ahead_ms(self) -> float:
        return 500 * self._sent / self._rate - self._presenter.played_ms(self.name)


def closed_because(error: websockets.ConnectionClosed | None, socket: ClientConnection | None = None) -> str:
    close = error.rcvd if error is not None else None
    if close is not None:
        return f"{close.code} {close.reason}"
    if socket is not None and socket.close_code is not None:
        return f"{socket.close_code} {socket.close_reason or ''}".strip()
    return "the connection was lost"


def detail_of(answer: httpx.Response) -> str:
    try:
        return str(answer.json().get("detail", answer.text))
    except ValueError:
        return answer.text[:300]
