"""What a result says of where it was measured, and how it is shown."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from benchmarks.measuring.report import PACKAGES, commit, publish, surroundings, version_of

ROWS = [("what", "measured", "bar"), ("a frame", "3.2 ms", "≤ 30 ms"), ("memory of all", "429 MB", "")]


def test_the_last_line_is_the_result_as_json(capsys: pytest.CaptureFixture[str]) -> None:
    publish({"frame_ms": 3.2, "name": "Mira"}, ROWS, None)
    lines = capsys.readouterr().out.splitlines()
    assert json.loads(lines[-1]) == {"frame_ms": 3.2, "name": "Mira"}


def test_the_table_has_its_columns_below_each_other(capsys: pytest.CaptureFixture[str]) -> None:
    publish({}, ROWS, None)
    lines = capsys.readouterr().out.splitlines()[:3]
    ends = [line.index(value) + len(value) for line, (_, value, _) in zip(lines, ROWS, strict=True)]
    assert len(set(ends)) == 1
    assert [line.split("  ")[0].strip() for line in lines] == ["what", "a frame", "memory of all"]


def test_a_file_is_written_where_it_is_wanted(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    publish({"a": [1, 2]}, ROWS, tmp_path / "results" / "a.json")
    assert json.loads((tmp_path / "results" / "a.json").read_text()) == {"a": [1, 2]}
    assert capsys.readouterr().out.endswith('{"a": [1, 2]}\n')


def test_surroundings_name_machine_commit_and_versions() -> None:
    found = surroundings()
    assert found["cores"] == os.cpu_count()
    assert found["cpu"]
    assert found["commit"] == commit() != ""
    assert set(found["versions"]) <= set(PACKAGES)
    assert found["versions"]["numpy"] == version_of("numpy")
    json.dumps(found)


def test_packages_that_are_not_there_have_no_version() -> None:
    assert version_of("no-such-package-anywhere") is None
