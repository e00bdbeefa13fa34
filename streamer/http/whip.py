"""WHIP: any publisher that speaks it (OBS, FFmpeg, a browser) drives a presenter with its voice (RFC 9725)."""

from __future__ import annotations

import logging

from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Scope

from streamer.errors import BadRequest
from streamer.http.sdp_requests import (
    SDP,
    SDP_FRAGMENT,
    created,
    ice_links,
    options,
    read_sdp_fragment,
    read_sdp_offer,
    route,
)
from streamer.http.server_state import Server, host_of, path, server_of
from streamer.server.host import End, NewSession, SessionInfo, Source, Trickle
from streamer.webrtc.offer import SPEAKER, check_offer

log = logging.getLogger(__name__)

# Relations of the Link headers that tell a publisher where its presenter is watched: as a page, and by a WHEP player.
WATCH, WHEP = "urn:lipcast:watch", "urn:lipcast:whep"


async def publish(request: Request) -> Response:
    server = server_of(request)
    try:
        response = await begin(request, server)
    except Exception as error:
        server.metrics.joins.labels(type(error).__name__).inc()
        raise
    server.metrics.joins.labels("ok").inc()
    return response


async def begin(request: Request, server: Server) -> Response:
    host, avatar = server.host(), avatar_in(request, server)
    offer = await read_sdp_offer(request)
    check_offer(offer, SPEAKER, allow_loopback=True)  # before a slot is taken or anything is decoded
    session = await host.create(NewSession(avatar, Source.RTP, request.query_params.get("previous")))
    answer = await host.connect(session.id, offer, SPEAKER)
    # A program such as OBS shows nobody the headers of the answer.
    watch_url = path(request, f"/watch/{session.watch_id}")
    log.info("WHIP session begins", extra={"session": session.id[:6], "watch": watch_url})
    links = [*watch_links(request, session), *ice_links(server.config.webrtc.ice_servers)]
    return created(answer.sdp, path(request, f"/api/whip/{session.id}"), links)


def avatar_in(request: Request, server: Server) -> str:
    """
    Raises:
        BadRequest: the query names none.
    """
    avatar = request.query_params.get("avatar")
    if avatar is None:
        names = ", ".join(sorted(server.ready()[0].presenters.all))
        raise BadRequest(f"the address must name a presenter, as in /api/whip?avatar=NAME; there are: {names}")
    return avatar


def watch_links(request: Request, session: SessionInfo) -> list[str]:
    page = path(request, f"/watch/{session.watch_id}")
    player = path(request, f"/api/watch/{session.watch_id}/whep")
    return [f'<{page}>; rel="{WATCH}"', f'<{player}>; rel="{WHEP}"']


async def endpoint_options(request: Request) -> Response:
    return options({"Accept-Post": SDP}, ice_links(server_of(request).config.webrtc.ice_servers), request)


async def endpoint_get(request: Request) -> Response:
    return Response(status_code=204)


async def trickle(request: Request) -> Response:
    session_id = request.path_params["id"]
    fragment = await read_sdp_fragment(request)
    await host_of(request).command(session_id, Trickle(session_id, fragment))
    return Response(status_code=204)


async def end(request: Request) -> Response:
    await host_of(request).command(request.path_params["id"], End())
    return Response(status_code=200)


async def session_options(request: Request) -> Response:
    return options({"Accept-Patch": SDP_FRAGMENT}, [], request)


async def session_get(request: Request) -> Response:
    host_of(request).describe(request.path_params["id"])
    return Response(status_code=204)


def known_origin(scope: Scope, origin: str) -> str | None:
    """Pages elsewhere begin sessions only where the configuration names them: a session takes a slot."""
    server: Server = scope["app"].state.server
    return origin if origin in server.config.server.origins else None


ROUTES = [
    route(
        "/api/whip",
        {"POST": publish, "OPTIONS": endpoint_options, "GET": endpoint_get, "HEAD": endpoint_get},
        known_origin,
    ),
    route(
        "/api/whip/{id}",
        {"PATCH": trickle, "DELETE": end, "OPTIONS": session_options, "GET": session_get, "HEAD": session_get},
        known_origin,
    ),
]
