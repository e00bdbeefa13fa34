"""The face model for tests that draw, and the reasons to skip them."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

FACEKIT = Path(os.environ.get("LIPCAST_FACEKIT", "../shared/ict_facekit"))


@pytest.fixture(scope="session")
def facekit() -> Path:
    pytest.importorskip("scipy", reason="scipy measures the lips' border: install the train extra")
    if not (FACEKIT / "ict_facekit.npz").is_file():
        pytest.skip(f"no face model in {FACEKIT}: name its folder with LIPCAST_FACEKIT")
    return FACEKIT
