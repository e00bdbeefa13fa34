"""A running session with what is connected to it: its client, if it has one, and its viewers."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field

from streamer.audio.rtp_input import RtpInput
from streamer.audio.speech_queue import SpeechQueue
from streamer.output.broadcast import Broadcast
from streamer.session.session import Session
from streamer.speech.speaker import Speaker
from streamer.webrtc.peer import Peer


@dataclass(slots=True, eq=False)
class Viewer:
    """A client that only watches."""

    id: str
    peer: Peer
    timer: asyncio.Task[None] | None = None  # removes it if it never connects


@dataclass(slots=True, eq=False)
class LiveSession:
    """A running session with its connections. Both ids are unguessable; the watch id gives no control.

    microphone: of a session with a client; speech: of one whose audio a program pushes, and speaker,
    which says texts there. One of them is there.
    """

    id: str
    watch_id: str
    session: Session
    broadcast: Broadcast
    microphone: RtpInput | None = None
    speech: SpeechQueue | None = None
    speaker: Speaker | None = None
    peer: Peer | None = None
    connecting: asyncio.Lock = field(default_factory=asyncio.Lock)  # closed half-way, a connection leaves sockets open
    viewers: dict[str, Viewer] = field(default_factory=dict)
    recording: str = ""  # id of the recording that is being made
    slot_released: asyncio.Event = field(default_factory=asyncio.Event)  # its slot and its addresses are free
    closed: asyncio.Event = field(default_factory=asyncio.Event)  # its connections are, too
