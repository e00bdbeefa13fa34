"""What WHIP (RFC 9725) and WHEP (draft-ietf-wish-whep) have in common: SDP bodies, headers and methods. No route."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping

from starlette.datastructures import Headers, MutableHeaders
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from streamer.config import IceServer
from streamer.errors import BadRequest, Elsewhere, Problem, TooLarge, WrongContentType
from streamer.http.requests import problem
from streamer.http.server_state import path
from streamer.webrtc.offer import MAX_SDP
from streamer.webrtc.sdp_fragment import MAX_FRAGMENT, Fragment, read_fragment

SDP = "application/sdp"
SDP_FRAGMENT = "application/trickle-ice-sdpfrag"
ALL_METHODS = ["GET", "HEAD", "OPTIONS", "POST", "PUT", "PATCH", "DELETE"]
METHODS = "OPTIONS, GET, HEAD, POST, PATCH, DELETE"  # of an endpoint or of what it makes
REQUEST_HEADERS = "Authorization, Content-Type, If-Match"
READABLE_HEADERS = "Location, ETag, Link, Accept-Post, Accept-Patch, Allow, Retry-After, WWW-Authenticate"
PREFLIGHT_MAX_AGE_S = 7200  # Chromium keeps no answer for longer

Handler = Callable[[Request], Awaitable[Response]]
AllowedOrigin = Callable[[Scope, str], str | None]


async def read_body(request: Request, content_type: str, limit: int) -> str:
    """
    Raises:
        WrongContentType, TooLarge, BadRequest
    """
    came = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if came != content_type:
        raise WrongContentType(f"the Content-Type is {came or 'missing'}; {content_type} is expected")
    body = bytearray()
    async for piece in request.stream():
        body += piece
        if len(body) > limit:
            raise TooLarge(f"a body of more than {limit // 1024} KiB; those of clients have 1 to 10 KiB")
    try:
        return body.decode()
    except UnicodeDecodeError as error:
        raise BadRequest(f"the body is not UTF-8: a wrong byte at offset {error.start}") from error


async def read_sdp_offer(request: Request) -> str:
    """The offer, less the blank lines that some clients (FFmpeg 8) send before it.

    Raises:
        WrongContentType, TooLarge, BadRequest
    """
    offer = (await read_body(request, SDP, MAX_SDP)).lstrip("\r\n")
    if offer.splitlines()[:1] != ["v=0"]:
        raise BadRequest(f"the body begins with {offer[:20]!r}: an SDP offer is expected, which begins with 'v=0'")
    return offer


async def read_sdp_fragment(request: Request) -> Fragment:
    """
    Raises:
        PreconditionFailed, WrongContentType, TooLarge, BadRequest
    """
    check_precondition(request)
    return read_fragment(await read_body(request, SDP_FRAGMENT, MAX_FRAGMENT))


class PreconditionFailed(Problem):
    status, title = 412, "No entity tag is current"


def check_precondition(request: Request) -> None:
    """Without ICE restarts there are no entity tags (RFC 9725 section 4.3), so that none can match.

    Raises:
        PreconditionFailed: If-Match has a tag.
    """
    tags = request.headers.get("if-match", "*").strip()
    if tags != "*":
        raise PreconditionFailed(
            f"If-Match is {tags[:80]}, and no entity tag was given: ICE restarts are not supported; leave If-Match out"
        )


def created(answer: str, location: str, links: list[str]) -> Response:
    """The answer to an offer. links: values of the Link header."""
    response = Response(answer, 201, {"Location": location}, media_type=SDP)
    add_links(response, links)
    return response


def options(headers: Mapping[str, str], links: list[str], request: Request) -> Response:
    """What can be asked here. ICE servers are told to whoever asks for them, and not to a browser's preflight."""
    response = Response(status_code=204, headers=headers)
    if "access-control-request-method" not in request.headers:
        add_links(response, links)
    return response


def add_links(response: Response, links: list[str]) -> None:
    for link in links:
        response.headers.append("Link", link)


def ice_links(servers: tuple[IceServer, ...]) -> list[str]:
    """Link values that name STUN and TURN servers (RFC 9725 section 4.6)."""
    return [ice_link(server, url) for server in servers for url in server.urls]


def ice_link(server: IceServer, url: str) -> str:
    if not url.startswith("turn"):
        return f'<{url}>; rel="ice-server"'
    secret = f"username={quoted(server.username)}; credential={quoted(server.credential)}"
    return f'<{url}>; rel="ice-server"; {secret}; credential-type="password"'


def quoted(text: str) -> str:
    """A quoted string (RFC 9110 section 5.6.4), in UTF-8."""
    escaped = text.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'.encode().decode("latin-1")  # headers are written as Latin-1


def absolute(request: Request, link: str) -> str:
    """The whole address of a link of this server, as the client came to it."""
    return f"{request.url.scheme}://{request.url.netloc}{path(request, link)}"


def route(url: str, handlers: Mapping[str, Handler], allowed_origin: AllowedOrigin) -> Route:
    """A route that answers every method itself, so that pages elsewhere can read its refusals, too."""
    allowed = ", ".join(handlers)

    async def serve(request: Request) -> Response:
        handler = handlers.get(request.method)
        if handler is None:
            raise HTTPException(405, headers={"Allow": allowed})
        try:
            return await handler(request)
        except Elsewhere as elsewhere:
            query = f"?{request.url.query}" if request.url.query else ""
            location = {"Location": elsewhere.server + path_below_root(request) + query}
            return problem(elsewhere.status, elsewhere.title, elsewhere.detail, location)

    return Route(url, serve, methods=ALL_METHODS, middleware=[Middleware(CrossOrigin, allowed=allowed_origin)])


def path_below_root(request: Request) -> str:
    return request.url.path.removeprefix(str(request.scope.get("root_path", "")))


class CrossOrigin:
    """Lets pages of other origins use a route. allowed: the origin that may, "*" for all, None if this one may not."""

    def __init__(self, app: ASGIApp, allowed: AllowedOrigin) -> None:
        self._app = app
        self._allowed = allowed

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        origin = Headers(scope=scope).get("origin")
        allowed = self._allowed(scope, origin) if origin is not None else None

        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start" and allowed is not None:
                MutableHeaders(scope=message).update(cross_origin_headers(allowed))
            await send(message)

        await self._app(scope, receive, send_with_headers)


def cross_origin_headers(allowed: str) -> dict[str, str]:
    vary = {} if allowed == "*" else {"Vary": "Origin"}
    return vary | {
        "Access-Control-Allow-Origin": allowed,
        "Access-Control-Allow-Methods": METHODS,
        "Access-Control-Allow-Headers": REQUEST_HEADERS,
        "Access-Control-Expose-Headers": READABLE_HEADERS,
        "Access-Control-Max-Age": str(PREFLIGHT_MAX_AGE_S),
    }
