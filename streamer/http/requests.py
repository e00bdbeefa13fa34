"""Reading JSON bodies and answering problems. Knows no route."""

from __future__ import annotations

import json
import logging
from typing import Any

from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, Response

from streamer.errors import BadRequest, NotFound, Problem, TooLarge, WrongContentType
from streamer.wiring import FileRefused, UnknownPresenter

log = logging.getLogger(__name__)

MAX_BODY = 80 * 1024  # bytes: an SDP of 64 KiB, its line ends escaped by JSON


async def read_json(request: Request) -> dict[str, Any]:
    """
    Raises:
        WrongContentType, TooLarge, BadRequest
    """
    content_type = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if content_type != "application/json":
        raise WrongContentType(f"expected application/json, got {content_type or 'none'}")
    body = bytearray()
    async for piece in request.stream():
        body += piece
        if len(body) > MAX_BODY:
            raise TooLarge(
                f"more than {MAX_BODY // 1024} KiB; an offer has 4 to 8 KiB, a text at most 20,000 characters"
            )
    try:
        value = json.loads(body)
    except (ValueError, RecursionError) as error:
        raise BadRequest("the body is not JSON") from error
    if not isinstance(value, dict):
        raise BadRequest("the body must be a JSON object")
    return value


def require(body: dict[str, Any], key: str, kind: type) -> Any:
    if type(body.get(key)) is not kind:
        raise BadRequest(f"'{key}' must be given, as {kind.__name__}")
    return body[key]


async def read_offer(request: Request) -> tuple[str, dict[str, Any]]:
    body = await read_json(request)
    return offer_in(body), body


def offer_in(body: dict[str, Any]) -> str:
    if body.get("type") != "offer":
        raise BadRequest("'type' must be 'offer'")
    sdp: str = require(body, "sdp", str)
    return sdp


async def problem_response(request: Request, error: Exception) -> Response:
    assert isinstance(error, Problem)
    return problem(error.status, error.title, error.detail, error.headers, error.reason)


async def http_response(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    return problem(error.status_code, error.detail, f"{request.method} {request.url.path}", dict(error.headers or {}))


async def gone_response(request: Request, error: Exception) -> Response:
    """To a client that hung up before its body was whole; nobody reads it."""
    return problem(BadRequest.status, BadRequest.title, "the client hung up before the body was whole", {})


async def crash_response(request: Request, error: Exception) -> Response:
    return problem(500, "Internal error", "the server's log has the details", {})


def problem(status: int, title: str, detail: str, headers: dict[str, str], reason: str = "") -> Response:
    """RFC 9457."""
    body = {"type": "about:blank", "title": title, "status": status, "detail": detail}
    body |= {"reason": reason} if reason else {}
    return JSONResponse(body, status, headers, media_type="application/problem+json")


async def presenter_response(request: Request, error: Exception) -> Response:
    return problem(NotFound.status, NotFound.title, str(error), {})


async def damaged_response(request: Request, error: Exception) -> Response:
    log.error("%s", error)
    return problem(500, "The presenter is damaged", "the server's log names the file and the fix", {})


HANDLERS = {
    Problem: problem_response,
    UnknownPresenter: presenter_response,
    FileRefused: damaged_response,
    HTTPException: http_response,
    ClientDisconnect: gone_response,
    Exception: crash_response,
}
