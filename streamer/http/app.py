"""HTTP API: routes. Session logic lives in streamer/server/sessions.py."""

from __future__ import annotations

import asyncio
import gc
import html
import logging
import math
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import asdict
from importlib.metadata import version
from pathlib import Path
from typing import Any

from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import FileResponse, HTMLResponse, JSONResponse, Response
from starlette.routing import Mount, Route
from starlette.staticfiles import StaticFiles

from engines.api import Engine
from streamer.clock import Clock, MonotonicClock
from streamer.config import Config
from streamer.errors import BadRequest
from streamer.http import whep, whip
from streamer.http.cancelled_requests import CancelledRequests
from streamer.http.openapi import OPENAPI_ROUTES
from streamer.http.recordings import RECORDING_ROUTES
from streamer.http.requests import HANDLERS, offer_in, read_json, read_offer, require
from streamer.http.security_headers import SecurityHeaders
from streamer.http.server_state import Server, host_of, path, server_of, sessions_of
from streamer.http.speech_routes import SPEECH_ROUTES
from streamer.metrics import Metrics
from streamer.output.broadcast import Encoders
from streamer.recording.recordings import Recordings
from streamer.recording.signing import signer_of
from streamer.scheduling.engine_worker import Worker
from streamer.scheduling.worker_pool import WorkerPool
from streamer.server.host import (
    Disconnect,
    End,
    Interrupt,
    Mute,
    NewSession,
    SessionInfo,
    Source,
)
from streamer.server.sessions import Sessions
from streamer.server.tasks import ServerTasks, nothing
from streamer.threads import NewExecutor, in_thread, processors, thread_pool
from streamer.webrtc.library_check import check_library
from streamer.webrtc.offer import PRESENTER, VIEWER, check_offer
from streamer.webrtc.replace import LibraryMismatch
from streamer.wiring import FRAME_RATE, REFUSALS, Runtime, load_runtime, worker_count

log = logging.getLogger(__name__)

WEB = Path(__file__).parents[1] / "web"
LOADING = "load"  # the name of the thread that loads the engine
ASK_FIRST = {"Cache-Control": "no-cache"}  # a browser that guesses how long to keep a module mixes two versions


def create_app(
    config: Config,
    clock: Clock | None = None,
    load: Callable[[Config], Runtime] = load_runtime,
    on_failure: Callable[[], None] = nothing,
    executor: NewExecutor = thread_pool,
) -> Starlette:
    """The ASGI application; its lifespan calls `load`, away from the event loop, and owns every task.

    on_failure: asks for the end of the process, since the server can serve no more. executor: makes the
    threads that draw and encode.

    Raises:
        ConfigError: recordings cannot be signed as configured.
    """
    server = Server(config, clock or MonotonicClock(), Metrics(), load, on_failure=on_failure, executor=executor)
    server.signer = signer_of(config.c2pa)
    app = Starlette(
        routes=ROUTES,
        middleware=[Middleware(SecurityHeaders), Middleware(CancelledRequests)],
        exception_handlers=HANDLERS,
        lifespan=lifespan,
    )
    app.state.server = server
    return app


@asynccontextmanager
async def lifespan(app: Starlette) -> AsyncIterator[None]:
    server: Server = app.state.server
    async with ServerTasks(server.metrics) as tasks:
        tasks.spawn(lambda: serve(server, tasks), "serve", "engine", server.fail)
        yield
        if server.sessions is not None:
            await server.sessions.drain()
        if server.recordings is not None:
            await server.recordings.drain()
        tasks.cancel()


