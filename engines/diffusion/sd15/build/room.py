"""Whether there is memory and disk enough, before anything slow begins. Knows no models."""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from pathlib import Path

from engines.diffusion.sd15.errors import NoRoom

GIB = 2**30
MEMORY = Path("/proc/meminfo")
# Bytes for each weight: the network in single precision, as much again in the runtime that is compared with it, and the
# part that is just being read.
MEMORY_OF_WEIGHT = 10
DISK_OF_WEIGHT = 2
SPARE = 256 * 2**20  # bytes of either, for all else


@dataclass(frozen=True, slots=True)
class Room:
    """Bytes; memory is None where the system does not say."""

    memory: int | None
    disk: int


def room_at(folder: Path) -> Room:
    """folder: where it is to be written; it need not exist yet."""
    there = next(each for each in (folder.absolute(), *folder.absolute().parents) if each.is_dir())
    return Room(_free_memory(), shutil.disk_usage(there).free)


def expect_room(weights: int, room: Room, folder: Path) -> None:
    """weights: how many numbers the pack's parts have.

    Raises:
        NoRoom: there is too little.
    """
    disk, memory = weights * DISK_OF_WEIGHT + SPARE, weights * MEMORY_OF_WEIGHT + SPARE
    if room.disk < disk:
        found = f"expected {disk / GIB:.1f} GiB free for the pack, found {room.disk / GIB:.1f}"
        raise NoRoom(f"{folder}: {found}; make room, or give --out on another disk")
    if room.memory is not None and room.memory < memory:
        found = f"expected {memory / GIB:.1f} GiB of free memory, found {room.memory / GIB:.1f}"
        raise NoRoom(f"building a pack of these weights: {found}; end other programs, or build it on another machine")


def _free_memory() -> int | None:
    """What Linux says could be had without swapping."""
    try:
        lines = MEMORY.read_text().splitlines()
    except OSError:
        return None
    found = [int(line.split()[1]) * 1024 for line in lines if line.startswith("MemAvailable:")]
    return found[0] if found else None
