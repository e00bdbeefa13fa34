"""HTTP API: routes. Session logic lives in streamer/server/sessions.py."""

from __future__ import annotations

import asyncio
import gc
import logging
import math
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import asdict, dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import FileResponse, JSONResponse, Response
from starlette.routing import Mount, Route
from starlette.staticfiles import StaticFiles

from engines.api import Engine
from streamer.clock import Clock, MonotonicClock
from streamer.config import Config
from streamer.errors import NotReady
from streamer.http.requests import HANDLERS, read_json, read_offer, take
from streamer.http.security_headers import SecurityHeaders
from streamer.metrics import Metrics
from streamer.output.broadcast import Encoders
from streamer.scheduling.engine_worker import Worker
from streamer.scheduling.worker_pool import WorkerPool
from streamer.server.live_session import LiveSession
from streamer.server.sessions import Sessions
from streamer.server.tasks import ServerTasks, nothing
from streamer.threads import NewExecutor, in_thread, processors, thread_pool
from streamer.webrtc.library_check import check_library
from streamer.webrtc.replace import LibraryMismatch
from streamer.wiring import FRAME_RATE, REFUSALS, Runtime, load_runtime, worker_count

log = logging.getLogger(__name__)

WEB = Path(__file__).parents[1] / "web"
ASK_FIRST = {"Cache-Control": "no-cache"}  # a browser that guesses how long to keep a module mixes two versions