async def serve(server: Server, tasks: ServerTasks) -> None:
    """Load the engine away from the event loop, then run it until cancelled."""
    started = server.clock.now()
    try:
        await check_library(server.clock)
        runtime = await in_thread(lambda: server.load(server.config), LOADING)
    except Exception as error:  # the boundary: the page must still be served to say why nothing works
        server.broken = f"the server cannot serve: {error}"
        log.error(server.broken, exc_info=not isinstance(error, (*REFUSALS, LibraryMismatch)))
        return
    pool = WorkerPool([new_worker(runtime.engine, server) for _ in range(worker_count(server.config.engine))])
    server.runtime = runtime
    server.sessions = Sessions(server.config, pool, new_encoders(server.executor), server.clock, server.metrics, tasks)
    server.recordings = new_recordings(server, server.sessions, tasks)
    # What was loaded stays for ever: looking through it again and again costs pauses of 100 ms.
    gc.collect()
    gc.freeze()
    log.info("ready", extra={"seconds": round(server.clock.now() - started, 2), "engine": server.config.engine.name})
    await pool.run()


def new_worker(engine: Engine, server: Server) -> Worker:
    """One with a thread of its own."""
    return Worker(engine, server.config.engine.max_batch, server.clock, server.executor(1, "engine"))


def new_encoders(executor: NewExecutor) -> Encoders:
    """Frames side by side on all processors, and one thread for all audio."""
    return Encoders(executor(max(2, math.ceil(processors())), "encode video"), executor(1, "encode audio"))


def new_recordings(server: Server, sessions: Sessions, tasks: ServerTasks) -> Recordings:
    """Each recording has a thread of its own."""
    return Recordings(
        server.config.recording,
        sessions,
        server.clock,
        server.metrics,
        tasks,
        lambda: server.executor(1, "record"),
        server.signer,
    )


async def get_config(request: Request) -> Response:
    config = server_of(request).config
    return JSONResponse(
        {
            "version": version("lipcast"),
            "ice_servers": [
                {key: value for key, value in asdict(ice).items() if value} for ice in config.webrtc.ice_servers
            ],
            "lookahead_ms": config.engine.lookahead_ms,
            "frame_rate": FRAME_RATE,
            "max_sessions": config.server.max_sessions,
        }
    )


async def get_avatars(request: Request) -> Response:
    runtime, _ = server_of(request).ready()
    presenters = runtime.presenters
    avatars = [avatar_body(request, runtime, name) for name in presenters.all]
    return JSONResponse({"avatars": avatars, "skipped": sorted(presenters.skipped)})


def avatar_body(request: Request, runtime: Runtime, name: str) -> dict[str, Any]:
    manifest = runtime.presenters.all[name].manifest
    shown = ("name", "title", "description", "width", "height", "ai_generated")
    return {key: getattr(manifest, key) for key in shown} | {
        "preview": path(request, f"/api/avatars/{name}/preview.jpg")
    }


async def get_preview(request: Request) -> Response:
    runtime, _ = server_of(request).ready()
    preview = runtime.presenters.find(request.path_params["name"]).preview
    return FileResponse(preview, media_type="image/jpeg", headers=ASK_FIRST)


async def post_session(request: Request) -> Response:
    """With an SDP offer: a session and its client's connection. With a source that needs no client: the session."""
    server, body = server_of(request), await read_json(request)
    host = server.host()
    source = source_of(body)
    wanted = NewSession(
        require(body, "avatar", str), source, require(body, "previous", str) if "previous" in body else None
    )
    try:
        if source is Source.RTP:
            offer = offer_in(body)
            check_offer(offer, PRESENTER, allow_loopback=True)  # before a slot is taken or anything is decoded
        session = await host.create(wanted)
        answer = await host.connect(session.id, offer, PRESENTER) if source is Source.RTP else None
    except Exception as error:
        server.metrics.joins.labels(type(error).__name__).inc()
        raise
    server.metrics.joins.labels("ok").inc()
    url = path(request, f"/api/sessions/{session.id}")
    content = {"id": session.id, "url": url, "watch_url": path(request, f"/watch/{session.watch_id}")}
    content |= {"type": "answer", "sdp": answer.sdp} if answer is not None else {}
    return JSONResponse(content, status_code=201, headers={"Location": url})


