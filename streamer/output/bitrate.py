"""When to follow the receiver's bandwidth estimate. Changing the bit rate costs a key frame, so seldom.

Pure: time is an argument.
"""

from __future__ import annotations

from streamer.config import VideoConfig

STEP = 1.25  # a change of less than a quarter is not worth a key frame
PATIENCE_UP_S = 4.0  # estimates grow in little steps: wait and take several at once
PATIENCE_DOWN_S = 1.0  # falling is urgent, but one bad report is not a trend


class BitrateGovernor:
    """Turns many estimates into few changes."""

    __slots__ = ("_changed_at", "_config", "_estimates", "bitrate")

    def __init__(self, config: VideoConfig) -> None:
        self._config = config
        self._changed_at = float("-inf")
        self._estimates: dict[str, int] = {}
        self.bitrate = config.start_bitrate

    def estimate(self, receiver: str, bits_per_second: int, now: float) -> None:
        """One receiver's estimate of what its path carries; the weakest receiver decides."""
        self._estimates[receiver] = bits_per_second
        wanted = min(self._estimates.values())
        wanted = max(self._config.min_bitrate, min(self._config.max_bitrate, wanted))
        rising = wanted >= self.bitrate
        ratio = wanted / self.bitrate if rising else self.bitrate / wanted
        patience = PATIENCE_UP_S if rising else PATIENCE_DOWN_S
        if ratio >= STEP and now - self._changed_at >= patience:
            self.bitrate = wanted
            self._changed_at = now

    def forget(self, receiver: str) -> None:
        """The receiver has left."""
        self._estimates.pop(receiver, None)
