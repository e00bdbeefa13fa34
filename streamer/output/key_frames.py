"""When a rendition's next frame is a key frame. One costs as much as some ten others, at the same bit rate: a receiver
that asks without end would blur the video of all. Knows no clock: frames are counted.
"""

from __future__ import annotations

NEWCOMER_PAUSE = 5  # frames (0.2 s): receivers that come close together begin with the same key frame
REQUEST_PAUSE = 25  # frames (1 s) after the last key frame; libwebrtc's senders answer a PLI no faster than 0.3 s
RECEIVER_PAUSE = 75  # frames (3 s) between two requests of one receiver that count


class KeyFrames:
    """Of one rendition."""

    __slots__ = ("_asked", "_last", "_requests", "newcomers")

    def __init__(self) -> None:
        self.newcomers: set[str] = set()  # receivers that have not had their first key frame
        self._requests: set[str] = set()  # those that have lost something
        self._asked: dict[str, int] = {}  # the frame at which a receiver's request was last answered
        self._last = -REQUEST_PAUSE

    def add(self, receiver: str) -> None:
        """The receiver has just begun to take this rendition."""
        self.newcomers.add(receiver)

    def request(self, receiver: str) -> None:
        """The receiver cannot decode what follows (RFC 4585 section 6.3.1, PLI)."""
        self._requests.add(receiver)

    def remove(self, receiver: str) -> None:
        self.newcomers.discard(receiver)
        self._requests.discard(receiver)
        self._asked.pop(receiver, None)

    def due(self, index: int) -> bool:
        """Must frame `index` be a key frame?"""
        since = index - self._last
        if self.newcomers and since >= NEWCOMER_PAUSE:
            return True
        heard = {name for name in self._requests if index - self._asked.get(name, -RECEIVER_PAUSE) >= RECEIVER_PAUSE}
        return bool(heard) and since >= REQUEST_PAUSE

    def sent(self, index: int) -> None:
        """Frame `index` was a key frame, whoever asked for it: it answers all."""
        self._last = index
        self._asked |= dict.fromkeys(self._requests, index)
        self._requests.clear()
