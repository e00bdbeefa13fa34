"""Packs of users: built of their weights, shown, compiled for their GPU. Knows no command line and no model."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TextIO

from lipcast.commands.errors import OfflineError
from lipcast.commands.wiring import (
    MIB,
    PackOrder,
    build_sd15_pack,
    compile_frame_step,
    pack_facts,
    shipped_pack,
)


def build(order: PackOrder, force: bool, words: TextIO) -> Path:
    """Make a pack's folder, whole or not at all; words is told of every step. Returns the folder.

    Raises:
        OfflineError, FileRefused, ValueError: with what was expected, what was found and the mend.
    """
    if order.folder.exists() and not force:
        raise OfflineError(f"{order.folder}: exists already; give another --out, or --force to replace a pack")
    return build_sd15_pack(order, ProgressPrinter(words))


def show(folder: Path | None) -> Iterator[str]:
    """Lines about a pack, None for the one that ships; every file is compared with its hash.

    Raises:
        FileRefused: it cannot be used.
    """
    for name, value in pack_facts(folder or shipped_pack()):
        yield f"{name:<12} {value}"


def compile_pack(folder: Path, batches: tuple[int, ...], precision: str, words: TextIO) -> list[Path]:
    """Compile a pack's frame step for this machine's GPU, for batches of these sizes. Minutes each.

    Raises:
        ValueError: TensorRT or the GPU is missing, or a plan is not what it should be.
    """
    tell = ProgressPrinter(words)
    plans = list(compile_frame_step(folder, batches, precision, tell).values())
    for plan in plans:
        tell(f"{plan}: {plan.stat().st_size / MIB:.0f} MiB")
    return plans


class ProgressPrinter:
    """Writes a line for each step, and none twice in a row."""

    __slots__ = ("_last", "_words")

    def __init__(self, words: TextIO) -> None:
        self._words, self._last = words, ""

    def __call__(self, line: str) -> None:
        if line != self._last:
            self._words.write(line + "\n")
            self._words.flush()
        self._last = line
