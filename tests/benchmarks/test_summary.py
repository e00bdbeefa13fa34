"""What time alone changes."""

from __future__ import annotations

import pytest

pytest.importorskip("playwright")

from benchmarks.measuring.summary import drift


def test_answers_that_come_later_and_later_have_drifted() -> None:
    assert drift([0.1 + 0.0001 * number for number in range(1000)]) == 90.0
    assert drift([0.1] * 1000) == 0.0


def test_a_few_that_are_missing_or_odd_do_not_matter() -> None:
    answers: list[float | None] = [0.1] * 1000
    answers[3] = answers[995] = None
    answers[4] = 0.5
    assert drift(answers) == 0.0


def test_of_too_few_answers_nothing_is_said() -> None:
    assert drift([0.1] * 250) is None
    assert drift([None] * 1000) is None
