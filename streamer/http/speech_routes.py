"""Routes by which programs push speech and text into a session."""

from __future__ import annotations

import asyncio
import codecs
from dataclasses import asdict

from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Route, WebSocketRoute
from starlette.websockets import WebSocket

from streamer.audio.speech_queue import TurnRefused
from streamer.errors import BadRequest, Conflict, Problem
from streamer.http.requests import read_json, require
from streamer.http.server_state import Server, host_of
from streamer.http.speech_socket import serve_speech
from streamer.speech.speaker import Speaker, Utterance


async def speech(websocket: WebSocket) -> None:
    server: Server = websocket.app.state.server
    session_id = websocket.path_params["id"]
    close = await serve_speech(websocket, server.host, server.clock, server.config.server, session_id)
    server.metrics.speech_sockets.labels(close.code or "client").inc()


async def say(request: Request) -> Response:
    """A text, as JSON or as it streams in. Answers when the presenter begins to say it or, asked to wait, has said it;
    where another text is being spoken, at once.
    """
    speaker = host_of(request).speaker(request.path_params["id"])
    busy = speaker.busy
    streamed = request.headers.get("content-type", "").partition(";")[0].strip().lower() == "text/plain"
    try:
        utterance, wait = await (stream_text(request, speaker) if streamed else take_text(request, speaker))
    except TurnRefused as error:
        raise Conflict(str(error)) from error
    content: dict[str, object] = {"turn": utterance.turn}
    if not wait and busy:
        return JSONResponse(content, 202)
    await asyncio.wait((utterance.begun,))
    if not utterance.begun.cancelled():
        utterance.begun.result()  # raises what the voice has failed of
    if not wait:
        return JSONResponse(content, 202)
    return JSONResponse(asdict(await utterance.finished), 200)


async def take_text(request: Request, speaker: Speaker) -> tuple[Utterance, bool]:
    body = await read_json(request)
    text = require(body, "text", str)
    if not any(each.isalnum() for each in text):
        raise BadRequest("'text' has nothing to say: expected a letter or a digit at least")
    turn, voice = (require(body, key, str) if key in body else None for key in ("turn", "voice"))
    wait = bool(require(body, "wait", bool)) if "wait" in body else False
    utterance = speaker.say(text, turn, voice)
    utterance.finish()
    return utterance, wait


async def stream_text(request: Request, speaker: Speaker) -> tuple[Utterance, bool]:
    """UTF-8; a sentence is spoken as soon as it is there."""
    query = request.query_params
    decoder = codecs.getincrementaldecoder("utf-8")()
    utterance = speaker.say("", query.get("turn"), query.get("voice"))
    try:
        async for piece in request.stream():
            utterance.feed(decoder.decode(piece))
        utterance.feed(decoder.decode(b"", final=True))
    except (Problem, UnicodeDecodeError, ClientDisconnect) as error:
        if speaker.find(utterance.turn) is not None:
            speaker.queue.cancel(utterance.turn)
        if isinstance(error, UnicodeDecodeError):
            raise BadRequest(f"the text is not UTF-8: {error.reason} at byte {error.start}") from error
        raise
    utterance.finish()
    return utterance, query.get("wait") == "true"


SPEECH_ROUTES: list[BaseRoute] = [
    WebSocketRoute("/api/sessions/{id}/speech", speech),
    Route("/api/sessions/{id}/say", say, methods=["POST"]),
]
