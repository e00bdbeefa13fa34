"""`lipcast bench`: the benchmarks of the source tree by name."""

from __future__ import annotations

from importlib.metadata import requires
from pathlib import Path

import pytest

from lipcast.cli import main
from lipcast.commands.bench import QUESTIONS, TREE, bench
from lipcast.commands.errors import CommandError
from lipcast.commands.run_benchmark import extra_of


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


@pytest.mark.parametrize(
    ("package", "extra"),
    [("playwright", "dev"), ("torch", "diffusion"), ("numba", "train"), ("numpy", None), ("nothing", None)],
)
def test_a_missing_package_s_extra_is_the_first_that_installs_it(package: str, extra: str | None) -> None:
    assert extra_of(package, requires("lipcast") or []) == extra


def other_tree(folder: Path, program: str) -> Path:
    """A source tree whose benchmark of latency is a program."""
    (folder / "benchmarks").mkdir()
    (folder / "benchmarks" / "__init__.py").touch()
    (folder / "benchmarks" / "latency.py").write_text(program, encoding="utf-8")
    return folder


def test_without_its_extra_a_benchmark_names_it_in_one_line(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    absent = "import sys\nsys.modules['playwright'] = None\nimport playwright.async_api\n"
    assert bench("latency", ["--help"], other_tree(tmp_path, absent)) == 1
    error = capfd.readouterr().err
    assert error.startswith("lipcast: this benchmark needs playwright, which")
    assert error.endswith("pip install -e '.[dev]'\n")
    assert error.count("\n") == 1


def test_a_module_that_no_extra_installs_is_a_fault_and_shown_as_one(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    assert bench("latency", [], other_tree(tmp_path, "import engines.misspelt\n")) == 1
    assert "Traceback" in capfd.readouterr().err
