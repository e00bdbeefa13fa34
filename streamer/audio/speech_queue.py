"""Turns of pushed speech, one after the other, as an audio input that says what becomes of each.

A turn is named by the program that pushes it: `start`, any number of `push`, then `end` or `cancel`. Turns are played
in the order in which they start; the next one begins when the one before has been played. Each ends with exactly one
Finished event, whatever happens to it. Events are told during the calls that cause them, on the event loop.

Memory is bounded: WINDOW_S of audio wait for the turn that is played, as much again for all later turns together.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from streamer.audio.input import InputReport, Position, PulledAudio
from streamer.audio.pcm_input import MAX_RATE, MIN_RATE, PcmInput, WindowFull

WINDOW_S = 10.0  # of audio that may wait; then the program that pushes has to wait
PROGRESS_MS = 200  # of audio between two Progress events of a turn
FIRST_AUDIO_S = 10.0  # for a turn's first audio: a synthesiser may have to be started
DRY_S = 2.0  # for more audio of a turn whose audio has all been played; then the turn is over
MAX_WAITING = 16  # turns that wait for the one that is played
MAX_NAME = 64  # characters of a turn's name
REMEMBERED = 64  # names of finished turns, so that late audio is told apart from a wrong name


@dataclass(frozen=True, slots=True)
class Started:
    """The turn's first audio has left. at_ms: milliseconds from the session's first tick to that moment."""

    turn: str
    at_ms: int


@dataclass(frozen=True, slots=True)
class Progress:
    """Every PROGRESS_MS of a turn. played_ms: of its audio, what has left the server."""

    turn: str
    played_ms: int


@dataclass(frozen=True, slots=True)
class Caption:
    """The audio of this text begins to be heard. at_ms: its place in the turn's audio."""

    turn: str
    text: str
    at_ms: int


@dataclass(frozen=True, slots=True)
class Finished:
    """The last event of every turn. interrupted: not all of its audio was played."""

    turn: str
    played_ms: int
    interrupted: bool


@dataclass(frozen=True, slots=True)
class Failed:
    """Something went wrong with a turn; its Finished event still follows. detail: says how to fix it."""

    turn: str
    title: str
    detail: str


@dataclass(frozen=True, slots=True)
class Closed:
    """The session has ended: the last event of all. reason: as the API names it."""

    reason: str


SpeechEvent = Started | Progress | Caption | Finished | Failed | Closed
Listener = Callable[[SpeechEvent], None]


class TurnRefused(ValueError):
    """The call does not fit the turn's state, or the state of the session; the message says how to fix it."""


class TurnOver(TurnRefused):
    """The turn has finished: what was meant for it is not played."""


@dataclass(slots=True, eq=False)
class Turn:
    """A turn that has not finished. pcm: pushed before its time came, at most WINDOW_S of all turns together."""

    name: str
    sample_rate: int
    first_audio_s: float
    dry_s: float
    pcm: list[NDArray[np.int16]] = field(default_factory=list)
    pushed: int = 0  # samples at its own rate
    ended: bool = False
    started: bool = False  # whether that was told
    told_ms: int = 0  # how much was played when its progress was told
    dry_since: float | None = None
    captions: deque[tuple[int, str]] = field(default_factory=lambda: deque(maxlen=4096))  # place in its audio, ms; text

    @property
    def waiting_s(self) -> float:
        return sum(len(part) for part in self.pcm) / self.sample_rate

    @property
    def pushed_ms(self) -> int:
        return round(1000 * self.pushed / self.sample_rate)


