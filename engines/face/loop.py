"""The frames of an idle loop, without holding them in memory: decoded once into a file, each read when it is shown.

A loop of 8 s at 512×512 is 157 MB of RGB. The file lies in the operating system's page cache, which all processes share
and which the system may take back. Reading a frame costs as much as copying it would, and its pixels are the decoder's.
"""

from __future__ import annotations

import os
import weakref
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from math import prod
from pathlib import Path
from typing import Protocol

import numpy as np

from engines.arrays import U8
from engines.files import whole_file

SUFFIX = ".rgb"
CACHE_BYTES = 3_000_000_000  # of all loops together: 19 of 8 s at 512×512
OWNER_ONLY = 0o700  # a presenter may be a person who has not agreed to be seen by other users of the machine

Shape = tuple[int, int, int, int]  # frames, height, width, 3


class Loop(Protocol):
    """Frames by number: (height, width, 3) uint8 RGB each. An array (frames, height, width, 3) is one too.

    A frame that owns its memory (flags.owndata) is the caller's; any other must not be written to.
    """

    def __len__(self) -> int: ...
    def __getitem__(self, frame: int, /) -> U8: ...
    def __iter__(self) -> Iterator[U8]: ...


class CachedLoop:
    """A loop in a file of raw RGB. Thread-safe; the file may be deleted meanwhile."""

    __slots__ = ("__weakref__", "_descriptor", "_path", "_shape")

    def __init__(self, path: Path, shape: Shape) -> None:
        """
        Raises:
            OSError: the file cannot be opened.
        """
        self._path, self._shape = path, shape
        self._descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
        weakref.finalize(self, os.close, self._descriptor)

    def __len__(self) -> int:
        return self._shape[0]

    def __getitem__(self, frame: int, /) -> U8:
        """A fresh array.

        Raises:
            IndexError: there is no frame of that number.
            OSError: the file cannot be read, or was cut short.
        """
        if not 0 <= frame < self._shape[0]:
            raise IndexError(f"frame {frame} of {self._shape[0]}")
        pixels = np.empty(self._shape[1:], np.uint8)
        if os.preadv(self._descriptor, [pixels.data], frame * pixels.nbytes) != pixels.nbytes:
            raise OSError(
                f"{self._path}: expected {self._shape[0]} frames of {pixels.nbytes} bytes, the file is shorter"
            )
        return pixels

    def __iter__(self) -> Iterator[U8]:
        return (self[frame] for frame in range(len(self)))


@dataclass(frozen=True, slots=True)
class LoopCache:
    """A folder of decoded loops, by key. Those used longest ago are deleted once all take more than max_bytes."""

    folder: Path
    max_bytes: int = CACHE_BYTES

    def find(self, key: str, shape: Shape) -> CachedLoop | None:
        """The loop of that key, None where there is none of that size.

        Raises:
            OSError: it is there and cannot be opened.
        """
        path = self._path(key)
        if not path.is_file() or path.stat().st_size != prod(shape):
            return None
        loop = CachedLoop(path, shape)
        os.utime(path)
        return loop

    def write(self, key: str, shape: Shape, frames: Iterable[U8]) -> CachedLoop:
        """Save a loop, whole or not at all; each frame is written as it comes.

        Raises:
            OSError: there is no room for it, or the folder cannot be written to.
        """
        self.folder.mkdir(mode=OWNER_ONLY, parents=True, exist_ok=True)
        with whole_file(self._path(key)) as fresh, fresh.open("wb") as file:
            for frame in frames:
                file.write(np.ascontiguousarray(frame).data)
        loop = CachedLoop(self._path(key), shape)
        self._prune(key)
        return loop

    def _path(self, key: str) -> Path:
        return self.folder / f"{key}{SUFFIX}"

    def _prune(self, newest: str) -> None:
        """Other processes prune too: a file may be gone at any moment."""
        found = []
        for path in self.folder.glob(f"*{SUFFIX}"):
            try:
                status = path.stat()
            except FileNotFoundError:
                continue
            found.append((path == self._path(newest), status.st_mtime_ns, status.st_size, path))
        total = 0
        for latest, _, size, path in sorted(found, reverse=True):
            total += size
            if total > self.max_bytes and not latest:
                path.unlink(missing_ok=True)
