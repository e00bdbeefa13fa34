"""Loops in files: the same frames as in memory, decoded once, and no more of them than a folder may hold."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest

from engines.arrays import U8
from engines.face.avatar import FaceAvatar, load_avatar
from engines.face.errors import AvatarError
from engines.face.loop import CachedLoop, LoopCache, Shape
from tests.engines.face import tiny_avatar as tiny

SHAPE: Shape = (3, 4, 5, 3)
BYTES = 3 * 4 * 5 * 3


def frames(first: int = 0) -> U8:
    return (first + np.arange(BYTES, dtype=np.uint8)).reshape(SHAPE)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tiny.save(tmp_path / "tiny")


@pytest.fixture
def cache(tmp_path: Path) -> LoopCache:
    return LoopCache(tmp_path / "cache" / "loops")


def cached_file(cache: LoopCache) -> Path:
    (path,) = cache.folder.iterdir()
    return path


def stacked(avatar: FaceAvatar) -> U8:
    return np.stack(list(avatar.loop))


def test_a_loop_in_a_file_has_the_frames_of_one_in_memory(folder: Path, cache: LoopCache) -> None:
    decoded = stacked(load_avatar(folder))
    for _ in ("decoded into the file", "found there"):
        avatar = load_avatar(folder, cache)
        assert isinstance(avatar.loop, CachedLoop)
        np.testing.assert_array_equal(stacked(avatar), decoded)


def test_a_loop_that_was_decoded_is_not_decoded_again(folder: Path, cache: LoopCache) -> None:
    shape = stacked(load_avatar(folder, cache)).shape
    path = cached_file(cache)
    path.write_bytes(bytes([7]) * path.stat().st_size)
    np.testing.assert_array_equal(stacked(load_avatar(folder, cache)), np.full(shape, 7))


def test_frames_are_the_caller_s_own(folder: Path, cache: LoopCache) -> None:
    loop = load_avatar(folder, cache).loop
    before = loop[0].copy()
    loop[0].fill(9)
    np.testing.assert_array_equal(loop[0], before)
    assert loop[0].flags.owndata


def test_another_loop_has_another_file(folder: Path, cache: LoopCache, tmp_path: Path) -> None:
    load_avatar(folder, cache)
    other = tmp_path / "other"
    folder.rename(other)
    (other / "loop.mp4").write_bytes(tiny.video(255 - tiny.loop()))
    np.testing.assert_array_equal(stacked(load_avatar(other, cache)), stacked(load_avatar(other)))
    assert len(list(cache.folder.iterdir())) == 2


def test_a_file_of_another_size_is_decoded_again(folder: Path, cache: LoopCache) -> None:
    decoded = stacked(load_avatar(folder, cache))
    path = cached_file(cache)
    path.write_bytes(path.read_bytes()[:-1])
    np.testing.assert_array_equal(stacked(load_avatar(folder, cache)), decoded)


def test_a_loop_that_is_refused_leaves_no_file(folder: Path, cache: LoopCache) -> None:
    (folder / "loop.mp4").write_bytes(tiny.video(tiny.loop()[:-1]))
    with pytest.raises(AvatarError, match=r"frames, as avatar\.json says"):
        load_avatar(folder, cache)
    assert list(cache.folder.iterdir()) == []


def test_where_files_cannot_be_written_the_loop_is_in_memory_and_that_is_said(
    folder: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "file").touch()
    avatar = load_avatar(folder, LoopCache(tmp_path / "file" / "no folder"))
    np.testing.assert_array_equal(stacked(avatar), stacked(load_avatar(folder)))
    (said,) = caplog.messages
    assert "the decoded loop cannot be cached" in said
    assert "$XDG_CACHE_HOME" in said


def test_loops_used_longest_ago_go_once_all_are_too_large(cache: LoopCache) -> None:
    cache = LoopCache(cache.folder, max_bytes=2 * BYTES)
    for number, key in enumerate("ab"):
        cache.write(key, SHAPE, frames())
        os.utime(cache.folder / f"{key}.rgb", ns=(number, number))
    assert cache.find("a", SHAPE) is not None  # used now: b is the oldest
    cache.write("c", SHAPE, frames())
    assert sorted(path.stem for path in cache.folder.iterdir()) == ["a", "c"]


def test_a_loop_larger_than_the_limit_is_kept_while_it_is_the_newest(cache: LoopCache) -> None:
    cache = LoopCache(cache.folder, max_bytes=1)
    cache.write("a", SHAPE, frames())
    loop = cache.write("b", SHAPE, frames(1))
    assert [path.stem for path in cache.folder.iterdir()] == ["b"]
    np.testing.assert_array_equal(np.stack(list(loop)), frames(1))


def test_a_loop_outlives_its_file(cache: LoopCache) -> None:
    loop = cache.write("a", SHAPE, frames())
    cached_file(cache).unlink()
    np.testing.assert_array_equal(np.stack(list(loop)), frames())


def test_a_file_that_was_cut_short_is_an_error_and_not_a_frame(cache: LoopCache) -> None:
    loop = cache.write("a", SHAPE, frames())
    os.truncate(cached_file(cache), BYTES - 1)
    np.testing.assert_array_equal(loop[1], frames()[1])
    with pytest.raises(OSError, match="expected 3 frames of 60 bytes"):
        loop[2]


@pytest.mark.parametrize("frame", [-1, 3])
def test_a_frame_beyond_the_loop_is_an_error(cache: LoopCache, frame: int) -> None:
    loop = cache.write("a", SHAPE, frames())
    with pytest.raises(IndexError, match=f"frame {frame} of 3"):
        loop[frame]


def test_only_the_user_may_read_the_folder(cache: LoopCache) -> None:
    cache.write("a", SHAPE, frames())
    assert cache.folder.stat().st_mode & 0o077 == 0