@dataclass(slots=True)
class Server:
    """What the routes share. runtime and sessions are there once the engine has been warmed up."""

    config: Config
    clock: Clock
    metrics: Metrics
    load: Callable[[Config], Runtime]
    runtime: Runtime | None = None
    sessions: Sessions | None = None
    broken: str = ""  # why it will never be ready
    failed: bool = False  # it was ready and can serve no more: the process must end
    on_failure: Callable[[], None] = nothing
    executor: NewExecutor = thread_pool

    def ready(self) -> tuple[Runtime, Sessions]:
        if self.broken:
            raise NotReady(self.broken)
        if self.runtime is None or self.sessions is None:
            raise NotReady("the engine is still being loaded", retry_after_s=1)
        return self.runtime, self.sessions

    def fail(self) -> None:
        """What draws for all sessions has failed: end them and ask for the end of the process."""
        self.broken = "the server has failed; its log says why, and it is about to stop"
        self.failed = True
        if self.sessions is not None:
            self.sessions.end_all("error")
        self.on_failure()

    def check_live(self) -> None:
        """
        Raises:
            NotReady: the process must be restarted, or an engine call hangs.
        """
        if self.failed:
            raise NotReady(self.broken)
        if self.sessions is not None:
            self.sessions.check_engine()


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
    """
    server = Server(config, clock or MonotonicClock(), Metrics(), load, on_failure=on_failure, executor=executor)
    app = Starlette(
        routes=ROUTES,
        middleware=[Middleware(SecurityHeaders)],
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
        tasks.cancel()


async def serve(server: Server, tasks: ServerTasks) -> None:
    """Load the engine away from the event loop, then run it until cancelled."""
    started = server.clock.now()
    try:
        await check_library(server.clock)
        runtime = await in_thread(lambda: server.load(server.config), "load")
    except Exception as error:  # the boundary: the page must still be served to say why nothing works
        server.broken = f"the server cannot serve: {error}"
        log.error(server.broken, exc_info=not isinstance(error, (*REFUSALS, LibraryMismatch)))
        return
    pool = WorkerPool([new_worker(runtime.engine, server) for _ in range(worker_count(server.config.engine))])
    server.runtime = runtime
    server.sessions = Sessions(server.config, pool, new_encoders(server.executor), server.clock, server.metrics, tasks)
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
    return Encoders(executor(max(2, math.ceil(processors())), "encode pictures"), executor(1, "encode sound"))


def server_of(request: Request) -> Server:
    server: Server = request.app.state.server
    return server


def sessions_of(request: Request) -> Sessions:
    return server_of(request).ready()[1]


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
    return JSONResponse({"avatars": [avatar_body(runtime, name) for name in runtime.presenters.all]})


def avatar_body(runtime: Runtime, name: str) -> dict[str, Any]:
    manifest = runtime.presenters.all[name].manifest
    shown = ("name", "title", "description", "width", "height", "ai_generated")
    return {key: getattr(manifest, key) for key in shown} | {"preview": f"/api/avatars/{name}/preview.jpg"}


async def get_preview(request: Request) -> Response:
    runtime, _ = server_of(request).ready()
    preview = runtime.presenters.find(request.path_params["name"]).preview
    return FileResponse(preview, media_type="image/jpeg", headers=ASK_FIRST)


async def post_session(request: Request) -> Response:
    server = server_of(request)
    runtime, sessions = server.ready()
    offer, body = await read_offer(request)
    try:
        name = take(body, "avatar", str)
        address = await sessions.admit(take(body, "previous", str) if "previous" in body else None)
        avatar = await asyncio.to_thread(runtime.load_avatar, name)
        place, answer = await sessions.join(offer, avatar, address)
    except Exception as error:
        server.metrics.joins.labels(type(error).__name__).inc()
        raise
    server.metrics.joins.labels("ok").inc()
    url = f"/api/sessions/{place.id}"
    content = {"type": "answer", "sdp": answer, "id": place.id, "url": url, "watch_url": f"/watch/{place.watch_id}"}
    return JSONResponse(content, status_code=201, headers={"Location": url})


def session_body(place: LiveSession) -> dict[str, Any]:
    session, timing, report = place.session, place.session.timing, place.session.report()
    frame_ms = 1000 / timing.frame_rate
    stages = session.stages
    return {
        "state": session.state,
        "muted": report.muted,
        "voiced": report.voiced,
        "frames": session.counters.frames,
        "late_frames": session.counters.late,
        "degraded_frames": session.counters.degraded,
        "concealed_ms": round(report.concealed_s * 1000),
        "jitter_buffer_ms": round(report.buffered_s * 1000, 1),
        "server_ms": {
            "buffer": round(stages.buffer * 1000, 1),
            "chunk": frame_ms,
            "lookahead": frame_ms * timing.lookahead_frames,
            "engine": round(stages.engine * 1000, 1),
            "release": round((stages.release - stages.engine) * 1000, 1),
            "total": round(session.server_s * 1000, 1),
        },
        "viewers": len(place.viewers),
    }


async def get_session(request: Request) -> Response:
    return JSONResponse(session_body(sessions_of(request).find(request.path_params["id"])))


async def patch_session(request: Request) -> Response:
    sessions, session_id = sessions_of(request), request.path_params["id"]
    sessions.find(session_id)
    muted = take(await read_json(request), "muted", bool)
    place = sessions.find(session_id)  # the session may have ended while the body came
    place.session.mute(muted)
    return JSONResponse(session_body(place))


async def interrupt_session(request: Request) -> Response:
    sessions_of(request).find(request.path_params["id"]).session.interrupt()
    return Response(status_code=204)


async def delete_session(request: Request) -> Response:
    sessions_of(request).leave(request.path_params["id"])
    return Response(status_code=204)


async def post_viewer(request: Request) -> Response:
    sessions = sessions_of(request)
    watch_id = request.path_params["watch_id"]
    sessions.find_watched(watch_id)
    offer, _ = await read_offer(request)
    viewer_id, answer = await sessions.watch(watch_id, offer)
    url = f"/api/watch/{watch_id}/{viewer_id}"
    content = {"type": "answer", "sdp": answer, "url": url}
    return JSONResponse(content, status_code=201, headers={"Location": url})


async def delete_viewer(request: Request) -> Response:
    await sessions_of(request).stop_watching(request.path_params["watch_id"], request.path_params["viewer_id"])
    return Response(status_code=204)


async def get_page(request: Request) -> Response:
    return FileResponse(WEB / "index.html", media_type="text/html", headers=ASK_FIRST)


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
    Route("/api/config", get_config),
    Route("/api/avatars", get_avatars),
    Route("/api/avatars/{name}/preview.jpg", get_preview),
    Route("/api/sessions", post_session, methods=["POST"]),
    Route("/api/sessions/{id}", get_session),
    Route("/api/sessions/{id}", patch_session, methods=["PATCH"]),
    Route("/api/sessions/{id}", delete_session, methods=["DELETE"]),
    Route("/api/sessions/{id}/interrupt", interrupt_session, methods=["POST"]),
    Route("/api/watch/{watch_id}", post_viewer, methods=["POST"]),
    Route("/api/watch/{watch_id}/{viewer_id}", delete_viewer, methods=["DELETE"]),
]
