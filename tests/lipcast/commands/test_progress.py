"""Progress is a bar where somebody watches and a few lines where nobody does."""

from __future__ import annotations

import io

from lipcast.commands.progress import Progress, ProgressPrinter


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


class Seconds:
    """A clock that each reading moves on."""

    def __init__(self, step: float) -> None:
        self._step = step
        self._now = 0.0

    def __call__(self) -> float:
        self._now += self._step
        return self._now


def shown(stream: io.StringIO, step: float, total: int = 100) -> str:
    with Progress(total, 25, stream, Seconds(step)) as progress:
        for done in range(1, total + 1):
            progress.show(done)
    return stream.getvalue()


def test_a_terminal_sees_one_line_that_changes() -> None:
    text = shown(Terminal(), step=0.1)
    assert text.count("\n") == 1
    assert text.endswith("\n")
    last = text.split("\r")[-1]
    assert last.startswith("[" + "█" * 30 + "] 100 %  4.0 of 4.0 s")


def test_a_terminal_is_told_how_long_it_will_take() -> None:
    half = shown(Terminal(), step=1.0).split("\r")[50]
    assert " 50 %  2.0 of 4.0 s  1 frames/s, 50 s left" in half


def test_elsewhere_a_line_is_told_each_tenth() -> None:
    lines = shown(io.StringIO(), step=1.0).splitlines()
    assert len(lines) == 10
    assert "\r" not in "".join(lines)


def test_a_short_work_tells_a_single_line() -> None:
    assert shown(io.StringIO(), step=0.001).splitlines() == ["100 %  4.0 of 4.0 s  1000 frames/s"]


def test_the_end_is_told_even_just_after_a_line() -> None:
    text = io.StringIO()
    with Progress(100, 25, text, Seconds(10.0)) as progress:
        progress.show(95)
        progress.show(100)
    assert text.getvalue().splitlines()[-1].startswith("100 %")


def test_no_step_is_printed_twice_in_a_row() -> None:
    out = io.StringIO()
    printer = ProgressPrinter(out)
    for line in ("one", "one", "two", "one"):
        printer(line)
    assert out.getvalue() == "one\ntwo\none\n"
