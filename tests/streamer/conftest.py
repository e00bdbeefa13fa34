"""Fixtures of the streamer's tests."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.streamer.server_harness import presenters


@pytest.fixture(scope="session")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with one tiny presenter."""
    return presenters(tmp_path_factory.mktemp("presenters"))
