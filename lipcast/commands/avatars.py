"""Avatars of users: made, listed, drawn and deleted. Knows no command line and no server."""

from __future__ import annotations

import re
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TextIO

import numpy as np
from numpy.typing import NDArray

from lipcast.commands.errors import OfflineError
from lipcast.commands.files import expect_free, whole_file
from lipcast.commands.loop_video import encode_loop
from lipcast.commands.progress import Progress
from lipcast.commands.wiring import (
    AvatarTexts,
    Enrolled,
    contact_sheet_png,
    find_presenter,
    jpeg,
    known_presenters,
    prepare_avatar,
    shipped_names,
    write_avatar,
)

FRAME_RATE = 25  # of every avatar's loop
NAME = re.compile(r"[a-z0-9][a-z0-9_-]{0,39}")


@dataclass(frozen=True, slots=True)
class RenderJob:
    """What to make: name, source, folder; landmarks and model say how the face is found, None for the usual way."""

    name: str
    source: Path
    consent: str
    title: str
    folder: Path
    landmarks: Path | None = None
    model: Path | None = None


def create(order: RenderJob, force: bool, words: TextIO, clock: Callable[[], float]) -> Path:
    """Make an avatar's folder, whole or not at all; words is told of the progress. Returns the folder.

    Raises:
        OfflineError, EnrolmentError: with the reason and the mend; nothing is left behind.
    """
    check_name(order.name)
    expect_replaceable(order.folder, force)
    with tempfile.TemporaryDirectory(prefix="lipcast-avatar-") as scratch:
        workspace = Path(scratch)
        words.write(f"{order.source}: looking for the face …\n")
        words.flush()
        enrolled = prepare_avatar(order.source, order.landmarks, order.model, workspace)
        first: list[NDArray[np.uint8]] = []
        with Progress(enrolled.count, FRAME_RATE, words, clock) as progress:
            loop = encode_loop(_shown(enrolled, progress, first), enrolled.count, FRAME_RATE)
        texts = AvatarTexts(order.name, order.title, order.consent)
        write_avatar(order.folder, texts, enrolled, loop, jpeg(first[0]))
    return order.folder


def _shown(enrolled: Enrolled, progress: Progress, first: list[NDArray[np.uint8]]) -> Iterator[NDArray[np.uint8]]:
    """The frames, telling the progress; the first of them is kept for the preview."""
    for done, frame in enumerate(enrolled.frames, start=1):
        if not first:
            first.append(frame.copy())
        yield frame
        progress.show(done)


def listing(own: Path) -> Iterator[str]:
    """A line for each presenter: name, length, whose it is, title."""
    for name, presenter in known_presenters(own).items():
        manifest = presenter.manifest
        whose = "ships" if name in shipped_names() else "yours"
        yield f"{name:<20} {whose}  {manifest.frames / manifest.frame_rate:4.0f} s  {manifest.title}"


def preview(name: str, own: Path, out: Path, force: bool) -> None:
    """Write the sheet of an avatar's mouth shapes as PNG.

    Raises:
        OfflineError: there is no such avatar, or the file exists.
    """
    expect_free(out, force)
    with whole_file(out) as fresh:
        fresh.write_bytes(contact_sheet_png(folder_of(name, own)))


def delete(name: str, own: Path) -> Path:
    """Delete a user's avatar. Returns the folder that was.

    Raises:
        OfflineError: there is none of that name among them.
    """
    check_name(name)
    folder = own / name
    if not (folder / "avatar.json").is_file():
        found = "ships with Lipcast and stays" if name in shipped_names() else "is none of your avatars"
        raise OfflineError(f"{name}: {found}; `lipcast avatar list` names them")
    with tempfile.TemporaryDirectory(prefix=f".{name}-", dir=own) as scratch:
        folder.rename(Path(scratch) / "old")  # at once for whoever lists them; the files go after
    return folder


def folder_of(name: str, own: Path) -> Path:
    """
    Raises:
        OfflineError: there is no presenter of that name.
    """
    return find_presenter(name, own).folder


def check_name(name: str) -> None:
    """
    Raises:
        OfflineError: it could not be a folder's name everywhere.
    """
    if not NAME.fullmatch(name):
        raise OfflineError(
            f"{name!r}: expected a name of lower-case letters, digits, - and _, at most 40, such as 'ana'"
        )


def expect_replaceable(folder: Path, force: bool) -> None:
    """
    Raises:
        OfflineError: the avatar's folder exists and may not be replaced, or its name is that of one that ships.
    """
    if folder.name in shipped_names():
        raise OfflineError(f"{folder.name}: a presenter of that name ships with Lipcast; choose another name")
    if folder.exists() and not (folder / "avatar.json").is_file():
        raise OfflineError(f"{folder}: exists and is no avatar; choose another place")
    if folder.exists() and not force:
        raise OfflineError(f"{folder}: exists already; choose another name, or --force to replace it")
