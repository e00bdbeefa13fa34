"""Hashes by pieces: the same for the same content, wherever it lies, and another for every other content."""

from __future__ import annotations

from pathlib import Path

import pytest

from engines.backends import hashing
from engines.backends.hashing import hash_of, hash_of_file


@pytest.fixture(autouse=True)
def small_pieces(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hashing, "PIECE", 16)


@pytest.mark.parametrize("length", [0, 1, 15, 16, 17, 160, 1001])
def test_a_file_and_its_content_have_the_same_hash(tmp_path: Path, length: int) -> None:
    content = bytes(place % 251 for place in range(length))
    (tmp_path / "file").write_bytes(content)
    assert hash_of_file(tmp_path / "file") == hash_of(content)
    assert len(hash_of(content)) == 64


def test_every_change_is_seen() -> None:
    content = bytes(range(100))
    changed = [content[:-1], content + b"\0", content[16:32] + content[:16] + content[32:], b"\1" + content[1:]]
    assert len({hash_of(each) for each in [content, *changed]}) == 5


def test_a_file_that_is_not_there_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        hash_of_file(tmp_path / "absent")
