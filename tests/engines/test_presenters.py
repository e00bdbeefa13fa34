"""Presenters of several folders: those that ship, then the user's."""

from __future__ import annotations

from pathlib import Path

import pytest

from engines.face.errors import AvatarError
from engines.loader import SHIPPED, Presenters, user_presenters
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
