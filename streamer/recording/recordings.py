"""The recordings of a server: begin, find, stop, delete; limits of the folder. Knows no HTTP.

A recording's id is a secret of its own and the name of its file: it is found also after its session has ended, and
after the server has been started again.
"""

from __future__ import annotations

import asyncio
import logging
import re
import secrets
from collections import OrderedDict
from collections.abc import Callable
from concurrent.futures import Executor
from dataclasses import dataclass
from pathlib import Path

from streamer.clock import Clock
from streamer.config import RecordingConfig
from streamer.errors import Conflict, Gone, NotFound, NotStored
from streamer.metrics import Metrics
from streamer.recording.recorder import Recorder, fix_of
from streamer.recording.signing import Signer
from streamer.server.live_session import LiveSession
from streamer.server.sessions import Sessions
from streamer.server.tasks import ServerTasks

log = logging.getLogger(__name__)

RANDOM_BYTES = 16  # 128 bits: not to be guessed
FORM = re.compile(r"[\w-]{22}", re.ASCII)  # 16 bytes as token_urlsafe writes them
MB = 1_000_000
REMEMBERED = 256  # recordings that ended, of which the server still tells why
DRAIN_S = 5.0  # when the server stops: for what is written last; every file plays without it
OFF = "this server does not record; its operator sets recording.folder to a folder that the server may write to"


@dataclass(frozen=True, slots=True)
class RecordingInfo:
    """A recording as it is now. state: "recording", "finishing", "finished" or "failed"; seconds: None if the server
    was started again since; reason: why it ended; detail: what failed, with the fix; dropped: frames and packets of
    audio that the disk was too slow for."""

    id: str
    state: str
    seconds: float | None
    bytes: int
    dropped: int
    signed: bool | None
    reason: str
    detail: str


