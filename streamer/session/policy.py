"""What a session may be asked to do differently, and what it tells. Knows no server's configuration and no metrics."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True, slots=True)
class Policy:
    """Times in seconds; None: never.

    connect_s: a session whose client has not connected by then ends. idle_s: one whose source has sent no audio for so
    long ends; programs pause between sentences, so it is long. margin_s: from the end of a frame's audio to its
    release, for drawing and encoding; None: as the engine declares.
    """

    connect_s: float | None = 15.0
    idle_s: float | None = 120.0
    margin_s: float | None = None


class Observer(Protocol):
    """Hears what happens in a session. Called on the event loop; none of it may block or raise."""

    def stage(self, name: str, seconds: float) -> None:
        """What a stage took of the way from microphone to frame: "buffer", "engine", "release" or "total"."""

    def frame(self, late_s: float, degraded: bool) -> None:
        """A frame was sent, so long after its audio."""

    def first_frame(self, after_s: float) -> None:
        """The first one, so long after the session began."""

    def late_frame(self) -> None:
        """A frame was not drawn or encoded in time: the one before stays."""

    def audio(self, buffered_s: float, concealed_s: float) -> None:
        """A frame of audio was pulled: what is left in hand, and how much of it was concealed."""

    def dropped_audio(self, seconds: float) -> None:
        """Audio did not leave: its encoder stood still for too long."""


class SilentObserver:
    """Tells nobody."""

    def stage(self, name: str, seconds: float) -> None: ...

    def frame(self, late_s: float, degraded: bool) -> None: ...

    def first_frame(self, after_s: float) -> None: ...

    def late_frame(self) -> None: ...

    def audio(self, buffered_s: float, concealed_s: float) -> None: ...

    def dropped_audio(self, seconds: float) -> None: ...
