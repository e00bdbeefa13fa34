"""How long the engine takes for a full picture, as it was lately; so, for how many there is time. Knows no clock."""

from __future__ import annotations

RISE, FALL = (
    0.3,
    0.02,
)  # how fast the estimate follows calls that take longer, and shorter: silence costs less than speech
HOPE = 0.98  # kept of the estimate by a call that drew no full picture: it teaches nothing, but nobody waits for ever
MANY = 1_000_000  # more than any batch


class Pace:
    """One engine's."""

    __slots__ = ("_each",)

    def __init__(self) -> None:
        self._each = 0.0  # seconds for one full picture; 0 until one was drawn

    def note(self, seconds: float, full: int) -> None:
        """A call took so long, and drew so many full pictures."""
        if full == 0:
            self._each *= HOPE
            return
        each = seconds / full
        share = RISE if each > self._each and self._each else FALL if self._each else 1.0
        self._each += share * (each - self._each)

    def room(self, seconds: float) -> int:
        """How many full pictures can be drawn in so many seconds; MANY while nothing is known."""
        if self._each <= 0:
            return MANY
        return max(0, int(seconds / self._each))
