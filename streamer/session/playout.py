"""Pairs every picture with its own sound. Knows no clock: the session says when.

A Unit is one tick of playout: an image and its 40 ms of sound. Both take their timestamps from the one unit
they belong to, so lip-sync is a property of the type and not of two clocks agreeing. A generation number marks
what was said before an interruption: nothing of an older generation ever leaves.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass

import numpy as np

from streamer.audio.concealment import Samples


@dataclass(frozen=True, slots=True, eq=False)
class Unit:
    """One tick of playout; the picture that is drawn for it carries it along.

    index: counts video frames since the session began; presentation time is index / frame rate.
    sound: (48000 / frame rate,) float32 at 48 kHz, what is heard while the picture is shown.
    due: when sound and picture leave, on the monotonic clock, seconds.
    """

    index: int
    sound: Samples
    due: float
    generation: int


class Playout:
    """Holds sound back until its picture can be drawn: `lookahead` frames of it, never more.

    lookahead: how many frames the engine must hear beyond the one it draws.
    """

    __slots__ = ("_index", "_silence", "_sounds", "generation")

    def __init__(self, lookahead: int, samples_per_frame: int) -> None:
        self.generation = 0
        self._index = -1
        self._silence = np.zeros(samples_per_frame, np.float32)
        self._sounds: deque[Samples] = deque([self._silence] * lookahead, maxlen=lookahead + 1)

    def unit(self, heard: Samples, due: float) -> Unit:
        """Take the newest frame of sound; returns the unit whose time has come, look-ahead frames older."""
        self._sounds.append(heard)
        self._index += 1
        return Unit(self._index, self._sounds.popleft(), due, self.generation)

    def current(self, unit: Unit) -> bool:
        """Was the unit made after the last interruption?"""
        return unit.generation == self.generation

    def flush(self) -> None:
        """Drop all sound in hand and disown every picture that is being drawn."""
        self.generation += 1
        self._sounds.extend([self._silence] * len(self._sounds))
