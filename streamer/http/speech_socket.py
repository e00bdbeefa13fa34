"""The WebSocket by which a program pushes speech into a session, as docs/speech-socket.md describes it.

Theory of operation. One task reads, one sends. What is read is carried out at once; audio for which there is no room
waits, and meanwhile nothing is read, so TCP makes the program wait. Events of the session's speech queue go into a
bounded queue that the sender empties; a socket whose program reads too little of it is closed. However the socket ends,
the turn that it has left open is cancelled, so that every turn finishes.
"""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import json
from collections.abc import Callable
from dataclasses import dataclass
from urllib.parse import urlsplit

import numpy as np
from starlette.websockets import WebSocket, WebSocketDisconnect

from streamer.audio.pcm_input import MAX_RATE, MIN_RATE, WindowFull
from streamer.audio.speech_queue import (
    Caption,
    Closed,
    Failed,
    Finished,
    Progress,
    SpeechEvent,
    Started,
    TurnOver,
    TurnRefused,
)
from streamer.clock import Clock
from streamer.config import ServerConfig
from streamer.errors import Conflict, Gone, NotFound, NotReady, Problem
from streamer.http.requests import problem
from streamer.http.speech_messages import (
    DIALECT_RATE,
    PROTOCOL,
    Action,
    Append,
    Cancel,
    Dialect,
    End,
    Message,
    MessageRefused,
    Say,
    Start,
    error_message,
    liveavatar_messages,
    native_messages,
    openai_messages,
    read,
    reply,
)
from streamer.server.host import Host
from streamer.speech.speaker import Speaker
from streamer.wiring import FRAME_MS

MAX_AUDIO_BYTES = 64 * 1024  # of a binary message: less than the window holds at 8 kHz
MAX_TEXT_BYTES = 256 * 1024  # of any message; LITE clients send a second of audio, 64 kB in base64, as one
MAX_UNSENT = 128  # messages: 25 s of progress of a program that does not read
MAX_ERRORS = 32  # of one socket; a program that makes more has a fault of its own
ROOM_S = 0.04  # between two looks whether there is room for audio
LAST_WORDS_S = 2.0  # for what is unsent as the socket closes
REASON_BYTES = 123  # of a close frame (RFC 6455 section 5.5)

NORMAL, POLICY, TOO_BIG, TRY_AGAIN, NOT_FOUND, TAKEN = 1000, 1008, 1009, 1013, 4404, 4409


@dataclass(frozen=True, slots=True)
class Close:
    """Why the socket closes. code: None if it is closed already."""

    code: int | None
    reason: str = ""


@dataclass(slots=True)
class DialectTurn:
    """How a turn that a dialect's message has started is replied to. reply_to: the id that its sender knows it by."""

    dialect: Dialect
    reply_to: str


