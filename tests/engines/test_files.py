"""A file or folder that is written whole or not at all."""

from __future__ import annotations

from pathlib import Path

import pytest

from engines.files import whole_file, whole_folder


def write_half_a_file(path: Path) -> None:
    with whole_file(path) as fresh:
        fresh.write_text("ne")
        raise RuntimeError("torn")


def write_half_a_folder(folder: Path) -> None:
    with whole_folder(folder) as fresh:
        (fresh / "new").write_text("")
        raise RuntimeError("torn")


def test_a_file_takes_the_place_of_an_older_one_when_it_is_whole(tmp_path: Path) -> None:
    path = tmp_path / "a.txt"
    path.write_text("old")
    with whole_file(path) as fresh:
        fresh.write_text("new")
        assert path.read_text() == "old"
    assert path.read_text() == "new"
    assert list(tmp_path.iterdir()) == [path]


def test_a_file_that_fails_leaves_the_older_one_and_nothing_else(tmp_path: Path) -> None:
    path = tmp_path / "a.txt"
    path.write_text("old")
    with pytest.raises(RuntimeError, match="torn"):
        write_half_a_file(path)
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


def test_a_folder_takes_the_place_of_an_older_one_with_all_its_files(tmp_path: Path) -> None:
    folder = tmp_path / "above" / "a"
    for names in (("one", "two"), ("three",)):
        with whole_folder(folder) as fresh:
            for name in names:
                (fresh / name).write_text(name)
    assert [path.name for path in folder.iterdir()] == ["three"]
    assert list(folder.parent.iterdir()) == [folder]


def test_a_folder_that_fails_leaves_the_older_one_and_nothing_else(tmp_path: Path) -> None:
    folder = tmp_path / "a"
    folder.mkdir()
    (folder / "old").write_text("")
    with pytest.raises(RuntimeError, match="torn"):
        write_half_a_folder(folder)
    assert [path.name for path in folder.iterdir()] == ["old"]
    assert list(tmp_path.iterdir()) == [folder]
