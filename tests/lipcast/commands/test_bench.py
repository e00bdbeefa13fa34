"""`lipcast bench`: the benchmarks of the source tree by name."""

from __future__ import annotations

from pathlib import Path

import pytest

from lipcast.cli import main
from lipcast.commands.bench import QUESTIONS, TREE, bench
from lipcast.commands.errors import CommandError


def test_every_question_is_a_benchmark_and_the_other_way_round() -> None:
    asks = {path.stem for path in (TREE / "benchmarks").glob("*.py") if "__main__" in path.read_text(encoding="utf-8")}
    assert set(QUESTIONS) == asks - {"readme"}  # which writes down what the others have measured


def test_a_benchmark_is_run_with_its_own_words(capfd: pytest.CaptureFixture[str]) -> None:
    assert main(["bench", "latency", "--help"]) == 0
    assert "--loss SHARE" in capfd.readouterr().out


def test_what_a_benchmark_refuses_is_its_status() -> None:
    assert main(["bench", "latency", "--nonsense"]) == 2


def test_an_unknown_question_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["bench", "weather"])
    assert "QUESTION" in capsys.readouterr().err


def test_without_the_source_tree_it_says_where_to_get_it(tmp_path: Path) -> None:
    with pytest.raises(CommandError, match="they come with the source tree"):
        bench("latency", [], tmp_path)