class SpeechSocket:
    """An accepted socket of one session, until it closes."""

    def __init__(self, websocket: WebSocket, speaker: Speaker, clock: Clock) -> None:
        self._websocket = websocket
        self._speaker = speaker
        self._speech = speaker.queue
        self._clock = clock
        self._unsent: asyncio.Queue[Message | None] = asyncio.Queue(MAX_UNSENT)
        self._closing: asyncio.Future[Close] = asyncio.get_running_loop().create_future()
        self._open: str | None = None  # the turn that binary messages belong to
        self._refusing = False  # audio outside a turn: said once
        self._errors = 0
        self._dialects: dict[str, DialectTurn] = {}  # of turns that have not finished
        self._saying: set[str] = set()  # turns whose text is not complete
        self._numbers = itertools.count(1)

    async def run(self, dialect: Dialect) -> Close:
        """Serve until one side closes; returns how it ended."""
        self._speech.hold()
        self._speech.listen(self._on_event)
        self._greet(dialect)
        try:
            async with asyncio.TaskGroup() as tasks:
                reading = tasks.create_task(self._read())
                sending = tasks.create_task(self._send())
                close = await self._closing
                reading.cancel()
                self._leave_open_turns()
                await self._say_last_words(sending, close)
                sending.cancel()
        finally:
            self._leave_open_turns()
            self._speech.forget(self._on_event)
            self._speech.let_go()
        if close.code is not None:
            with contextlib.suppress(WebSocketDisconnect, RuntimeError):  # the other side was first
                await self._websocket.close(close.code, shortened(close.reason))
        return close

    def _greet(self, dialect: Dialect) -> None:
        if dialect is Dialect.LIVEAVATAR:  # its clients wait for this and ignore what they do not know
            self._put({"type": "session.state_updated", "state": "connected"})
            return
        window_ms = round(1000 * self._speech.window_s)
        self._put(
            {"type": "ready", "rate": MAX_RATE, "min_rate": MIN_RATE, "max_rate": MAX_RATE}
            | {"window_ms": window_ms, "frame_ms": FRAME_MS}
        )

    async def _say_last_words(self, sending: asyncio.Task[None], close: Close) -> None:
        if close.code is None or self._unsent.full():
            return
        self._unsent.put_nowait(None)
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(LAST_WORDS_S):
                await asyncio.wait([sending])

    def _finish(self, close: Close) -> None:
        """The first reason counts."""
        if not self._closing.done():
            self._closing.set_result(close)

    def _leave_open_turn(self) -> None:
        turn, self._open = self._open, None
        if turn is not None:
            with contextlib.suppress(TurnRefused):  # the session has ended, and the turn with it
                self._speech.cancel(turn)

    def _leave_open_turns(self) -> None:
        self._leave_open_turn()
        for turn in list(self._saying):
            self._speech.cancel(turn)

    async def _send(self) -> None:
        while (message := await self._unsent.get()) is not None:
            try:
                await self._websocket.send_text(json.dumps(message))
            except (WebSocketDisconnect, RuntimeError):
                self._finish(Close(None))
                return

    def _put(self, message: Message) -> None:
        if self._unsent.full():
            waiting = f"{MAX_UNSENT} messages wait to be read: read the socket while you push"
            self._finish(Close(POLICY, waiting))
        else:
            self._unsent.put_nowait(message)

    def _on_event(self, event: SpeechEvent) -> None:
        if isinstance(event, Closed):
            self._finish(closed_as(event.reason))
            return
        for message in self._messages(event):
            self._put(message)

    def _messages(self, event: Started | Progress | Caption | Finished | Failed) -> list[Message]:
        turn = event.turn
        spoken = self._dialects.get(turn)
        if isinstance(event, Finished):
            self._dialects.pop(turn, None)
            self._saying.discard(turn)
            if turn == self._open and spoken is not None:
                self._open = None
        if spoken is None:
            return native_messages(event)
        replies = openai_messages if spoken.dialect is Dialect.OPENAI else liveavatar_messages
        return replies(event, spoken.reply_to)

    async def _read(self) -> None:
        while not self._closing.done():
            message = await self._websocket.receive()
            if message["type"] == "websocket.disconnect":
                self._finish(Close(None))
            elif message.get("bytes") is not None:
                await self._binary(message["bytes"])
            else:
                await self._text(message["text"])

    async def _text(self, text: str) -> None:
        if len(text) > MAX_TEXT_BYTES:
            self._finish(Close(TOO_BIG, f"more than {MAX_TEXT_BYTES // 1024} KiB in a message: split it"))
            return
        action: Action | None = None
        try:
            action = read(text)
            if action is not None:
                await self._carry_out(action)
        except (MessageRefused, TurnRefused) as error:
            self._refuse("The message was refused", str(error), action)
        except Problem as problem:
            self._refuse(problem.title, problem.detail, action)

    async def _binary(self, data: bytes) -> None:
        if len(data) > MAX_AUDIO_BYTES:
            self._finish(Close(TOO_BIG, f"more than {MAX_AUDIO_BYTES // 1024} KiB of audio in a message: split it"))
        elif len(data) % 2:
            self._refuse("Audio was discarded", f"{len(data)} bytes are no whole 16-bit samples: send an even number")
        elif self._open is None:
            self._refuse_audio("audio outside a turn: send start first")
        else:
            try:
                await self._push(self._open, data)
            except TurnRefused as error:
                self._refuse_audio(str(error))
        await asyncio.sleep(0)  # a socket that is always readable must not keep other tasks waiting

    async def _push(self, turn: str, data: bytes) -> None:
        """Wait for room, and read nothing meanwhile."""
        pcm = np.frombuffer(data, "<i2").astype(np.int16)
        while True:
            try:
                self._speech.push(turn, pcm)
                return
            except WindowFull:
                await self._clock.sleep_until(self._clock.now() + ROOM_S)

    def _refuse_audio(self, detail: str) -> None:
        """Once, until a turn starts: audio that was under way when its turn was interrupted is no fault."""
        if not self._refusing:
            self._refusing = True
            self._refuse("Audio was discarded", detail)

    def _refuse(self, title: str, detail: str, action: Action | None = None) -> None:
        self._errors += 1
        self._put(error_message(title, detail, refused=action.turn if action is not None else None))
        if self._errors >= MAX_ERRORS:
            self._finish(Close(POLICY, f"{MAX_ERRORS} errors on this socket; the last: {detail}"))

    async def _carry_out(self, action: Action) -> None:
        match action:
            case Start(turn, rate):
                self._leave_open_turn()
                self._begin(turn, rate)
            case Append():
                await self._append(action)
            case End(turn, event_id):
                self._end(turn, event_id)
            case Cancel(turn):
                self._cancel(turn)
            case Say():
                self._say(action)
        if not isinstance(action, Start | Say) and action.acknowledge:
            self._put(reply(action.acknowledge, action.event_id))

    def _begin(self, turn: str, rate: int) -> None:
        self._speech.start(turn, rate)
        self._open, self._refusing = turn, False

    async def _append(self, action: Append) -> None:
        """Audio of a dialect; where its turn has been cut short, what still comes of it is no fault."""
        if len(action.pcm) % 2:
            raise MessageRefused(f"{len(action.pcm)} bytes are no whole 16-bit samples: send an even number")
        named = action.turn
        if self._open is None or (named is not None and named != self._open):
            if named is not None and self._speech.is_over(named):
                return
            self._end(None, "")
            name = named or f"{action.dialect.value}-{next(self._numbers)}"
            self._dialects[name] = DialectTurn(action.dialect, action.event_id or name)
            self._begin(name, DIALECT_RATE)
        turn = self._open
        assert turn is not None
        if named is None and action.event_id and turn in self._dialects:
            self._dialects[turn].reply_to = action.event_id
        with contextlib.suppress(TurnOver):
            for part in range(0, len(action.pcm), MAX_AUDIO_BYTES):
                await self._push(turn, action.pcm[part : part + MAX_AUDIO_BYTES])

    def _end(self, turn: str | None, event_id: str) -> None:
        name = self._open if turn is None else turn
        if name == self._open:
            self._open = None
        if name is None:
            return
        if event_id and name in self._dialects:
            self._dialects[name].reply_to = event_id
        utterance = self._speaker.find(name)
        if utterance is not None:  # a text: it is complete, its audio is not
            self._saying.discard(name)
            utterance.finish()
            return
        try:
            self._speech.end(name)
        except TurnRefused:
            if not event_id:  # a dialect ends also what had no audio
                raise

    def _say(self, action: Say) -> None:
        utterance = self._speaker.say(action.text, action.turn, action.voice)
        if action.more:
            self._saying.add(utterance.turn)
        else:
            self._saying.discard(utterance.turn)
            utterance.finish()

    def _cancel(self, turn: str | None) -> None:
        if turn is None or turn == self._open:
            self._open = None
        self._speech.cancel(turn)


