"""The audio jitter buffer: packets in whenever they come, audio out whenever it is asked for.

A pure data structure: no task, no clock, no thread; time is an argument. It reorders, conceals what is missing and
drains what piles up, so that a lost packet never leaves delay behind (the stock buffer of the WebRTC library keeps
280 ms for ever after a single loss).

Theory of operation
-------------------
Packets are placed by their RTP timestamp (48 kHz). The cursor is the timestamp of the next sample that is not decoded.
A pull decodes packets from the cursor on until it has enough, and takes its samples from the front of what is decoded:

      pull takes                   cursor
      these samples                  |
        |                            v
    +---v------+------------------+ +--------+--------+ - - - - +--------+
    |  pulled  |  decoded samples | | packet | packet |   gap   | packet |     RTP time ->
    +----------+------------------+ +--------+--------+ - - - - +--------+
               |<------ depth: audio in hand -------->|

Where the cursor finds no packet, audio is concealed: the last pitch period is repeated and fades out. Two cases
differ:

    gap        a later packet is here, so the missing ones are lost or reordered too late. The gap is concealed (or,
               beyond 100 ms, skipped) and the cursor moves past it: the delay stays as it was.
    underrun   no later packet is here, so nobody knows yet. 10 ms at a time are concealed and the cursor waits: the
               delay grows by what was concealed, the concealed debt.

The next packet decides what an underrun was:

    at the cursor        it was late. It is played; the delay that the debt added is surplus, and is drained.
    beyond the cursor    what was waited for is lost. The gap is repaid out of the debt first: that much of it has
                         already been concealed. Only the rest of it is concealed now.

Surplus is what was left over in every pull of the last second, less the target. It is drained one pitch period at a
time, where a cut is not heard; more than 120 ms are cut at once. The target begins at `target_ms` and grows by 10 ms
with each underrun, up to 60 ms, and shrinks again after 10 s without one.

A pause is not an underrun: the sender has announced it by a packet of discontinuous transmission (DTX), or it has
lasted longer than 500 ms, when all concealment has long faded out. Then nothing more counts as lost, and the target
does not grow.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from streamer.audio.concealment import MAX_PERIOD, SAMPLE_RATE, Concealer, Samples, shorten, splice

MILLISECOND = SAMPLE_RATE // 1000  # samples
BLOCK = 10 * MILLISECOND  # concealment is made in blocks of 10 ms
LONGEST_CONCEALED_GAP = 100 * MILLISECOND  # beyond that a voice has moved on: skip
SENDER_JUMPED = 2 * SAMPLE_RATE  # a timestamp so far off is a new beginning, not a delay
MAX_PACKETS = 100  # 2 s of 20 ms packets; more is a flood
WINDOW_PULLS = 25  # surplus is what was left over in every one of the last 25 pulls (1 s)
TOLERANCE = 4 * MILLISECOND  # surplus below this is not worth a cut
SKIP = 120 * MILLISECOND  # surplus beyond this is skipped at once
UNDERRUN_STEP = 10 * MILLISECOND  # how much more is kept in hand after an underrun …
MAX_TARGET = 60 * MILLISECOND
CALM_PULLS = 250  # … and for how many pulls (10 s) without another before it is given back
LONGEST_UNDERRUN = 500 * MILLISECOND  # an absence that lasts longer is a pause
DTX_BYTES = 2  # a packet of at most two bytes begins a pause (libopus, opus_encode: such a one need not be sent)


@dataclass(frozen=True, slots=True, eq=False)
class BufferedAudio:
    """(count,) float32 at 48 kHz in [-1, 1], and how many samples of it stand for audio that was lost."""

    samples: Samples
    concealed: int


class JitterBuffer:
    """See the module's text.

    decode: one packet's payload → samples at 48 kHz, mono; raises ValueError for a payload it cannot read.
    target_ms: audio kept in hand beyond what is needed at every pull.
    """

    def __init__(self, decode: Callable[[bytes], Samples], target_ms: float = 0.0) -> None:
        self._decode = decode
        self._base_target = int(target_ms * MILLISECOND)
        self._target = self._base_target
        self._packets: dict[int, bytes] = {}
        self._cursor: int | None = None
        self._pcm: Samples = np.zeros(0, np.float32)
        self._concealed_debt = 0  # samples concealed since the cursor last moved
        self._paused = True  # the sender is silent on purpose: what is missing now is not lost
        self._left_over: deque[int] = deque(maxlen=WINDOW_PULLS)  # samples, of the latest pulls
        self._calm = 0
        self._concealer = Concealer()
        self.late_packets = 0
        self.bad_packets = 0
        self.dropped_packets = 0

    @property
    def depth_ms(self) -> float:
        """Audio in hand: decoded and not yet pulled, and in packets without a gap before them."""
        return (len(self._pcm) + self._contiguous()) / MILLISECOND

    def insert(self, timestamp: int, payload: bytes) -> None:
        """Take one packet; `timestamp` is the RTP timestamp, 32 bits."""
        if self._cursor is None:
            self._begin_again(timestamp)
        assert self._cursor is not None
        extended = self._cursor + signed32(timestamp - self._cursor)
        # While the cursor waits, the sender's timestamps may run on by the time that was concealed, but never back.
        ahead = extended - self._cursor
        if ahead > SENDER_JUMPED + self._concealed_debt or ahead < -SENDER_JUMPED:
            self._begin_again(extended)
        elif extended < self._cursor:
            self.late_packets += 1
            return
        if len(self._packets) >= MAX_PACKETS:
            self.dropped_packets += 1
            del self._packets[min(self._packets)]
        self._packets[extended] = payload

    def pull(self, count: int) -> BufferedAudio:
        """The next `count` samples, whatever has come."""
        concealed = 0
        while len(self._pcm) < count:
            if not self._decode_next():
                concealed += self._conceal()
        self._drain(count)
        out, self._pcm = self._pcm[:count], self._pcm[count:]
        return BufferedAudio(out, min(concealed, count))

    def flush(self) -> None:
        """Forget everything in hand; the next packet begins anew without delay."""
        self._packets.clear()
        self._cursor = None
        self._pcm = self._pcm[:0]
        self._concealed_debt = 0
        self._paused = True
        self._left_over.clear()
        self._concealer = Concealer()

    def _begin_again(self, cursor: int) -> None:
        self._packets.clear()
        self._cursor = cursor
        self._concealed_debt = 0
        self._paused = True
        self._left_over.clear()

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
        self._paused = len(payload) <= DTX_BYTES
        self._pcm = np.concatenate([self._pcm, self._concealer.heard(samples)])
        return True

    def _conceal(self) -> int:
        """Conceal or skip the gap before the next packet, or 10 ms where there is none; returns the samples lost."""
        self._forget_overtaken()
        if self._cursor is not None and self._packets:
            return self._close_gap(self._cursor, min(self._packets))
        self._concealed_debt += BLOCK
        self._append_concealment(BLOCK)
        if self._concealed_debt > LONGEST_UNDERRUN:
            self._paused = True
        return 0 if self._paused else BLOCK

    def _close_gap(self, cursor: int, following: int) -> int:
        """Move the cursor to the `following` packet; returns how many samples were concealed for lost ones."""
        self._cursor = following
        repaid = min(following - cursor, self._concealed_debt)
        self._concealed_debt -= repaid
        gap = following - cursor - repaid
        if gap == 0 or gap > LONGEST_CONCEALED_GAP:
            return 0
        self._append_concealment(gap)
        return 0 if self._paused else gap

    def _append_concealment(self, count: int) -> None:
        self._pcm = np.concatenate([self._pcm, self._concealer.conceal(count)])

    def _forget_overtaken(self) -> None:
        """A packet that begins before the cursor can no longer be played (packet lengths changed)."""
        cursor = self._cursor
        if cursor is not None:
            for timestamp in [t for t in self._packets if t < cursor]:
                del self._packets[timestamp]
                self.late_packets += 1

    def _contiguous(self) -> int:
        """Samples in packets without a gap before them, taking the packets' spacing for their length."""
        if self._cursor is None or self._cursor not in self._packets:
            return 0
        timestamps = sorted(self._packets)
        step = timestamps[1] - timestamps[0] if len(timestamps) > 1 else 20 * MILLISECOND
        total = 0
        while self._cursor + total in self._packets and step > 0:
            total += step
        return total

    def _on_underrun(self) -> None:
        """The packet that was waited for has come late: keep a little more in hand, unless the sender had paused."""
        self._concealed_debt = 0
        if len(self._left_over) == WINDOW_PULLS and not self._paused:  # the first second only finds the sender's rhythm
            self._target = min(self._target + UNDERRUN_STEP, MAX_TARGET)
            self._calm = 0

    def _drain(self, count: int) -> None:
        """Drain what is more than this pull and the target need; keep less in hand after a calm time.

        Done before the pull's samples leave: with them there is enough audio to find a pitch and to join on.
        """
        self._calm += 1
        if self._calm >= CALM_PULLS:
            self._target = max(self._base_target, self._target - UNDERRUN_STEP)
            self._calm = 0
        left_over = len(self._pcm) + self._contiguous() - count
        self._left_over.append(left_over)
        surplus = left_over - self._target
        if surplus > SKIP:
            surplus = self._gather(count, surplus)
            self._pcm = splice(self._pcm, surplus)
            self._left_over.clear()
        elif len(self._left_over) == WINDOW_PULLS and min(self._left_over) - self._target > TOLERANCE:
            self._drain_one_period(self._gather(count, min(self._left_over) - self._target))

    def _gather(self, count: int, surplus: int) -> int:
        """Decode until `count` samples remain when `surplus` are cut away; returns how many may be cut."""
        while len(self._pcm) < count + surplus and self._contiguous() and self._decode_next():
            pass
        return min(surplus, len(self._pcm) - count)

    def _drain_one_period(self, surplus: int) -> None:
        before = len(self._pcm)
        self._pcm = shorten(self._pcm, surplus)
        removed = before - len(self._pcm)
        if not removed and surplus < MAX_PERIOD:
            self._left_over.clear()  # less than a pitch period: look again in a second, not at every pull
        self._left_over = deque((left - removed for left in self._left_over), maxlen=WINDOW_PULLS)


def signed32(difference: int) -> int:
    """A difference of 32-bit timestamps as the nearest signed number (RFC 1982)."""
    return (difference + (1 << 31)) % (1 << 32) - (1 << 31)
