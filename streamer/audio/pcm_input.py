"""Audio that a program pushes, turn by turn, as an audio input: synthesised speech, a file, a socket.

A turn is one utterance: `start`, any number of `push`, then `end` or `cancel`. It has its own sample rate and ends with
exactly one report to `on_finished`, whatever happens to it. Time is counted by the samples that are pulled.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import av
import numpy as np
from numpy.typing import NDArray

from streamer.audio.concealment import SAMPLE_RATE, Samples
from streamer.audio.input import InputReport, Position, PulledAudio
from streamer.audio.vad import VoiceActivity

MIN_RATE, MAX_RATE = 8_000, 48_000  # Hz
FULL_SCALE = 32_768.0  # of int16
BLOCK = 1_920  # samples: shorter pushes are joined, so that many tiny ones cost no more memory than their audio

OnFinished = Callable[[str, float, bool], None]


class WindowFull(ValueError):
    """A push would exceed what may wait to be played; nothing of it was taken. Push again once some has been played."""


class PcmResampler:
    """int16 at any rate → float32 at 48 kHz, by FFmpeg's libswresample. Chunk by chunk the same as all at once.

    Audio keeps its place in time; the last 2 ms wait for what follows them, or for `flush`.
    """

    def __init__(self, sample_rate: int) -> None:
        self._rate = sample_rate
        self._convert = av.AudioResampler(format="flt", layout="mono", rate=SAMPLE_RATE)

    def __call__(self, pcm: NDArray[np.int16]) -> Samples:
        """(n,) int16 → (m,) float32 in [-1, 1]; unchanged but for the type where the rate is 48 kHz."""
        if self._rate == SAMPLE_RATE:
            return (pcm / FULL_SCALE).astype(np.float32)
        if len(pcm) == 0:
            return np.zeros(0, np.float32)
        frame = av.AudioFrame.from_ndarray(pcm.reshape(1, -1), format="s16", layout="mono")
        frame.sample_rate = self._rate
        return joined(self._convert.resample(frame))

    def flush(self) -> Samples:
        """What has waited for more audio."""
        return np.zeros(0, np.float32) if self._rate == SAMPLE_RATE else joined(self._convert.resample(None))


def joined(frames: list[av.AudioFrame]) -> Samples:
    if not frames:
        return np.zeros(0, np.float32)
    samples: Samples = np.concatenate([frame.to_ndarray().reshape(-1) for frame in frames])
    return samples.clip(-1.0, 1.0)  # a filter may overshoot


@dataclass(slots=True, eq=False)
class Turn:
    """One utterance on its way. pulled: samples taken so far; ended: no more will be pushed."""

    name: str
    sample_rate: int
    resample: PcmResampler
    blocks: list[Samples] = field(default_factory=list)
    waiting: int = 0  # samples in `blocks`
    pulled: int = 0
    ended: bool = False

    def append(self, samples: Samples) -> None:
        if len(samples) == 0:
            return
        if self.blocks and len(self.blocks[-1]) < BLOCK:
            self.blocks[-1] = np.concatenate([self.blocks[-1], samples])
        else:
            self.blocks.append(samples)
        self.waiting += len(samples)

    def take(self, count: int) -> Samples:
        """At most `count` samples, fewer where fewer wait."""
        taken: list[Samples] = []
        missing = min(count, self.waiting)
        self.waiting -= missing
        self.pulled += missing
        while missing:
            block = self.blocks[0]
            taken.append(block[:missing])
            if len(block) > missing:
                self.blocks[0] = block[missing:]
            else:
                self.blocks.pop(0)
            missing -= len(taken[-1])
        return np.concatenate(taken) if taken else np.zeros(0, np.float32)


class PcmInput:
    """See AudioInput and the module's text.

    on_finished: called with a turn's name, the seconds of it that were played, and whether it was interrupted:
        by `cancel`, `interrupt`, `close`, or the start of the next turn before its end. Runs on the event loop; must
        not raise.
    delay_s: from a pull to the moment at which its audio leaves the server; what is under way has not been played yet.
    window_s: how much audio may wait to be played.
    """

    def __init__(
        self, on_finished: OnFinished, *, delay_s: float = 0.0, window_s: float = 30.0, vad_aggressiveness: int = 2
    ) -> None:
        self._on_finished = on_finished
        self._delay = round(delay_s * SAMPLE_RATE)
        self._window_s = window_s
        self._voice = VoiceActivity(vad_aggressiveness)
        self._turn: Turn | None = None
        self._under_way: list[tuple[int, int]] = []  # of the latest pulls: samples, and how many are the turn's
        self._last: Position | None = None  # of the turn before
        self._muted = False
        self._closed = False
        self._active_at = float("-inf")  # when a turn was last pulled from, monotonic seconds

    def start(self, turn: str, sample_rate: int) -> None:
        """Begin a turn; one that still runs is interrupted.

        sample_rate: of the turn's audio, 8000 to 48000 Hz.

        Raises:
            ValueError: the rate is out of range, the turn already runs, or the input is closed.
        """
        if self._closed:
            raise ValueError("the input is closed: its session has ended")
        if not MIN_RATE <= sample_rate <= MAX_RATE:
            raise ValueError(f"a sample rate of {sample_rate} Hz: {MIN_RATE} to {MAX_RATE} Hz are played")
        if self._turn is not None and self._turn.name == turn:
            raise ValueError(f"turn {turn!r} already runs: give each turn a name of its own")
        # What has been pulled of the former turn is still played: nobody flushes the session for a new turn.
        cut_short = self._turn is not None and (not self._turn.ended or self._turn.waiting > 0)
        former = self._close_turn(self._pulled_position())
        self._turn = Turn(turn, sample_rate, PcmResampler(sample_rate))
        self._last = None
        self._tell(former, interrupted=cut_short)

    def push(self, pcm: NDArray[np.int16]) -> float:
        """Append (n,) int16, mono, at the turn's rate; returns the seconds of audio that now wait to be played.

        Raises:
            ValueError: no turn is open, or `pcm` is not one-dimensional int16.
            WindowFull: more would wait than the window holds; nothing was taken.
        """
        turn = self._turn
        if turn is None or turn.ended:
            raise ValueError("audio outside a turn: call start first")
        if pcm.dtype != np.int16 or pcm.ndim != 1:
            raise ValueError(f"audio of shape {pcm.shape} and type {pcm.dtype}: (n,) int16 is expected")
        after_s = turn.waiting / SAMPLE_RATE + len(pcm) / turn.sample_rate
        if after_s > self._window_s:
            raise WindowFull(f"{after_s:.1f} s of audio would wait; at most {self._window_s:g} s may: push more slowly")
        turn.append(turn.resample(pcm))
        return turn.waiting / SAMPLE_RATE

    def end(self) -> None:
        """The turn is complete: it finishes once everything has been played. Without an open turn nothing happens."""
        if self._turn is not None and not self._turn.ended:
            self._turn.append(self._turn.resample.flush())
            self._turn.ended = True
            self._finish_if_played()

    def cancel(self) -> Position | None:
        """Drop what has not been played; returns how far the turn came, as `position` does.

        What is under way must be dropped too, by flushing the session.
        """
        position = self.position()
        self._tell(self._close_turn(position), interrupted=True)
        return position

    def position(self) -> Position | None:
        """How much has been played of the turn, or of the last one where none runs; None before the first."""
        return self._pulled_position(less=sum(of_turn for _, of_turn in self._under_way))

    def close(self) -> None:
        """The session has ended: interrupt the turn and take no more."""
        self._closed = True
        self.cancel()

    def interrupt(self) -> None:
        self.cancel()

    def mute(self, muted: bool) -> None:
        self._muted = muted

    def pull(self, samples: int, now: float) -> PulledAudio:
        """The next `samples` samples of the turn; silence where it has none, and between turns."""
        turn = self._turn
        audio = np.zeros(samples, np.float32)
        taken = turn.take(samples) if turn is not None else audio[:0]
        audio[: len(taken)] = taken
        if turn is not None:
            self._active_at = now
        self._note_pull(samples, len(taken))
        self._voice.hear(audio)
        self._finish_if_played()
        name = turn.name if turn is not None and (len(taken) or not turn.ended) else None
        if self._muted:
            return PulledAudio(np.zeros(samples, np.float32), voiced=False, turn=name)
        return PulledAudio(audio, self._voice.voiced, turn=name)

    def report(self, now: float) -> InputReport:
        return InputReport(
            buffered_s=self._turn.waiting / SAMPLE_RATE if self._turn is not None else 0.0,
            idle_s=now - self._active_at,
            clock_shift_s=0.0,  # audio that waits in a buffer has no clock to follow
            concealed_s=0.0,
            muted=self._muted,
            voiced=self._voice.voiced and not self._muted,
            position=self.position(),
        )

    def _note_pull(self, samples: int, of_turn: int) -> None:
        self._under_way.append((samples, of_turn))
        under_way = sum(pulled for pulled, _ in self._under_way)
        while self._under_way and under_way - self._under_way[0][0] >= self._delay:
            under_way -= self._under_way.pop(0)[0]

    def _finish_if_played(self) -> None:
        turn = self._turn
        if turn is not None and turn.ended and not turn.waiting and not any(part for _, part in self._under_way):
            self._tell(self._close_turn(self.position()), interrupted=False)

    def _pulled_position(self, less: int = 0) -> Position | None:
        if self._turn is None:
            return self._last
        return Position(self._turn.name, (self._turn.pulled - less) / SAMPLE_RATE)

    def _close_turn(self, position: Position | None) -> Position | None:
        """Leave no turn; returns where it ended, None if there was none."""
        if self._turn is None:
            return None
        self._turn, self._last = None, position
        self._under_way = [(pulled, 0) for pulled, _ in self._under_way]
        return position

    def _tell(self, finished: Position | None, *, interrupted: bool) -> None:
        """The last act of every call, so that the owner may start the next turn from here."""
        if finished is not None:
            self._on_finished(finished.turn, finished.played_s, interrupted)