def closed_as(reason: str) -> Close:
    """How the socket of a session that has ended closes."""
    if reason == "server-stopped":
        return Close(TRY_AGAIN, "the server is being stopped: begin another session later")
    return Close(NORMAL, f"the session has ended: {reason}")


def shortened(reason: str) -> str:
    return reason.encode()[:REASON_BYTES].decode(errors="ignore")


def from_elsewhere(origin: str | None, host: str | None, allowed: tuple[str, ...]) -> bool:
    """Whether a page of another site opens the socket. Programs send no origin."""
    return origin is not None and urlsplit(origin).netloc != host and origin not in allowed


async def serve_speech(
    websocket: WebSocket, host: Callable[[], Host], clock: Clock, config: ServerConfig, session_id: str
) -> Close:
    """Accept the socket, serve it, close it. Where it cannot be served, it is closed with a reason; browsers show
    nothing of a refusal before that.
    """
    headers = websocket.headers
    if from_elsewhere(headers.get("origin"), headers.get("host"), config.origins):
        refusal = problem(403, "Not from this page", "add the page's origin to 'server.origins'", {})
        await websocket.send_denial_response(refusal)
        return Close(None, "origin")
    offered = websocket.scope["subprotocols"]
    await websocket.accept(PROTOCOL if PROTOCOL in offered else None)
    try:
        if offered and PROTOCOL not in offered:
            raise Unserved(POLICY, f"offer the sub-protocol {PROTOCOL}, or none")
        dialect = dialect_in(websocket.query_params.get("dialect"))
        speaker = found(host, session_id)
    except Unserved as refusal:
        close = Close(refusal.code, str(refusal))
        await websocket.close(close.code or NORMAL, shortened(close.reason))
        return close
    return await SpeechSocket(websocket, speaker, clock).run(dialect)


class Unserved(Exception):
    """The socket cannot be served; code: that it is closed with."""

    def __init__(self, code: int, reason: str) -> None:
        super().__init__(reason)
        self.code = code


def dialect_in(name: str | None) -> Dialect:
    try:
        return Dialect(name or Dialect.NATIVE.value)
    except ValueError as error:
        known = ", ".join(each.value for each in Dialect)
        raise Unserved(POLICY, f"'dialect' is one of {known}") from error


def found(host: Callable[[], Host], session_id: str) -> Speaker:
    """
    Raises:
        Unserved
    """
    try:
        speaker = host().speaker(session_id)
    except (NotFound, Gone) as error:
        raise Unserved(NOT_FOUND, error.detail) from error
    except Conflict as error:
        raise Unserved(TAKEN, error.detail) from error
    except NotReady as error:
        raise Unserved(TRY_AGAIN, error.detail) from error
    if speaker.queue.held:
        raise Unserved(TAKEN, "another socket pushes speech into this session: close that one first")
    return speaker