def source_of(body: dict[str, Any]) -> Source:
    try:
        return Source(body.get("source", Source.RTP.value))
    except ValueError as error:
        known = ", ".join(f"'{each.value}'" for each in Source)
        raise BadRequest(f"'source' must be one of {known}") from error


def session_body(session: SessionInfo) -> dict[str, Any]:
    shown = asdict(session) | {"source": session.source.value}
    return {key: value for key, value in shown.items() if key not in ("id", "watch_id")}


async def get_session(request: Request) -> Response:
    return JSONResponse(session_body(host_of(request).describe(request.path_params["id"])))


async def patch_session(request: Request) -> Response:
    host, session_id = host_of(request), request.path_params["id"]
    host.describe(session_id)
    muted = require(await read_json(request), "muted", bool)
    await host.command(session_id, Mute(muted))
    return JSONResponse(session_body(host.describe(session_id)))


async def interrupt_session(request: Request) -> Response:
    await host_of(request).command(request.path_params["id"], Interrupt())
    return Response(status_code=204)


async def delete_session(request: Request) -> Response:
    await host_of(request).command(request.path_params["id"], End())
    return Response(status_code=204)


async def post_viewer(request: Request) -> Response:
    watch_id = request.path_params["watch_id"]
    sessions_of(request).find_watched(watch_id)
    offer, _ = await read_offer(request)
    answer = await host_of(request).connect(watch_id, offer, VIEWER)
    url = path(request, f"/api/watch/{watch_id}/{answer.connection}")
    content = {"type": "answer", "sdp": answer.sdp, "url": url}
    return JSONResponse(content, status_code=201, headers={"Location": url})


async def delete_viewer(request: Request) -> Response:
    command = Disconnect(request.path_params["viewer_id"])
    await host_of(request).command(request.path_params["watch_id"], command)
    return Response(status_code=204)


async def get_page(request: Request) -> Response:
    """Its links are relative to the server's root, wherever that is and whichever page is asked for."""
    page = (WEB / "index.html").read_text(encoding="utf-8")
    base = html.escape(path(request, "/"), quote=True)
    return HTMLResponse(page.replace('<base href="/">', f'<base href="{base}">'), headers=ASK_FIRST)


class Assets(StaticFiles):
    def file_response(self, *arguments: Any, **named: Any) -> Response:
        response = super().file_response(*arguments, **named)
        response.headers.update(ASK_FIRST)
        return response


async def get_livez(request: Request) -> Response:
    server_of(request).check_live()
    return JSONResponse({"status": "live"})


async def get_readyz(request: Request) -> Response:
    sessions_of(request).check_open()
    return JSONResponse({"status": "ready"})


async def get_metrics(request: Request) -> Response:
    metrics = server_of(request).metrics
    metrics.tasks.set(len(asyncio.all_tasks()))
    return Response(metrics.render(), media_type="text/plain; version=0.0.4")


ROUTES = [
    Route("/", get_page),
    Route("/watch/{watch_id}", get_page),
    Mount("/assets", Assets(directory=WEB)),
    Route("/livez", get_livez),
    Route("/readyz", get_readyz),
    Route("/metrics", get_metrics),
    *OPENAPI_ROUTES,
    Route("/api/config", get_config),
    Route("/api/avatars", get_avatars),
    Route("/api/avatars/{name}/preview.jpg", get_preview),
    Route("/api/sessions", post_session, methods=["POST"]),
    Route("/api/sessions/{id}", get_session),
    Route("/api/sessions/{id}", patch_session, methods=["PATCH"]),
    Route("/api/sessions/{id}", delete_session, methods=["DELETE"]),
    *SPEECH_ROUTES,
    Route("/api/sessions/{id}/interrupt", interrupt_session, methods=["POST"]),
    *whip.ROUTES,
    *whep.ROUTES,  # before the route whose last part is any viewer's id
    *RECORDING_ROUTES,
    Route("/api/watch/{watch_id}", post_viewer, methods=["POST"]),
    Route("/api/watch/{watch_id}/{viewer_id}", delete_viewer, methods=["DELETE"]),
]
