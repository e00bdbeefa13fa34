"""Presenters of several folders: those that ship, then the user's."""

from __future__ import annotations

import gc
import shutil
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Event
from weakref import ref

import pytest

from engines.face.avatar import FaceAvatar, load_avatar
from engines.face.errors import AvatarError
from engines.face.loop import LoopCache
from engines.loader import KEPT_IN_FILES, KEPT_IN_MEMORY, SHIPPED, Presenters, user_presenters
from streamer.config import EngineConfig
from streamer.wiring import presenters_of
from tests.engines.face import tiny_avatar


def test_ones_own_come_after_those_that_ship(tmp_path: Path) -> None:
    tiny_avatar.save(tmp_path / "aaron")
    names = list(Presenters(SHIPPED, tmp_path).all)
    assert names == [*Presenters(SHIPPED).all, "aaron"]


def test_of_two_of_one_name_the_earlier_folder_counts(tmp_path: Path) -> None:
    for folder in ("one", "two"):
        tiny_avatar.save(tmp_path / folder / "ana")
    assert Presenters(tmp_path / "one", tmp_path / "two").find("ana").folder == tmp_path / "one" / "ana"


def test_a_folder_need_not_exist_but_somebody_must(tmp_path: Path) -> None:
    assert Presenters(SHIPPED, tmp_path / "none").all
    with pytest.raises(AvatarError, match=r"expected folders with an avatar\.json"):
        Presenters(tmp_path / "none")


def test_the_server_offers_ones_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path))
    tiny_avatar.save(user_presenters() / "ana")
    assert "ana" in presenters_of(EngineConfig()).all


def test_a_configured_folder_stands_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "data"))
    tiny_avatar.save(user_presenters() / "ana")
    tiny_avatar.save(tmp_path / "mine" / "bea")
    assert list(presenters_of(EngineConfig(presenters=str(tmp_path / "mine"))).all) == ["bea"]


NAMES = "abcd"


@pytest.fixture
def four(tmp_path: Path) -> Presenters:
    first = tiny_avatar.save(tmp_path / NAMES[0])
    for name in NAMES[1:]:
        shutil.copytree(first, tmp_path / name)
    return Presenters(tmp_path)


def test_an_avatar_that_is_shown_is_not_decoded_again(four: Presenters) -> None:
    shown = four.load("a")
    for name in NAMES[1:]:
        four.load(name)
    assert four.load("a") is shown


def test_those_used_last_stay_in_memory_and_no_others(four: Presenters) -> None:
    seen = {name: ref(four.load(name)) for name in (*NAMES, "b", "d")}
    gc.collect()
    assert len(NAMES) > KEPT_IN_MEMORY == 2
    assert [name for name in NAMES if seen[name]() is not None] == ["b", "d"]


def test_more_avatars_stay_in_memory_where_their_loops_are_in_files(four: Presenters, tmp_path: Path) -> None:
    presenters = Presenters(tmp_path, cache=LoopCache(tmp_path / "cache"))
    seen = {name: ref(presenters.load(name)) for name in NAMES}
    gc.collect()
    assert len(NAMES) == KEPT_IN_FILES > KEPT_IN_MEMORY
    assert all(avatar() is not None for avatar in seen.values())


def test_nobody_waits_for_another_s_avatar_and_each_is_decoded_once(
    four: Presenters, monkeypatch: pytest.MonkeyPatch
) -> None:
    decoded, begun, go_on = [], Event(), Event()

    def slow_for_b(folder: Path, cache: LoopCache | None) -> FaceAvatar:
        decoded.append(folder.name)
        if folder.name == "b":
            begun.set()
            assert go_on.wait(60)
        return load_avatar(folder, cache)

    monkeypatch.setattr("engines.loader.load_avatar", slow_for_b)
    known = four.load("a")
    with ThreadPoolExecutor(4) as threads:
        try:
            waiting = [threads.submit(four.load, "b") for _ in range(2)]
            assert begun.wait(60)
            assert threads.submit(four.load, "a").result(60) is known
            assert threads.submit(four.load, "c").result(60).name == "tiny"
        finally:
            go_on.set()
        one, other = (each.result(60) for each in waiting)
    assert one is other
    assert decoded == ["a", "b", "c"]
