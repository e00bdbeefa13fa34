"""How a private attribute of the WebRTC library is replaced: never blindly."""

from __future__ import annotations

from typing import Any


class LibraryMismatch(RuntimeError):
    """The installed aiortc or aioice is not the one that the hooks were written for."""

    def __init__(self, owner: object, name: str) -> None:
        super().__init__(
            f"{type(owner).__module__}.{type(owner).__name__} has no attribute {name}: the installed WebRTC library is "
            "not the one that Lipcast was tested with; fix: pip install 'aiortc>=1.16,<1.17' 'aioice>=0.13,<0.14'"
        )


def replace(owner: object, name: str, value: object) -> Any:
    """Set an attribute of one object of the library, which must have it already; returns what it was.

    Raises:
        LibraryMismatch: there is no such attribute, so nobody would ever look at it.
    """
    if not hasattr(owner, name):
        raise LibraryMismatch(owner, name)
    before = getattr(owner, name)
    vars(owner)[name] = value
    return before


def read(owner: object, name: str) -> Any:
    """A private attribute of one object of the library.

    Raises:
        LibraryMismatch: there is no such attribute.
    """
    if not hasattr(owner, name):
        raise LibraryMismatch(owner, name)
    return getattr(owner, name)
