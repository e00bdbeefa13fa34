"""What tests of the diffusion engine share."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.engines.diffusion.miniature import write_miniature


@pytest.fixture(scope="session")
def miniature(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a miniature pack: look, do not touch."""
    return write_miniature(tmp_path_factory.mktemp("packs") / "miniature")
