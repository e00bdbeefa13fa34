"""What can be wrong with an avatar. Knows nothing of how avatars are used."""

from __future__ import annotations

from pathlib import Path


class AvatarError(ValueError):
    """An avatar's folder cannot be used: where, what was expected, what was found, how to mend it."""

    def __init__(self, path: Path, expected: str, found: str, mend: str) -> None:
        super().__init__(f"{path}: expected {expected}, found {found}; {mend}")
        self.path = path
        self.expected = expected
        self.found = found
        self.mend = mend
