"""Routes by which programs push speech into a session."""

from __future__ import annotations

from starlette.routing import BaseRoute, WebSocketRoute
from starlette.websockets import WebSocket

from streamer.http.server_state import Server
from streamer.http.speech_socket import serve_speech


async def speech(websocket: WebSocket) -> None:
    server: Server = websocket.app.state.server
    session_id = websocket.path_params["id"]
    close = await serve_speech(websocket, server.host, server.clock, server.config.server, session_id)
    server.metrics.speech_sockets.labels(close.code or "client").inc()


SPEECH_ROUTES: list[BaseRoute] = [WebSocketRoute("/api/sessions/{id}/speech", speech)]
