"""Output files that are whole or not there at all. Knows nothing of what is written."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from lipcast.commands.errors import CommandError


@contextmanager
def whole_file(path: Path) -> Iterator[Path]:
    """A path beside `path` to write to; it takes the name `path` when all went well and vanishes when not.

    Raises:
        CommandError: nothing can be written there.
    """
    if path.is_dir():
        raise CommandError(f"{path}: is a folder; give the name of a file in it")
    try:
        # In the same folder, so that the rename stays inside one file system and is atomic.
        scratch = tempfile.TemporaryDirectory(prefix=f".{path.name}-", dir=path.parent)
    except OSError as error:
        fix = "give a folder that exists and may be written to"
        raise CommandError(f"{path}: cannot be written ({error.strerror}); {fix}") from error
    with scratch as folder:
        fresh = Path(folder) / path.name
        yield fresh
        fresh.replace(path)


def expect_free(path: Path, force: bool) -> None:
    """
    Raises:
        CommandError: there is a file already, and nobody said that it may go.
    """
    if path.exists() and not force:
        raise CommandError(f"{path}: exists already; give another name, or --force to overwrite it")
