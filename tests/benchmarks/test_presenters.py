"""benchmarks.presenters: a row for each presenter, whose loop is shown whole."""

from __future__ import annotations

import shutil
from pathlib import Path

from benchmarks.presenters import costs, resident_mb
from engines.face.loop import LoopCache
from engines.loader import Presenters
from engines.warp.engine import WarpEngine
from tests.engines.face import tiny_avatar
from tests.engines.level_encoder import LevelEncoder


def test_every_presenter_has_a_row(tmp_path: Path) -> None:
    shutil.copytree(tiny_avatar.save(tmp_path / "shown" / "ana"), tmp_path / "shown" / "bea")
    presenters = Presenters(tmp_path / "shown", cache=LoopCache(tmp_path / "loops"))
    rows = list(costs(WarpEngine(LevelEncoder(0)), presenters))
    assert [row["presenter"] for row in rows] == ["ana", "bea"]
    assert all(row["load_s"] > 0 and row["prepare_s"] > 0 and row["frame_ms"] > 0 for row in rows)
    assert len(list((tmp_path / "loops").iterdir())) == 1  # both have the same loop


def test_memory_that_is_written_to_is_resident() -> None:
    before = resident_mb()
    held = bytearray(b"1") * 50_000_000
    assert 40 < resident_mb() - before < 60
    del held
