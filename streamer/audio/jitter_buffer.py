"""The audio jitter buffer: packets in whenever they come, sound out whenever it is asked for.

A pure data structure: no task, no clock, no thread; time is an argument. It reorders, conceals what is
missing, and drains what piles up, so that a lost packet never leaves delay behind (the stock one of the
WebRTC library keeps 280 ms for ever after a single loss).

Packets are placed by their RTP timestamp (48 kHz). `cursor` is the timestamp of the next sample that is
not yet decoded. Two kinds of missing sound are told apart:
  lost     a later packet is here: the hole is concealed and the cursor moves past it, delay stays;
  not here nothing is here: concealment buys time and the cursor waits. If the packets come after all
           they are played, late, and the surplus is drained pitch period by pitch period; if they never
           come, the time already bought is set against the hole.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from streamer.audio.concealment import MAX_PERIOD, SAMPLE_RATE, Concealer, Samples, shorten, splice

MILLISECOND = SAMPLE_RATE // 1000  # samples
BLOCK = 10 * MILLISECOND  # concealment is made in blocks of 10 ms
LONGEST_CONCEALED_HOLE = 100 * MILLISECOND  # beyond that a voice has moved on: jump
SENDER_JUMPED = 2 * SAMPLE_RATE  # a timestamp so far off is a new beginning, not a delay
MAX_PACKETS = 100  # 2 s of 20 ms packets; more is a flood
WINDOW_PULLS = 25  # surplus is what was left over in every one of the last 25 pulls (1 s)
TOLERANCE = 4 * MILLISECOND  # surplus below this is not worth a cut
SKIP = 120 * MILLISECOND  # surplus beyond this is skipped at once
UNDERRUN_STEP = 10 * MILLISECOND  # how much more is kept in hand after sound came too late …
MAX_TARGET = 60 * MILLISECOND
CALM_PULLS = 250  # … and for how many pulls (10 s) without another before it is given back


@dataclass(frozen=True, slots=True, eq=False)
class Sound:
    """(count,) float32 at 48 kHz in [-1, 1]; how many samples of it are invented; whether a peer is sending."""

    samples: Samples
    concealed: int
    active: bool


class JitterBuffer:
    """See the module's text.

    decode: one packet's payload → samples at 48 kHz, mono; raises ValueError for a payload it cannot read.
    target_ms: sound kept in hand beyond what is needed at every pull.
    """

    def __init__(self, decode: Callable[[bytes], Samples], target_ms: float = 0.0) -> None:
        self._decode = decode
        self._base_target = int(target_ms * MILLISECOND)
        self._target = self._base_target
        self._packets: dict[int, bytes] = {}
        self._cursor: int | None = None
        self._pcm: Samples = np.zeros(0, np.float32)
        self._concealed_debt = 0  # samples concealed since the cursor last moved
        self._surplus: deque[int] = deque(maxlen=WINDOW_PULLS)
        self._calm = 0
        self._concealer = Concealer()
        self.late_packets = 0
        self.bad_packets = 0
        self.dropped_packets = 0

    @property
    def depth_ms(self) -> float:
        """Sound in hand: decoded and not yet played, and in packets without a hole before them."""
        return (len(self._pcm) + self._contiguous()) / MILLISECOND

    def insert(self, timestamp: int, payload: bytes) -> None:
        """Take one packet; `timestamp` is the RTP timestamp, 32 bits."""
        if self._cursor is None:
            self._begin_again(timestamp)
        assert self._cursor is not None
        extended = self._cursor + signed32(timestamp - self._cursor)
        if abs(extended - self._cursor) > SENDER_JUMPED + self._concealed_debt:
            self._begin_again(extended)
        elif extended < self._cursor:
            self.late_packets += 1
            return
        if len(self._packets) >= MAX_PACKETS:
            self.dropped_packets += 1
            del self._packets[min(self._packets)]
        self._packets[extended] = payload

    def pull(self, count: int) -> Sound:
        """The next `count` samples, whatever has come."""
        concealed = 0
        while len(self._pcm) < count:
            if not self._decode_next():
                concealed += self._conceal()
        self._drain(count)
        out, self._pcm = self._pcm[:count], self._pcm[count:]
        return Sound(
            out, min(concealed, count), active=self._concealed_debt < SAMPLE_RATE // 2 and self._cursor is not None
        )

    def flush(self) -> None:
        """Forget everything in hand; the next packet begins anew without delay."""
        self._packets.clear()
        self._cursor = None
        self._pcm = self._pcm[:0]
        self._concealed_debt = 0
        self._surplus.clear()
        self._concealer = Concealer()

    def _begin_again(self, cursor: int) -> None:
        self._packets.clear()
        self._cursor = cursor
        self._concealed_debt = 0
        self._surplus.clear()

    def _decode_next(self) -> bool:
        """Decode the packet at the cursor, if it is here."""
        if self._cursor is None or self._cursor not in self._packets:
            return False
        payload = self._packets.pop(self._cursor)
        try:
            samples = self._decode(payload)
        except ValueError:
            self.bad_packets += 1
            return False
        self._cursor += len(samples)
        if self._concealed_debt:
            self._on_underrun()
        self._pcm = np.concatenate([self._pcm, self._concealer.heard(samples)])
        return True

    def _conceal(self) -> int:
        """Fill or skip a hole before the next packet, or buy time when there is none; returns samples invented."""
        self._forget_overtaken()
        if self._cursor is not None and self._packets:
            hole = min(self._packets) - self._cursor
            repaid = min(hole, self._concealed_debt)
            self._concealed_debt -= repaid
            self._cursor += repaid
            hole -= repaid
            if hole > LONGEST_CONCEALED_HOLE:
                self._cursor += hole
                hole = 0
            if hole == 0:
                return 0
            self._cursor += hole
            return self._invent(hole)
        self._concealed_debt += BLOCK
        return self._invent(BLOCK)

    def _invent(self, count: int) -> int:
        self._pcm = np.concatenate([self._pcm, self._concealer.conceal(count)])
        return count

    def _forget_overtaken(self) -> None:
        """A packet that begins before the cursor can no longer be played (packet lengths changed)."""
        cursor = self._cursor
        if cursor is not None:
            for timestamp in [t for t in self._packets if t < cursor]:
                del self._packets[timestamp]
                self.late_packets += 1

    def _contiguous(self) -> int:
        """Samples in packets without a hole before them, taking the packets' spacing for their length."""
        if self._cursor is None or self._cursor not in self._packets:
            return 0
        places = sorted(self._packets)
        step = places[1] - places[0] if len(places) > 1 else 20 * MILLISECOND
        total = 0
        while self._cursor + total in self._packets and step > 0:
            total += step
        return total

    def _on_underrun(self) -> None:
        """The packet that was waited for has come, after time was bought for it: keep a little more in hand."""
        self._concealed_debt = 0
        if len(self._surplus) == WINDOW_PULLS:  # the first second only finds the sender's rhythm
            self._target = min(self._target + UNDERRUN_STEP, MAX_TARGET)
            self._calm = 0

    def _drain(self, count: int) -> None:
        """Drain what is more than this pull and the target need; keep less in hand after a calm time.

        Done before the pull's samples leave: with them there is enough sound to find a pitch and to join on.
        """
        self._calm += 1
        if self._calm >= CALM_PULLS:
            self._target = max(self._base_target, self._target - UNDERRUN_STEP)
            self._calm = 0
        spare = len(self._pcm) + self._contiguous() - count
        self._surplus.append(spare)
        surplus = spare - self._target
        if surplus > SKIP:
            surplus = self._gather(count, surplus)
            self._pcm = splice(self._pcm, surplus)
            self._surplus.clear()
        elif len(self._surplus) == WINDOW_PULLS and min(self._surplus) - self._target > TOLERANCE:
            self._shorten(self._gather(count, min(self._surplus) - self._target))

    def _gather(self, count: int, surplus: int) -> int:
        """Decode until `count` samples remain when `surplus` are cut away; returns how many may be cut."""
        while len(self._pcm) < count + surplus and self._contiguous() and self._decode_next():
            pass
        return min(surplus, len(self._pcm) - count)

    def _shorten(self, surplus: int) -> None:
        before = len(self._pcm)
        self._pcm = shorten(self._pcm, surplus)
        removed = before - len(self._pcm)
        if not removed and surplus < MAX_PERIOD:
            self._surplus.clear()  # less than a pitch period: look again in a second, not at every pull
        self._surplus = deque((spare - removed for spare in self._surplus), maxlen=WINDOW_PULLS)


def signed32(difference: int) -> int:
    """A difference of 32-bit timestamps as the nearest signed number (RFC 1982)."""
    return (difference + (1 << 31)) % (1 << 32) - (1 << 31)
