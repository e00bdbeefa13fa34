"""Files and folders that are written whole or not at all: a reader finds the old one, none, or the new one."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def whole_file(path: Path) -> Iterator[Path]:
    """A path to write to. It takes the name `path` when the block ends well, in place of an older file, and vanishes
    when not.

    Raises:
        OSError: nothing can be written beside `path`; its folder must exist.
    """
    # In the same folder, so that the rename stays inside one file system and is atomic.
    with tempfile.TemporaryDirectory(prefix=f".{path.name}-", dir=path.parent) as scratch:
        fresh = Path(scratch) / path.name
        yield fresh
        with fresh.open("rb+") as file:
            os.fsync(file.fileno())  # or a power cut could leave the new name with half of the content
        os.replace(fresh, path)


@contextmanager
def whole_folder(folder: Path) -> Iterator[Path]:
    """An empty folder to fill. It takes the name `folder` when the block ends well, in place of an older one, and
    vanishes when not. Folders above are made.

    Raises:
        OSError: nothing can be written beside `folder`.
    """
    folder.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=f".{folder.name}-", dir=folder.parent) as scratch:
        fresh, old = Path(scratch) / "new", Path(scratch) / "old"
        fresh.mkdir()
        yield fresh
        if folder.exists():
            folder.rename(old)
        fresh.rename(folder)
