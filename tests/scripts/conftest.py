"""The face model for tests that draw, the mean head and one whole figure of it, built once: seconds each."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from scripts.training.heads.figure import Figure
    from scripts.training.heads.model import HeadModel

FACEKIT = Path(os.environ.get("LIPCAST_FACEKIT", "../shared/ict_facekit"))


@pytest.fixture(scope="session")
def facekit() -> Path:
    pytest.importorskip("scipy", reason="scipy measures the lips' border: install the train extra")
    if not (FACEKIT / "ict_facekit.npz").is_file():
        pytest.skip(f"no face model in {FACEKIT}: name its folder with LIPCAST_FACEKIT")
    return FACEKIT


@pytest.fixture(scope="session")
def head(facekit: Path) -> HeadModel:
    from scripts.training.heads.model import HeadModel, load_facekit

    return HeadModel(load_facekit(facekit))


@pytest.fixture(scope="session")
def figure(head: HeadModel) -> Figure:
    """Kofi, who has a beard, on the mean head, with a mouth that may open."""
    from scripts.training.heads.figure import Figure
    from scripts.training.heads.people import APPEARANCES

    return Figure(head, APPEARANCES["kofi"], talks=True)
