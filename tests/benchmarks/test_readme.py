"""The README's numbers are those of the saved results."""

from __future__ import annotations

from typing import Any

import pytest

from benchmarks.readme import README, more_sessions, with_numbers


def test_the_readme_says_what_was_measured() -> None:
    readme = README.read_text(encoding="utf-8")
    assert with_numbers(readme) == readme
    assert "microphone → lips" in readme


def sessions(*quick: int) -> dict[str, Any]:
    """Runs of 10 s, of one session and more, with so many quick frames."""
    rows = [
        {"sessions": count, "fps_least": 25.0, "late_frames": 0, "degraded_frames": frames}
        for count, frames in enumerate(quick, start=1)
    ]
    return {"together": rows, "seconds": 10.0}


@pytest.mark.parametrize(("quick", "told"), [((0, 0, 375), ["3"]), ((0, 0, 0, 500), ["4"]), ((0, 0), [])])
def test_only_sessions_for_which_there_is_no_time_are_said_to_take_turns(
    quick: tuple[int, ...], told: list[str]
) -> None:
    lines = more_sessions(sessions(*quick))
    assert [line.rsplit(": ", 2)[1] for line in lines] == told
    assert all(line.endswith("50 % quick") for line in lines)
