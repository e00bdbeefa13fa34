"""What the routes share: the server's state, and how a request finds it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from starlette.requests import Request

from streamer.clock import Clock
from streamer.config import Config
from streamer.errors import NotReady
from streamer.metrics import Metrics
from streamer.recording.recordings import Recordings
from streamer.recording.signing import Signer
from streamer.server.host import Host, LocalHost
from streamer.server.sessions import Sessions
from streamer.server.tasks import nothing
from streamer.threads import NewExecutor, thread_pool
from streamer.wiring import Runtime


@dataclass(slots=True)
class Server:
    """What the routes share. runtime, sessions and recordings are there once the engine has been warmed up."""

    config: Config
    clock: Clock
    metrics: Metrics
    load: Callable[[Config], Runtime]
    runtime: Runtime | None = None
    sessions: Sessions | None = None
    recordings: Recordings | None = None
    signer: Signer | None = None  # of recordings
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

    def host(self) -> Host:
        runtime, sessions = self.ready()
        return LocalHost(sessions, runtime.load_avatar)

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


def server_of(request: Request) -> Server:
    server: Server = request.app.state.server
    return server


def host_of(request: Request) -> Host:
    return server_of(request).host()


def sessions_of(request: Request) -> Sessions:
    return server_of(request).ready()[1]


def path(request: Request, link: str) -> str:
    """A link of this server, below the prefix under which a proxy shows it."""
    return str(request.scope.get("root_path", "")).rstrip("/") + link
