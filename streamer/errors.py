"""Every error that a caller of the server can see, as RFC 9457 problems.

Problem
├── Elsewhere           307  another server has the session; `Location` names it
├── BadOffer            422  the SDP cannot be served
├── WrongContentType    415
├── TooLarge            413
├── BadRequest          400  not JSON, or a field is missing or of the wrong type
├── NotFound            404  no such session, presenter or page
├── Conflict            409  the session is not in the state for this
├── Gone                410  the session has ended; `reason` names why
├── VoiceFailed         502  a voice cannot be had, hangs, or sends no PCM
├── NotStored           507  the disk or the folder does not take it
├── NotReady            503  starting or draining
└── Full                503  every slot is taken

ConfigError stands apart: it is for the person who starts the server.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType


class Problem(Exception):
    """A refusal with a status, a title for people and a detail that says how to fix it."""

    status = 500
    title = "Internal error"

    def __init__(
        self,
        detail: str,
        *,
        retry_after_s: int | None = None,
        reason: str = "",
        headers: Mapping[str, str] = MappingProxyType({}),
    ) -> None:
        """reason: names it for programs, as an extension member of the problem; headers: of the answer."""
        super().__init__(detail)
        self.detail = detail
        self.reason = reason
        self.headers = dict(headers) | ({"Retry-After": str(retry_after_s)} if retry_after_s else {})


class Elsewhere(Problem):
    """server: the address of the server to ask, such as "https://two.example.org/lipcast", without a slash at the end.

    A door adds the request's own path and query; a client repeats its request there.
    """

    status, title = 307, "Another server has this session"

    def __init__(self, server: str) -> None:
        super().__init__(f"repeat the request at {server}, as the Location header says")
        self.server = server


class BadRequest(Problem):
    status, title = 400, "The request cannot be read"


class NotFound(Problem):
    status, title = 404, "Not found"


class Conflict(Problem):
    status, title = 409, "Not possible now"


class Gone(Problem):
    status, title = 410, "This session is over"


class TooLarge(Problem):
    status, title = 413, "The request is too large"


class WrongContentType(Problem):
    status, title = 415, "Wrong content type"


class BadOffer(Problem):
    status, title = 422, "The offer cannot be served"


class VoiceFailed(Problem):
    status, title = 502, "The voice failed"


class NotStored(Problem):
    status, title = 507, "It cannot be stored"


class NotReady(Problem):
    status, title = 503, "The server is not ready"


class Full(Problem):
    status, title = 503, "Server at capacity"


class ConfigError(Exception):
    """A key or a value of the configuration is wrong; the message names it and says what was expected."""
