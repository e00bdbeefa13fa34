"""Keeps the session in step with the microphone: a frame is taken just after the packet that completes it.

A sender's packets come every 20 ms, at moments that have nothing to do with ours; taken at a random moment, sound
waits 10 ms on average for nothing. And no two clocks run alike: 100 parts in a million are 6 ms a minute.
So the media clock, of audio and video together, follows the packets' arrival, slowly.

Pure: ages in, shifts out.
"""

from __future__ import annotations

from collections import deque

GUARD_S = 0.006  # a packet should be there this long before it is needed
SLACK_S = 0.002  # not worth a shift
STEP_S = 0.00025  # per frame of 40 ms: 0.6 %, which no receiver's own buffer notices
WINDOW = 25  # frames (1 s): the least age in it is that of the latest packet
PAUSED_S = 0.1  # no packet for so long: nobody is sending
STEADY_S = 0.008  # ages that scatter more than this are jitter, which is the jitter buffer's to absorb


class SenderClock:
    """One sender's."""

    __slots__ = ("_ages",)

    def __init__(self) -> None:
        self._ages: deque[float] = deque(maxlen=WINDOW)

    def shift(self, age_s: float) -> float:
        """By how much to move the clock before the next frame, seconds; positive is later.

        age_s: how long ago the newest packet had come when a frame was taken.
        """
        if age_s > PAUSED_S:
            self._ages.clear()  # what the sender did before it paused says nothing
            return 0.0
        self._ages.append(age_s)
        if len(self._ages) < WINDOW:
            return 0.0
        least, most = min(self._ages), max(self._ages)
        if least > GUARD_S + SLACK_S:
            return -STEP_S
        if least < GUARD_S - SLACK_S and most - least < STEADY_S:
            return STEP_S
        return 0.0
