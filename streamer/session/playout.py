"""Pairs every frame with its own audio. Knows no clock: the session says when.

A Unit is one tick of playout: a frame and its 40 ms of audio. Both take their timestamps from the one unit they belong
to, so lip-sync is a property of the type and not of two clocks agreeing. A generation number marks what was said before
an interruption: no audio of an older generation leaves, and no frame of one is encoded any more.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, replace

import numpy as np

from engines.api import Frame
from streamer.audio.input import PulledAudio, Samples


@dataclass(frozen=True, slots=True, eq=False)
class Unit:
    """One tick of playout.

    index: counts video frames since the session began; presentation time is index / frame rate.
    chunk: number of the chunk whose audio this is; negative before the first one has passed the look-ahead.
    audio: (48000 / frame rate,) float32 at 48 kHz, what is heard while the frame is shown.
    due: when audio and frame leave, on the monotonic clock, seconds.
    turn: which turn of its source is heard; None outside of turns.
    frame: what the engine drew for this audio, once it has.
    """

    index: int
    chunk: int
    audio: Samples
    due: float
    generation: int
    turn: str | None = None
    frame: Frame | None = None

    def with_frame(self, frame: Frame) -> Unit:
        """The unit, complete.

        Raises:
            RuntimeError: the frame is of other audio. Better no session than lips that say something else.
        """
        if frame.index != self.chunk:
            raise RuntimeError(f"unit {self.index} has the audio of chunk {self.chunk}, the frame is of {frame.index}")
        return replace(self, frame=frame)

    def silenced(self) -> Unit:
        """The unit, with silence for its audio: that was interrupted."""
        return replace(self, audio=np.zeros_like(self.audio), turn=None)


class Playout:
    """Holds audio back until its frame can be drawn: `lookahead` frames of it, never more.

    lookahead: how many frames the engine must hear beyond the one it draws.
    """

    __slots__ = ("_chunk", "_index", "_waiting", "generation")

    def __init__(self, lookahead: int, samples_per_frame: int) -> None:
        self.generation = 0
        self._index = -1
        self._chunk = -1 - lookahead  # number of the chunk whose audio was taken last
        silence = PulledAudio(np.zeros(samples_per_frame, np.float32), voiced=False)
        # One longer than what waits: `unit` appends before it takes, and full it would drop the oldest instead.
        self._waiting: deque[PulledAudio] = deque([silence] * lookahead, maxlen=lookahead + 1)

    def unit(self, pulled: PulledAudio, due: float) -> Unit:
        """Take the newest frame of audio; returns the unit whose time has come, look-ahead frames older."""
        ready = self.skip(pulled)
        self._index += 1
        return Unit(self._index, self._chunk, ready.samples, due, self.generation, ready.turn)

    def skip(self, pulled: PulledAudio) -> PulledAudio:
        """Take a frame of audio without a tick; returns the oldest, which is then never played."""
        self._waiting.append(pulled)
        self._chunk += 1
        return self._waiting.popleft()

    @property
    def between_turns(self) -> bool:
        """Nothing in hand belongs to a turn."""
        return all(each.turn is None for each in self._waiting)

    def current(self, unit: Unit) -> bool:
        """Was the unit made after the last interruption?"""
        return unit.generation == self.generation

    def flush(self) -> None:
        """Replace all audio in hand by silence, and invalidate the frames in flight."""
        self.generation += 1
        silent = [PulledAudio(np.zeros_like(each.samples), voiced=False) for each in self._waiting]
        self._waiting.clear()
        self._waiting.extend(silent)
