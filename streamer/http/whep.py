"""WHEP: any player that speaks it watches a session by its watch id (draft-ietf-wish-whep-03)."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Scope

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
from streamer.http.server_state import host_of, path, server_of
from streamer.server.host import CheckConnection, Disconnect, Trickle
from streamer.webrtc.offer import WHEP_VIEWER


async def watch(request: Request) -> Response:
    watch_id = request.path_params["watch_id"]
    offer = await read_sdp_offer(request)
    answer = await host_of(request).connect(watch_id, offer, WHEP_VIEWER)
    location = path(request, f"/api/watch/{watch_id}/whep/{answer.connection}")
    return created(answer.sdp, location, links_of(request))


async def endpoint_options(request: Request) -> Response:
    return options({"Accept-Post": SDP}, links_of(request), request)


async def endpoint_get(request: Request) -> Response:
    """No content; the type tells a player that this is no page but an endpoint."""
    return Response(status_code=200 if request.method == "HEAD" else 204, headers={"Content-Type": SDP})


async def trickle(request: Request) -> Response:
    watch_id, viewer_id = ids_of(request)
    fragment = await read_sdp_fragment(request)
    await host_of(request).command(watch_id, Trickle(viewer_id, fragment))
    return Response(status_code=204)


async def leave(request: Request) -> Response:
    watch_id, viewer_id = ids_of(request)
    await host_of(request).command(watch_id, Disconnect(viewer_id))
    return Response(status_code=200)


async def viewer_options(request: Request) -> Response:
    return options({"Accept-Patch": SDP_FRAGMENT}, [], request)


async def viewer_get(request: Request) -> Response:
    watch_id, viewer_id = ids_of(request)
    await host_of(request).command(watch_id, CheckConnection(viewer_id))
    return Response(status_code=204)


def ids_of(request: Request) -> tuple[str, str]:
    return request.path_params["watch_id"], request.path_params["viewer_id"]


def links_of(request: Request) -> list[str]:
    return ice_links(server_of(request).config.webrtc.ice_servers)


def every_origin(scope: Scope, origin: str) -> str:
    """The watch id is the key; no cookie and no other state of a browser counts for anything."""
    return "*"


ROUTES = [
    route(
        "/api/watch/{watch_id}/whep",
        {
            "POST": watch,
            "OPTIONS": endpoint_options,
            "GET": endpoint_get,
            "HEAD": endpoint_get,
        },
        every_origin,
    ),
    route(
        "/api/watch/{watch_id}/whep/{viewer_id}",
        {
            "PATCH": trickle,
            "DELETE": leave,
            "OPTIONS": viewer_options,
            "GET": viewer_get,
            "HEAD": viewer_get,
        },
        every_origin,
    ),
]
