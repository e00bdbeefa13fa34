"""Hashes of gigabytes by all processors at once: SHA-256 of the SHA-256 of pieces. Knows no plans."""

from __future__ import annotations

import hashlib
import mmap
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

PIECE = 1 << 26  # bytes


def hash_of(content: bytes | memoryview) -> str:
    """In hexadecimal digits. Not what sha256sum gives."""
    view = memoryview(content)
    pieces = [view[start : start + PIECE] for start in range(0, len(view), PIECE)]
    total = hashlib.sha256()
    if len(pieces) < 2:
        for piece in pieces:
            total.update(_digest(piece))
        return total.hexdigest()
    with ThreadPoolExecutor(thread_name_prefix="hash") as threads:  # hashlib lets other threads run meanwhile
        for digest in threads.map(_digest, pieces):
            total.update(digest)
    return total.hexdigest()


def hash_of_file(path: Path) -> str:
    """The same of a file's content.

    Raises:
        OSError: it cannot be read.
    """
    with path.open("rb") as file:
        if path.stat().st_size == 0:
            return hash_of(b"")
        with mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as content, memoryview(content) as view:
            return hash_of(view)


def _digest(piece: memoryview) -> bytes:
    with piece:  # a memory map closes only when nothing shows it any more
        return hashlib.sha256(piece).digest()
