"""Output files of the commands. Knows nothing of what is written."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from engines import files
from lipcast.commands.errors import CommandError


@contextmanager
def whole_file(path: Path) -> Iterator[Path]:
    """A path beside `path` to write to; it takes the name `path` when all went well and vanishes when not.

    Raises:
        CommandError: nothing can be written there.
    """
    if path.is_dir():
        raise CommandError(f"{path}: is a folder; give the name of a file in it")
    with ExitStack() as stack:
        try:
            fresh = stack.enter_context(files.whole_file(path))
        except OSError as error:
            fix = "give a folder that exists and may be written to"
            raise CommandError(f"{path}: cannot be written ({error.strerror}); {fix}") from error
        yield fresh


def expect_free(path: Path, force: bool) -> None:
    """
    Raises:
        CommandError: there is a file already, and it may not be overwritten.
    """
    if path.exists() and not force:
        raise CommandError(f"{path}: exists already; give another name, or --force to overwrite it")
