"""A running session with those who are connected to it: the speaker, and whoever watches."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field

from streamer.audio.rtp_input import RtpInput
from streamer.output.broadcast import Broadcast
from streamer.session.session import Session
from streamer.webrtc.peer import Peer


@dataclass(slots=True, eq=False)
class Viewer:
    """Somebody who only watches."""

    id: str
    peer: Peer
    timer: asyncio.Task[None] | None = None  # removes them if they never connect


@dataclass(slots=True, eq=False)
class LiveSession:
    """A running session with its connections. Both ids are unguessable; the watch id gives no control."""

    id: str
    watch_id: str
    session: Session
    audio: RtpInput
    broadcast: Broadcast
    peer: Peer
    viewers: dict[str, Viewer] = field(default_factory=dict)
    slot_released: asyncio.Event = field(default_factory=asyncio.Event)  # its place and its addresses are free
    closed: asyncio.Event = field(default_factory=asyncio.Event)  # its connections are, too
