"""The mean head and one whole figure of it, built once: seconds each."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from scripts.training.heads.figure import Figure
    from scripts.training.heads.model import HeadModel


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
