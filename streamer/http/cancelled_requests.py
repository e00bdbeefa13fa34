"""What becomes of a request that is still running when the server has no more time to drain."""

from __future__ import annotations

import asyncio
import logging

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from streamer.errors import NotReady
from streamer.http.requests import problem

log = logging.getLogger(__name__)


class CancelledRequests:
    """Answers 503 to a request that the stopping server cancels, such as one whose body still comes in.

    uvicorn cancels those, and would answer 500 and log a traceback for each. One whose answer has begun is cut off.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        begun = False

        async def send_and_note(message: Message) -> None:
            nonlocal begun
            begun = True
            await send(message)

        try:
            await self._app(scope, receive, send_and_note)
        except asyncio.CancelledError:
            log.info("a request was cancelled: the server stops", extra={"method": scope["method"]})
            if not begun:
                answer = problem(NotReady.status, NotReady.title, "the server is stopping", {"Connection": "close"})
                await answer(scope, receive, send)
