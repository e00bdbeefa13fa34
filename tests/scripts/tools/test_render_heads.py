"""Folders of rendered heads: begun once with their settings, gone on with the same alone."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from scripts.tools.render_heads import SETTINGS, RenderSettings, _settle, _there


def settings(folder: Path) -> RenderSettings:
    return RenderSettings(folder, Path("kit"), (0, 1), 256, 12, 2)


def test_a_new_folder_notes_what_it_is_made_with(tmp_path: Path) -> None:
    wanted = settings(tmp_path / "heads")
    _settle(wanted)
    assert json.loads((wanted.folder / SETTINGS).read_text()) == {"size": 256, "samples": 12}
    assert [path.name for path in wanted.folder.iterdir()] == [SETTINGS]


def test_more_people_and_poses_may_be_added_later(tmp_path: Path) -> None:
    wanted = settings(tmp_path)
    _settle(wanted)
    _settle(replace(wanted, seeds=(5, 6, 7), poses=9))


@pytest.mark.parametrize("change", [{"size": 512}, {"samples": 24}])
def test_other_sizes_and_samples_are_refused(tmp_path: Path, change: dict[str, int]) -> None:
    wanted = settings(tmp_path)
    _settle(wanted)
    with pytest.raises(ValueError, match="name another folder, or give the same --size and --samples"):
        _settle(replace(wanted, **change))  # type: ignore[arg-type]  # whole numbers both


def test_a_picture_is_there_once_its_png_is(tmp_path: Path) -> None:
    wanted = settings(tmp_path)
    assert not _there(wanted, 3, 1)
    (tmp_path / "000003-001.safetensors").touch()
    assert not _there(wanted, 3, 1)
    (tmp_path / "000003-001.png").touch()
    assert _there(wanted, 3, 1)
