"""The README's numbers are those of the saved results."""

from __future__ import annotations

from benchmarks.readme import README, with_numbers


def test_the_readme_says_what_was_measured() -> None:
    readme = README.read_text(encoding="utf-8")
    assert with_numbers(readme) == readme
    assert "microphone → lips" in readme
