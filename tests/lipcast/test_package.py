"""What `import lipcast` gives a program, and what it costs."""

from __future__ import annotations

import subprocess
import sys

import pytest

import lipcast


@pytest.mark.parametrize("name", lipcast.__all__)
def test_every_exported_name_is_there(name: str) -> None:
    assert getattr(lipcast, name).__name__ == name
    assert name in dir(lipcast)


def test_a_name_that_is_not_exported_is_refused_with_those_that_are() -> None:
    with pytest.raises(AttributeError, match="'Sessions'; it has: AudioInput"):
        lipcast.Sessions  # noqa: B018


def test_importing_it_loads_neither_media_libraries_nor_engines() -> None:
    program = "import sys, lipcast; print(sorted({'av', 'aiortc', 'numpy', 'streamer', 'engines'} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_an_engine_is_loaded_by_name() -> None:
    engine = lipcast.load_engine("warp", 2)
    assert engine.timing.lookahead_frames == 2
