"""Miniature weights and the packs built of them, once for all tests: look, do not touch.

What needs PyTorch is imported late: without it the tests beside this are skipped, and the others still run.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path

import pytest

SIZE = 64  # pixels

Folders = Callable[[str], Path]


@pytest.fixture(scope="session", autouse=True)
def one_thread() -> None:
    """Such small networks are slower on several."""
    if "torch" in sys.modules:
        sys.modules["torch"].set_num_threads(1)


@pytest.fixture(scope="session")
def weights_of(tmp_path_factory: pytest.TempPathFactory) -> Folders:
    """The folder of weights with an adapter of a kind."""
    pytest.importorskip("transformers")
    from tests.engines.diffusion.sd15 import weights

    made: dict[str, Path] = {}

    def of(kind: str) -> Path:
        if kind not in made:
            made[kind] = weights.save_all(tmp_path_factory.mktemp("weights") / kind, kind)
        return made[kind]

    return of


@pytest.fixture(scope="session")
def live(weights_of: Folders, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A live pack, of the plus adapter."""
    from engines.diffusion.sd15.build.pack_builder import BuildOrder, Settings, build_pack

    folder = tmp_path_factory.mktemp("packs") / "live"
    order = BuildOrder((str(weights_of("plus")),), folder, Settings("live", SIZE), threads=1)
    return build_pack(order, lambda line: None)


@pytest.fixture(scope="session")
def paper(weights_of: Folders, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A paper pack, of the plain adapter, with few steps for speed."""
    from engines.diffusion.sd15.build.pack_builder import BuildOrder, Settings, build_pack

    folder = tmp_path_factory.mktemp("packs") / "paper"
    order = BuildOrder((str(weights_of("plain")),), folder, Settings("paper", SIZE, steps=3), threads=1)
    return build_pack(order, lambda line: None)
