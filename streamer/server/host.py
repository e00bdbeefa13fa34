"""Where sessions live, as the doors of the server see it: plain data in, plain data out, no object crosses.

HTTP, WHIP, WHEP, sockets and plug-ins speak to a Host alone, so the sessions may be in this process (LocalHost), in
another one, or on another machine. A session's id names its worker, so that a door can route by it.
"""

from __future__ import annotations

import asyncio
import enum
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from engines.api import Avatar
from streamer.server.live_session import LiveSession
from streamer.server.sessions import Sessions
from streamer.speech.speaker import Speaker
from streamer.webrtc.offer import Wants
from streamer.webrtc.sdp_fragment import Fragment


class Source(enum.Enum):
    """Where a session's audio comes from."""

    RTP = "rtp"  # a client's microphone
    PCM = "pcm"  # a program pushes it


@dataclass(frozen=True, slots=True)
class NewSession:
    """What somebody asks for. previous: the id of the client's last session, which this one replaces."""

    avatar: str
    source: Source = Source.RTP
    previous: str | None = None


@dataclass(frozen=True, slots=True)
class ServerMs:
    """Where a frame's time goes between microphone and network, milliseconds; as the API names them."""

    buffer: float
    chunk: float
    lookahead: float
    engine: float
    release: float
    total: float


@dataclass(frozen=True, slots=True)
class SessionInfo:
    """A session as it is now. id gives control, watch_id does not."""

    id: str
    watch_id: str
    avatar: str
    source: Source
    state: str
    muted: bool
    voiced: bool
    frames: int
    late_frames: int
    degraded_frames: int
    concealed_ms: int
    jitter_buffer_ms: float
    viewers: int
    recording: bool
    server_ms: ServerMs


@dataclass(frozen=True, slots=True)
class Answer:
    """An SDP answer. connection: the id of a viewer's connection; the session's own for its client."""

    sdp: str
    connection: str


@dataclass(frozen=True, slots=True)
class Mute:
    muted: bool


@dataclass(frozen=True, slots=True)
class Interrupt:
    """Stop talking now."""


@dataclass(frozen=True, slots=True)
class End:
    """The client leaves; its viewers need not wait."""


@dataclass(frozen=True, slots=True)
class Disconnect:
    """A viewer leaves. The command is for its watch id."""

    connection: str


@dataclass(frozen=True, slots=True)
class Trickle:
    """Candidates that a connection's client has found since its offer. connection: as in its Answer."""

    connection: str
    fragment: Fragment


@dataclass(frozen=True, slots=True)
class CheckConnection:
    """Nothing but the problem, if there is no such connection any more. The command is for its watch id."""

    connection: str


Command = Mute | Interrupt | End | Disconnect | Trickle | CheckConnection


class Host(Protocol):
    """Every method may raise the Problems of streamer.errors."""

    async def create(self, wanted: NewSession) -> SessionInfo:
        """Begin a session. It plays from now on, and ends if it needs a client that never connects."""

    async def connect(self, address: str, offer: str, wants: Wants) -> Answer:
        """Connect to a session: its client by the session's id, a viewer by its watch id."""

    async def command(self, address: str, command: Command) -> None: ...

    def describe(self, session_id: str) -> SessionInfo: ...

    def speaker(self, session_id: str) -> Speaker:
        """Of a session whose audio is pushed, with the queue of its turns."""

    async def drain(self) -> None:
        """End every session and take no more."""


class LocalHost:
    """The sessions of this process. load: reads an avatar by its name; slow the first time."""

    def __init__(self, sessions: Sessions, load: Callable[[str], Avatar]) -> None:
        self._sessions = sessions
        self._load = load

    async def create(self, wanted: NewSession) -> SessionInfo:
        """See Host. The slot is reserved before anything is decoded, and kept for a client that comes back."""
        async with self._sessions.reserve(wanted.previous) as address:
            avatar = await asyncio.to_thread(self._load, wanted.avatar)
            await self._sessions.replace(address)
            return info_of(self._sessions.begin(address, avatar, pushed=wanted.source is Source.PCM))

    async def connect(self, address: str, offer: str, wants: Wants) -> Answer:
        if wants.audio_in:
            return Answer(await self._sessions.connect(address, offer, wants), address)
        viewer_id, sdp = await self._sessions.watch(address, offer, wants)
        return Answer(sdp, viewer_id)

    async def command(self, address: str, command: Command) -> None:
        match command:
            case Mute(muted):
                self._sessions.find(address).session.mute(muted)
            case Interrupt():
                self._sessions.find(address).session.interrupt()
            case End():
                self._sessions.leave(address)
            case Disconnect(connection):
                await self._sessions.stop_watching(address, connection)
            case Trickle(connection, fragment):
                await self._sessions.trickle(address, connection, fragment)
            case CheckConnection(connection):
                self._sessions.find_viewer(address, connection)

    def describe(self, session_id: str) -> SessionInfo:
        return info_of(self._sessions.find(session_id))

    def speaker(self, session_id: str) -> Speaker:
        return self._sessions.find_speaker(session_id)

    async def drain(self) -> None:
        await self._sessions.drain()


def info_of(live: LiveSession) -> SessionInfo:
    session, report = live.session, live.session.report()
    stages, counters, frame_ms = session.stages, session.counters, 1000 * session.frame_s
    return SessionInfo(
        id=live.id,
        watch_id=live.watch_id,
        avatar=session.avatar.name,
        source=Source.PCM if live.speech is not None else Source.RTP,
        state=session.state,
        muted=report.muted,
        voiced=report.voiced,
        frames=counters.frames,
        late_frames=counters.late,
        degraded_frames=counters.degraded,
        concealed_ms=round(report.concealed_s * 1000),
        jitter_buffer_ms=round(report.buffered_s * 1000, 1),
        viewers=len(live.viewers),
        recording=bool(live.recording),
        server_ms=ServerMs(
            buffer=round(stages.buffer * 1000, 1),
            chunk=frame_ms,
            lookahead=frame_ms * session.timing.lookahead_frames,
            engine=round(stages.engine * 1000, 1),
            release=round((stages.release - stages.engine) * 1000, 1),
            total=round(session.server_s * 1000, 1),
        ),
    )
