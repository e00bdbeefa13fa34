"""Every error that a caller of the server can see, as RFC 9457 problems.

Problem
├── BadOffer            422  the SDP cannot be served
├── WrongContentType    415
├── TooLarge            413
├── BadRequest          400  not JSON, or a field is missing or of the wrong type
├── NotFound            404  no such session, presenter or page
├── Gone                410  the speaker has left: the viewers need not wait
├── NotReady            503  starting or draining
└── Full                503  every slot is taken

ConfigError stands apart: it is for the person who starts the server.
"""

from __future__ import annotations


class Problem(Exception):
    """A refusal with a status, a title for people and a detail that says how to fix it."""

    status = 500
    title = "Internal error"

    def __init__(self, detail: str, *, retry_after_s: int | None = None) -> None:
        super().__init__(detail)
        self.detail = detail
        self.retry_after_s = retry_after_s


class BadRequest(Problem):
    status, title = 400, "The request cannot be read"


class NotFound(Problem):
    status, title = 404, "Not found"


class Gone(Problem):
    status, title = 410, "This session is over"


class TooLarge(Problem):
    status, title = 413, "The request is too large"


class WrongContentType(Problem):
    status, title = 415, "Wrong content type"


class BadOffer(Problem):
    status, title = 422, "The offer cannot be served"


class NotReady(Problem):
    status, title = 503, "The server is not ready"


class Full(Problem):
    status, title = 503, "Server at capacity"


class ConfigError(Exception):
    """A key or a value of the configuration is wrong; the message names it and says what was expected."""
