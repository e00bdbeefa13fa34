"""The audio that drives a session, whatever its source: what a session needs of it and no more."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

Samples = NDArray[np.float32]


@dataclass(frozen=True, slots=True, eq=False)
class PulledAudio:
    """The next piece of audio, ready to be sent and to be drawn from.

    samples: (n,) float32 at 48 kHz, mono, in [-1, 1].
    voiced: somebody speaks in it, or did just before it.
    concealed: how many of the samples stand for audio that was lost.
    turn: the turn that the piece belongs to; None outside of turns, and always for a source that has none.
    """

    samples: Samples
    voiced: bool
    concealed: int = 0
    turn: str | None = None


@dataclass(frozen=True, slots=True)
class Position:
    """How much of a turn has been pulled, seconds of its audio."""

    turn: str
    played_s: float


@dataclass(frozen=True, slots=True)
class InputReport:
    """An input's state, for timers, metrics and people.

    buffered_s: audio in hand, seconds.
    idle_s: seconds since audio last came; infinite if none ever came.
    clock_shift_s: how far the media clock should move before the next pull to follow the source; positive is later.
    concealed_s: seconds of audio that were lost, in all.
    position: of the turn that is played; None where there is none.
    """

    buffered_s: float
    idle_s: float
    clock_shift_s: float
    concealed_s: float
    muted: bool
    voiced: bool
    position: Position | None = None


class AudioInput(Protocol):
    """Pulled once a video frame, on the event loop. `now` is monotonic seconds."""

    def pull(self, samples: int, now: float) -> PulledAudio:
        """The next `samples` samples at 48 kHz. Always whole: what is missing is silence or concealed. Never waits."""

    def interrupt(self) -> None:
        """Stop what is being said. A microphone is ignored until its speaker pauses; other sources drop what waits."""

    def mute(self, muted: bool) -> None:
        """While muted, pulled audio is silence; the source runs on."""

    def report(self, now: float) -> InputReport: ...
