"""The one form in which files are refused: where, what was expected, what was found, how to fix it."""

from __future__ import annotations

from pathlib import Path


class FileRefused(ValueError):
    """A file or folder cannot be used."""

    def __init__(self, path: Path, expected: str, found: str, fix: str) -> None:
        super().__init__(f"{path}: expected {expected}, found {found}; {fix}")
        self.path = path
        self.expected = expected
        self.found = found
        self.fix = fix