class SpeechQueue:
    """See AudioInput and the module's text.

    flush: drops what has been pulled and has not left; called when the turn that is played is cancelled.
    delay_s: as of PcmInput.
    """

    def __init__(
        self,
        flush: Callable[[], None],
        *,
        delay_s: float = 0.0,
        window_s: float = WINDOW_S,
        vad_aggressiveness: int = 2,
    ) -> None:
        self._flush = flush
        self._pcm = PcmInput(
            self._on_finished, delay_s=delay_s, window_s=window_s, vad_aggressiveness=vad_aggressiveness
        )
        self.window_s = window_s
        self._playing: Turn | None = None
        self._waiting: deque[Turn] = deque(maxlen=MAX_WAITING)
        self._over: deque[str] = deque(maxlen=REMEMBERED)
        self._listeners: list[Listener] = []
        self._holders = 0
        self._held_at = float("-inf")
        self._now = 0.0
        self._began: float | None = None
        self._closed = ""

    def listen(self, listener: Listener) -> None:
        """Tell `listener` every event from now on; it must neither block nor raise."""
        self._listeners.append(listener)
        if self._closed:
            listener(Closed(self._closed))

    def forget(self, listener: Listener) -> None:
        self._listeners.remove(listener)

    def hold(self) -> None:
        """A program is connected: the session is not idle, even in silence, until `let_go`."""
        self._holders += 1

    def let_go(self) -> None:
        self._holders -= 1

    @property
    def held(self) -> bool:
        return self._holders > 0

    def is_over(self, turn: str) -> bool:
        """Whether it has finished, not too long ago."""
        return turn in self._over

    def start(self, turn: str, sample_rate: int, *, first_audio_s: float = FIRST_AUDIO_S, dry_s: float = DRY_S) -> None:
        """Begin a turn; it is played after those that have started before.

        sample_rate: of its audio, 8000 to 48000 Hz. first_audio_s, dry_s: how long it may be without audio before its
        first and after that; then it fails and finishes.

        Raises:
            TurnRefused: the rate or the name cannot be used, too many turns wait, or the session has ended.
        """
        if self._closed:
            raise TurnRefused("the session has ended: begin a new one")
        if not MIN_RATE <= sample_rate <= MAX_RATE:
            raise TurnRefused(f"'rate' is {sample_rate} Hz; expected {MIN_RATE} to {MAX_RATE} Hz")
        if not 0 < len(turn) <= MAX_NAME:
            raise TurnRefused(f"'turn' has {len(turn)} characters; expected 1 to {MAX_NAME}")
        if turn in self._over or self._find(turn) is not None:
            raise TurnRefused(f"there was a turn {turn!r} already: give each turn a name of its own")
        if len(self._waiting) == MAX_WAITING:
            raise TurnRefused(f"{MAX_WAITING} turns wait already: cancel some, or wait until they have finished")
        self._waiting.append(Turn(turn, sample_rate, first_audio_s, dry_s))
        self._start_next()

    def push(self, turn: str, pcm: NDArray[np.int16]) -> None:
        """Append (n,) int16, mono, at the turn's rate.

        Raises:
            TurnOver: it has finished. TurnRefused: there is no such turn, or it has ended.
            WindowFull: too much waits; nothing was taken. Push again later.
        """
        found = self._open(turn)
        if found is self._playing:
            self._pcm.push(pcm)
        else:
            after_s = sum(each.waiting_s for each in self._waiting) + len(pcm) / found.sample_rate
            if after_s > self.window_s:
                raise WindowFull(f"{after_s:.1f} s of audio would wait for later turns; {self.window_s:g} s may")
            found.pcm.append(pcm)
        found.pushed += len(pcm)
        found.dry_since = None

    def end(self, turn: str) -> None:
        """The turn is complete. One that has finished already is left alone.

        Raises:
            TurnRefused: there was no such turn.
        """
        found = self._find(turn)
        if found is None:
            if turn not in self._over:
                raise TurnRefused(f"there is no turn {turn!r}: send start first")
        elif not found.ended:
            found.ended = True
            if found is self._playing:
                self._pcm.end()

    def cancel(self, turn: str | None = None) -> None:
        """Stop the turn now and drop what has not been played of it; without a name, all turns. One that has finished
        already is left alone.

        Raises:
            TurnRefused: there was no such turn.
        """
        if turn is None:
            cut = self._playing is not None
            self._cancel_all()
        else:
            cut = self._cancel_one(turn)
        if cut:
            self._flush()

    def caption(self, turn: str, text: str) -> None:
        """`text` is what the audio pushed from now on says; told as it begins to be heard.

        Raises:
            TurnRefused
        """
        found = self._open(turn)
        found.captions.append((found.pushed_ms, text))

    def fail(self, turn: str, title: str, detail: str) -> None:
        """Tell that something went wrong with a turn. It goes on until `end` or `cancel`."""
        self._tell(Failed(turn, title, detail))

    def position(self) -> Position | None:
        """See PcmInput."""
        return self._pcm.position()

    def close(self, reason: str) -> None:
        """The session has ended: every turn is interrupted and none can start."""
        self._closed = reason
        self._cancel_all()
        self._pcm.close()
        self._tell(Closed(reason))

    def interrupt(self) -> None:
        """See AudioInput: all turns are cancelled."""
        self._cancel_all()

    def mute(self, muted: bool) -> None:
        """See AudioInput."""
        self._pcm.mute(muted)

    def pull(self, samples: int, now: float) -> PulledAudio:
        """See AudioInput."""
        self._now = now
        self._began = now if self._began is None else self._began
        pulled = self._pcm.pull(samples, now)
        if self._playing is not None:
            self._tell_progress(self._playing)
            self._check_dry(self._playing)
        return pulled

    def report(self, now: float) -> InputReport:
        """See AudioInput."""
        report = self._pcm.report(now)
        if self._holders:
            self._held_at = now
        idle_s = min(report.idle_s, now - self._held_at)
        return InputReport(
            buffered_s=report.buffered_s,
            idle_s=idle_s,
            clock_shift_s=0.0,
            concealed_s=0.0,
            muted=report.muted,
            voiced=report.voiced,
            position=report.position,
        )

    def _find(self, turn: str) -> Turn | None:
        if self._playing is not None and self._playing.name == turn:
            return self._playing
        return next((each for each in self._waiting if each.name == turn), None)

    def _open(self, turn: str) -> Turn:
        found = self._find(turn)
        if found is not None and not found.ended:
            return found
        if found is not None:
            raise TurnRefused(f"turn {turn!r} has ended: start another one for more audio")
        if turn in self._over:
            raise TurnOver(f"turn {turn!r} has finished: start another one for more audio")
        raise TurnRefused(f"there is no turn {turn!r}: send start first")

    def _start_next(self) -> None:
        if self._playing is not None or not self._waiting:
            return
        turn = self._playing = self._waiting.popleft()
        pcm, turn.pcm = turn.pcm, []
        self._pcm.start(turn.name, turn.sample_rate)
        if pcm:
            self._pcm.push(np.concatenate(pcm))
        if turn.ended:
            self._pcm.end()  # which may finish it at once, and start the next

    def _cancel_all(self) -> None:
        waiting = list(self._waiting)
        self._waiting.clear()
        self._pcm.cancel()
        for turn in waiting:
            self._finish(turn, 0, interrupted=True)

    def _cancel_one(self, name: str) -> bool:
        """Returns whether the turn was being played."""
        turn = self._find(name)
        if turn is None:
            if name not in self._over:
                raise TurnRefused(f"there is no turn {name!r}: nothing to cancel")
            return False
        if turn is self._playing:
            self._pcm.cancel()
            return True
        self._waiting.remove(turn)
        self._finish(turn, 0, interrupted=True)
        return False

    def _on_finished(self, name: str, played_s: float, interrupted: bool) -> None:
        """Told by the PcmInput."""
        turn, self._playing = self._playing, None
        assert turn is not None
        assert turn.name == name
        played_ms = round(1000 * played_s)
        if played_ms > 0:
            self._tell_played(turn, played_ms)
        self._finish(turn, played_ms, interrupted=interrupted)
        self._start_next()

    def _finish(self, turn: Turn, played_ms: int, *, interrupted: bool) -> None:
        self._over.append(turn.name)
        self._tell(Finished(turn.name, played_ms, interrupted))

    def _tell_progress(self, turn: Turn) -> None:
        position = self._pcm.position()
        if position is None or position.played_s <= 0:
            return
        played_ms = round(1000 * position.played_s)
        self._tell_played(turn, played_ms)
        if played_ms - turn.told_ms >= PROGRESS_MS:
            turn.told_ms = played_ms
            self._tell(Progress(turn.name, played_ms))

    def _tell_played(self, turn: Turn, played_ms: int) -> None:
        """Everything that is told once and whose time has come."""
        if not turn.started:
            turn.started = True
            turn.told_ms = played_ms
            self._tell(Started(turn.name, max(0, round(1000 * (self._now - (self._began or 0.0))) - played_ms)))
        while turn.captions and turn.captions[0][0] < played_ms:
            at_ms, text = turn.captions.popleft()
            self._tell(Caption(turn.name, text, at_ms))

    def _check_dry(self, turn: Turn) -> None:
        if turn.ended or self._pcm.report(self._now).buffered_s > 0:
            turn.dry_since = None
            return
        if turn.dry_since is None:
            turn.dry_since = self._now
        limit_s = turn.dry_s if turn.pushed else turn.first_audio_s
        if self._now - turn.dry_since >= limit_s:
            turn.ended = True
            detail = f"no audio came for {limit_s:g} s and no end: the turn is over; send end after its last audio"
            self._tell(Failed(turn.name, "The turn ran dry", detail))
            self._pcm.end()

    def _tell(self, event: SpeechEvent) -> None:
        for listener in list(self._listeners):
            listener(event)
