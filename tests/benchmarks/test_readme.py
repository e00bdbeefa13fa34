"""The numbers of the README and of docs/results.md are those of the saved results."""

from __future__ import annotations

from typing import Any

import pytest

from benchmarks.readme import PAGES, first_screen, more_sessions, with_block


def test_the_pages_say_what_was_measured() -> None:
    for path, block in PAGES:
        page = path.read_text(encoding="utf-8")
        assert with_block(page, block()) == page, f"{path.name}: run `python -m benchmarks.readme`"
        assert "microphone → lips" in page


def test_the_first_screen_has_four_numbers() -> None:
    assert first_screen().count("|\n") == 2 + 4  # head, rule, and a row each


def test_each_number_of_the_first_screen_names_its_engine_and_how_long_it_was_measured() -> None:
    head, _, *rows = (line.strip("| ").split(" | ") for line in first_screen().splitlines() if line.startswith("|"))
    assert head[-2:] == ["engine `diffusion`", "run"]
    assert [row[-1] for row in rows] == ["60 s", "60 s; 1 h", "30 s", "30 s"]
    assert rows[1][1] == "26.0 ms; 58.6 ms †", "a short run does not stand for a long one"


def sessions(*degraded: int) -> dict[str, Any]:
    """Runs of 10 s, of one session and more, with so many degraded frames."""
    rows = [
        {"sessions": count, "fps_least": 25.0, "late_frames": 0, "degraded_frames": frames}
        for count, frames in enumerate(degraded, start=1)
    ]
    return {"together": rows, "seconds": 10.0}


@pytest.mark.parametrize(("degraded", "told"), [((0, 0, 375), ["3"]), ((0, 0, 0, 500), ["4"]), ((0, 0), [])])
def test_only_sessions_for_which_there_is_no_time_are_said_to_take_turns(
    degraded: tuple[int, ...], told: list[str]
) -> None:
    lines = more_sessions(sessions(*degraded))
    assert [line.rsplit(": ", 2)[1] for line in lines] == told
    assert all(line.endswith("50 % degraded") for line in lines)
