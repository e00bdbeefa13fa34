"""The numbers of the README and of docs/results.md are those of the saved results."""

from __future__ import annotations

from typing import Any

import pytest

from benchmarks.readme import (
    MISSED,
    PAGES,
    Cell,
    counted_lips,
    first_lips,
    first_screen,
    load,
    more_sessions,
    real_lips,
    with_block,
)


def test_the_pages_say_what_was_measured() -> None:
    for path, block in PAGES:
        page = path.read_text(encoding="utf-8")
        assert with_block(page, block()) == page, f"{path.name}: run `python -m benchmarks.readme`"
        assert "microphone → lips" in page


def test_the_first_screen_has_five_numbers() -> None:
    assert first_screen().count("|\n") == 2 + 5  # head, rule, and a row each


def talker(group: str, held_out: bool, opening: float) -> dict[str, Any]:
    return {"group": group, "held_out": held_out, "opening": opening, "width": 0.5}


REAL: dict[str, Any] = {
    "held_out": {"grid": {"opening": 0.79, "width": 0.41}, "fluent": {"opening": 0.62, "width": 0.7}},
    "talkers": {
        "s30": talker("grid", True, 0.8),
        "s1": talker("grid", False, 0.9),
        "obama": talker("fluent", True, 0.6),
    },
    "by_lookahead_ms": {"0": 0.7, "80": 0.79},
    "same_words": {"opening": {"one_talker": 0.58, "all_talkers": 0.72, "same_talker": 0.78, "encoder": 0.67}},
    "closures": {"held_out": {"sounds": 214.0, "seen": 0.9, "encoder": 0.72}},
}


def test_real_lips_are_shown_with_their_aims() -> None:
    rows = real_lips(REAL)
    assert [str(cell) for _, _, cell in rows] == [
        "0.79", f"0.62{MISSED}", f"0.41{MISSED}", "0.70", "s30 0.80 / 0.50", "0.70, 0.79", "0.58, 0.72, 0.78, 0.67",
        f"90 %; 72 %{MISSED}",
    ]  # fmt: skip
    assert "mean of 1 talkers" in rows[0][0]


@pytest.mark.parametrize("missing", list(REAL))
def test_what_was_not_measured_of_real_lips_has_no_row(missing: str) -> None:
    less = {key: value for key, value in REAL.items() if key != missing}
    assert len(real_lips(less)) < len(real_lips(REAL))


def test_a_result_without_real_lips_breaks_no_page() -> None:
    assert real_lips({}) == []
    assert first_lips({}) == []
    assert counted_lips({}) == []
    assert counted_lips({"core_share": 0.011}) == [("processor time, of one core", "≤ 3 %", Cell("1.1 %"))]


def test_the_first_screen_marks_lips_that_miss_an_aim() -> None:
    assert first_lips(REAL)[0][1] == f"0.79 (short commands), 0.62 (fluent English){MISSED}"
    met = {"held_out": {"grid": {"opening": 0.79}}}
    assert first_lips(met)[0][1] == "0.79 (short commands)"


def test_the_saved_result_has_every_row() -> None:
    assert len(real_lips(load("lips")["real_lips"])) >= len(real_lips(REAL))


def test_each_number_of_the_first_screen_names_its_engine_and_how_long_it_was_measured() -> None:
    head, _, *rows = (line.strip("| ").split(" | ") for line in first_screen().splitlines() if line.startswith("|"))
    assert head[-2:] == ["engine `diffusion`", "run"]
    assert [row[-1] for row in rows] == ["60 s", "60 s; 1 h", "saved clips", "30 s", "30 s"]
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
