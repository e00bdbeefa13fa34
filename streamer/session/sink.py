"""Where a session's units go: WebRTC viewers, a recorder, a program. The session decides when, the sink how."""

from __future__ import annotations

from typing import Protocol

from engines.api import Frame
from streamer.session.playout import Unit

GRACE_S = 0.020  # half a frame: a frame that late is still nearer to its audio than to the next


class Sink(Protocol):
    """Called on the event loop. The calls of one kind are in order; each may still run when the next one begins."""

    @property
    def picture_s(self) -> float:
        """How long before its due time a frame must be handed over to leave in time, seconds."""

    async def sound(self, unit: Unit) -> bool:
        """Send the unit's audio at unit.due; after a flush silence leaves in its place, or nothing.

        Returns False if the audio was dropped, as it is if it would leave too late.
        """

    async def picture(self, unit: Unit, frame: Frame) -> bool:
        """Send the unit's frame at unit.due or, if it is late, at once; returns when it has left.

        Returns whether anybody was sent it: not if it came too late, was flushed, or nobody receives.
        """

    def flush(self) -> None:
        """An interruption: what has not left must not leave, as far as later frames do not depend on it."""

    async def close(self) -> None:
        """The session has ended: tell all receivers."""