class Recordings:
    """executor: makes the thread of one recording; signer: signs each whole file, on that thread."""

    def __init__(
        self,
        config: RecordingConfig,
        sessions: Sessions,
        clock: Clock,
        metrics: Metrics,
        tasks: ServerTasks,
        executor: Callable[[], Executor],
        signer: Signer | None,
    ) -> None:
        self._config = config
        self._sessions = sessions
        self._clock = clock
        self._metrics = metrics
        self._tasks = tasks
        self._executor = executor
        self._signer = signer
        self._known: OrderedDict[str, Recorder] = OrderedDict()

    async def start(self, session_id: str) -> RecordingInfo:
        """Record the session from now on, until it or the recording is ended.

        Raises:
            NotFound, Gone: no such session.
            Conflict: this server does not record, or the session is being recorded already.
            NotStored: the folder is full or cannot be written to.
        """
        live = self._sessions.find(session_id)
        folder = self._folder()
        if live.recording:
            raise Conflict("the session is being recorded already; stop that recording first", reason="recording")
        live.recording = name = secrets.token_urlsafe(RANDOM_BYTES)
        try:
            await asyncio.to_thread(self._check_room, folder)
            recorder = self._new_recorder(name)
            await open_file(recorder, live)
            try:
                self._sessions.find(session_id)  # it may have ended meanwhile
            except (Gone, NotFound):
                await self._discard(name, recorder)
                raise
        except BaseException:
            live.recording = ""
            raise
        self._remember(name, recorder)
        live.broadcast.raw_receivers[name] = recorder
        self._metrics.recordings.inc()
        self._tasks.spawn(lambda: self._run(name, recorder, live), "recording", name[:6])
        return self.describe(name)

    def describe(self, name: str) -> RecordingInfo:
        """
        Raises:
            NotFound
        """
        recorder = self._known.get(name)
        if recorder is None:
            return RecordingInfo(name, "finished", None, self._stored(name).stat().st_size, 0, None, "", "")
        return RecordingInfo(
            name,
            recorder.state,
            round(recorder.seconds, 2),
            recorder.bytes,
            recorder.dropped,
            recorder.signed,
            recorder.reason,
            recorder.detail,
        )

    async def stop(self, name: str) -> RecordingInfo:
        """End it; returns when its file is whole. One that has ended stays as it is.

        Raises:
            NotFound
        """
        recorder = self._known.get(name)
        if recorder is not None:
            recorder.stop("stopped")
            await recorder.ended.wait()
        return self.describe(name)

    def file(self, name: str) -> Path:
        """The file of a recording that has ended.

        Raises:
            NotFound
            Conflict: it is still being written, or nothing was.
        """
        recorder = self._known.get(name)
        if recorder is not None and not recorder.ended.is_set():
            raise Conflict("the recording is still being made; stop it first")
        path = self._stored(name)
        if not path.stat().st_size:
            raise Conflict("the recording is empty: the session sent nothing while it was made")
        return path

    async def delete(self, name: str) -> None:
        """Stop it, if it is being made, and delete its file.

        Raises:
            NotFound
            NotStored: the file cannot be deleted.
        """
        await self.stop(name)
        path = self._path(name)
        try:
            await asyncio.to_thread(path.unlink, missing_ok=True)
        except OSError as error:
            log.error("the recording %s cannot be deleted: %s", path, error)
            raise NotStored(fix_of(error)) from error
        self._known.pop(name, None)

    async def drain(self) -> None:
        """Finish every file; what takes too long plays up to its last fragment."""
        running = [recorder for recorder in self._known.values() if not recorder.ended.is_set()]
        for recorder in running:
            recorder.stop("server-stopped")
        try:
            async with asyncio.timeout(DRAIN_S):
                for recorder in running:
                    await recorder.ended.wait()
        except TimeoutError:
            log.error("recordings that were not finished in time: %s", len(running))

    async def _run(self, name: str, recorder: Recorder, live: LiveSession) -> None:
        log.info("recording begins", extra={"recording": name[:6], "session": live.id[:6]})
        try:
            await recorder.run()
        finally:
            live.broadcast.raw_receivers.pop(name, None)
            live.recording = ""
            self._metrics.recordings.dec()
            self._metrics.recording_ends.labels(recorder.reason or "error").inc()
        log.info("recording ends", extra={"recording": name[:6], "reason": recorder.reason, "bytes": recorder.bytes})

    async def _discard(self, name: str, recorder: Recorder) -> None:
        """End a recording of which nothing was taken: its thread, its file and the file's handle."""
        recorder.stop("session-ended")
        await recorder.run()
        await asyncio.to_thread(self._path(name).unlink, missing_ok=True)

    def _new_recorder(self, name: str) -> Recorder:
        limit = self._config.max_mb * MB
        return Recorder(self._path(name), limit, self._executor(), self._clock, self._signer)

    def _remember(self, name: str, recorder: Recorder) -> None:
        self._known[name] = recorder
        ended = [known for known, each in self._known.items() if each.ended.is_set()]
        for known in ended[: max(0, len(self._known) - REMEMBERED)]:
            del self._known[known]

    def _folder(self) -> Path:
        if not self._config.folder:
            raise Conflict(OFF)
        return Path(self._config.folder)

    def _path(self, name: str) -> Path:
        return self._folder() / f"{name}.mp4"

    def _stored(self, name: str) -> Path:
        if not self._config.folder or FORM.fullmatch(name) is None or not self._path(name).is_file():
            raise NotFound("no such recording: it was deleted, or the address is wrong")
        return self._path(name)

    def _check_room(self, folder: Path) -> None:
        try:
            folder.mkdir(parents=True, exist_ok=True)
            used = sum(path.stat().st_size for path in folder.glob("*.mp4"))
        except OSError as error:
            log.error("the folder of recordings cannot be used: %s", error)
            raise NotStored(fix_of(error)) from error
        if used >= self._config.total_mb * MB:
            raise NotStored(
                f"recordings take {used // MB} of {self._config.total_mb} MB; delete some, or have the server's"
                " operator raise recording.total_mb"
            )


async def open_file(recorder: Recorder, live: LiveSession) -> None:
    session = live.session
    size, frame_rate = (session.avatar.width, session.avatar.height), session.timing.frame_rate
    try:
        await recorder.open(size, frame_rate, session.avatar.name)
    except OSError as error:
        log.error("a recording cannot begin: %s", error)
        raise NotStored(fix_of(error)) from error
