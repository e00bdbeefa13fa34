"""When to follow the receivers' bandwidth estimates. Changing a bit rate costs a key frame, so seldom.

Pure: time is an argument.
"""

from __future__ import annotations

from streamer.config import VideoConfig
from streamer.output.receiver import Bandwidth

STEP = 1.25  # a change of less than a quarter is not worth a key frame
PATIENCE_UP_S = 4.0  # estimates grow in little steps: wait and take several at once
PATIENCE_DOWN_S = 1.0  # falling is urgent, but one bad report is not a trend
WEAK, RECOVERED = 0.5, 0.8  # of the best estimate: below the first a receiver is served apart, above the second no more
RECOVERY_S = 10.0  # without a weak estimate before a receiver is served with the others again: it costs a key frame


class BitrateGovernor:
    """One rendition's bit rate: turns many estimates into few changes."""

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


class BandwidthClasses:
    """Which receivers share a bit rate, so that one weak path does not set the quality of all."""

    __slots__ = ("_classes", "_estimates", "_governors", "_max", "_weak_at")

    def __init__(self, config: VideoConfig) -> None:
        self._governors = {bandwidth: BitrateGovernor(config) for bandwidth in Bandwidth}
        self._max = config.max_bitrate
        self._estimates: dict[str, int] = {}
        self._classes: dict[str, Bandwidth] = {}
        self._weak_at: dict[str, float] = {}  # when a receiver was last not recovered, seconds

    def of(self, receiver: str) -> Bandwidth:
        return self._classes.get(receiver, Bandwidth.HIGH)

    def bitrate(self, bandwidth: Bandwidth) -> int:
        """Bit/s."""
        return self._governors[bandwidth].bitrate

    def estimate(self, receiver: str, bits_per_second: int, now: float) -> bool:
        """One receiver's estimate of what its path carries. Returns whether it has changed its class."""
        self._estimates[receiver] = min(bits_per_second, self._max)
        share = self._estimates[receiver] / max(1, *self._estimates.values())
        before = self.of(receiver)
        if share < RECOVERED:
            self._weak_at[receiver] = now
        # Down at once, up late: an estimate that swings must not set the bit rate of the others at each swing.
        if before is Bandwidth.HIGH:
            wanted = Bandwidth.LOW if share < WEAK else Bandwidth.HIGH
        else:
            recovered = now - self._weak_at.get(receiver, float("-inf")) >= RECOVERY_S
            wanted = Bandwidth.HIGH if recovered else Bandwidth.LOW
        if wanted is not before:
            self._governors[before].forget(receiver)
            self._classes[receiver] = wanted
        self._governors[wanted].estimate(receiver, bits_per_second, now)
        return wanted is not before

    def forget(self, receiver: str) -> None:
        """The receiver has left."""
        for known in (self._estimates, self._classes, self._weak_at):
            known.pop(receiver, None)
        for governor in self._governors.values():
            governor.forget(receiver)
