"""Progress of long work, as lines or as a bar. Knows nothing of the work."""

from __future__ import annotations

from collections.abc import Callable
from typing import Self, TextIO

BAR = 30  # characters
REDRAW_S = 0.1  # a terminal's bar moves ten times a second
LINE_PERCENT = 10  # without a terminal, a line each 10 % …
LINE_S = 5.0  # … but not more often than this


class Progress:
    """A context that reports `total` frames of video to `stream`: a bar on a terminal, a few lines elsewhere.

    clock: monotonic seconds.
    """

    __slots__ = ("_clock", "_frame_rate", "_next_percent", "_shown", "_started", "_stream", "_terminal", "_total")

    def __init__(self, total: int, frame_rate: int, stream: TextIO, clock: Callable[[], float]) -> None:
        self._total = total
        self._frame_rate = frame_rate
        self._stream = stream
        self._terminal = stream.isatty()
        self._clock = clock
        self._started = self._shown = clock()
        self._next_percent = LINE_PERCENT

    def show(self, done: int) -> None:
        """`done` frames are ready."""
        now = self._clock()
        percent = 100 * done // self._total
        if self._terminal:
            if now - self._shown >= REDRAW_S or done == self._total:
                self._write("\r" + self._bar(done, now) + "\x1b[K", now)
        elif done == self._total or (percent >= self._next_percent and now - self._shown >= LINE_S):
            self._next_percent = percent + LINE_PERCENT
            self._write(self._status(done, now) + "\n", now)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        # Leave the bar's line, so that what follows begins on its own.
        if self._terminal:
            self._stream.write("\n")
            self._stream.flush()

    def _write(self, text: str, now: float) -> None:
        self._shown = now
        self._stream.write(text)
        self._stream.flush()

    def _bar(self, done: int, now: float) -> str:
        filled = BAR * done // self._total
        return f"[{'█' * filled}{'░' * (BAR - filled)}] {self._status(done, now)}"

    def _status(self, done: int, now: float) -> str:
        seconds, of = done / self._frame_rate, self._total / self._frame_rate
        speed = done / max(now - self._started, 1e-6)
        left = (self._total - done) / max(speed, 1e-6)
        pace = f"{speed:.0f} frames/s"
        rest = f", {left:.0f} s left" if done < self._total else ""
        return f"{100 * done // self._total:3d} %  {seconds:.1f} of {of:.1f} s  {pace}{rest}"


class ProgressPrinter:
    """Writes a line for each step, and none twice in a row."""

    __slots__ = ("_last", "_stream")

    def __init__(self, stream: TextIO) -> None:
        self._stream, self._last = stream, ""

    def __call__(self, line: str) -> None:
        if line != self._last:
            self._stream.write(line + "\n")
            self._stream.flush()
        self._last = line
