"""Avatars of users: made, listed, drawn and deleted. Knows no command line and no server."""

from __future__ import annotations

import re
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TextIO

import cv2
import numpy as np
from numpy.typing import NDArray

from engines.api import FRAME_RATE
from engines.face.avatar import Manifest, load_avatar, save_avatar
from engines.face.enrolment.enrol import BACKGROUND, Enrolled, enrol
from engines.face.enrolment.framing import SIZE as FRAME_SIDE
from engines.face.enrolment.landmarker import face_finder
from engines.face.enrolment.preview import contact_sheet
from engines.loader import SHIPPED, Presenters, user_cache
from lipcast.commands.errors import CommandError
from lipcast.commands.files import expect_free, whole_file
from lipcast.commands.loop_video import encode_loop
from lipcast.commands.progress import Progress

JPEG_QUALITY = 90
NAME = re.compile(r"[a-z0-9][a-z0-9_-]{0,39}")


@dataclass(frozen=True, slots=True)
class AvatarJob:
    """What to make: name, source, folder; landmarks and model say how the face is found, None for the usual way.

    background: RGB, put behind a picture's transparent parts; None for the usual light grey.
    """

    name: str
    source: Path
    consent: str
    title: str
    folder: Path
    landmarks: Path | None = None
    model: Path | None = None
    background: tuple[int, int, int] | None = None


def create(job: AvatarJob, force: bool, messages: TextIO, clock: Callable[[], float]) -> Path:
    """Make an avatar's folder, whole or not at all; notes and progress go to messages. Returns the folder.

    Raises:
        CommandError, EnrolmentError: with the reason and the fix; nothing is left behind.
    """
    check_name(job.name)
    expect_replaceable(job.folder, force)
    with tempfile.TemporaryDirectory(prefix="lipcast-avatar-") as scratch:
        workspace = Path(scratch)
        messages.write(f"{job.source}: looking for the face …\n")
        messages.flush()
        finder = face_finder(job.landmarks, job.model, user_cache(), workspace)
        enrolled = enrol(job.source, finder, workspace, job.background or BACKGROUND)
        messages.writelines(f"{note}\n" for note in enrolled.notes)
        first: list[NDArray[np.uint8]] = []
        with Progress(enrolled.count, FRAME_RATE, messages, clock) as progress:
            loop = encode_loop(_shown(enrolled, progress, first), enrolled.count, FRAME_RATE)
        save_avatar(job.folder, _manifest(job, enrolled.count), enrolled.tensors, loop, encoded(".jpg", first[0]))
    return job.folder


def _manifest(job: AvatarJob, frames: int) -> Manifest:
    return Manifest(
        name=job.name,
        title=job.title,
        consent=job.consent,
        description="Made from a user's picture or clip by lipcast avatar create.",
        licence="For the uses that the person shown has agreed to.",
        credit="The person shown, and the maker of the picture or clip. Teeth: ICT-FaceKit, MIT licence.",
        ai_generated=True,
        width=FRAME_SIDE,
        height=FRAME_SIDE,
        frame_rate=FRAME_RATE,
        frames=frames,
    )


def _shown(enrolled: Enrolled, progress: Progress, first: list[NDArray[np.uint8]]) -> Iterator[NDArray[np.uint8]]:
    """The frames, telling the progress; the first of them is kept for the preview."""
    for done, frame in enumerate(enrolled.frames, start=1):
        if not first:
            first.append(frame.copy())
        yield frame
        progress.show(done)


def listing(own: Path) -> Iterator[str]:
    """A line for each presenter: name, length, whose it is, title."""
    for name, presenter in Presenters(SHIPPED, own).all.items():
        manifest = presenter.manifest
        whose = "ships" if name in shipped_names() else "yours"
        yield f"{name:<20} {whose}  {manifest.frames / manifest.frame_rate:4.0f} s  {manifest.title}"


def preview(name: str, own: Path, out: Path, force: bool) -> None:
    """Write the sheet of an avatar's mouth shapes as PNG.

    Raises:
        CommandError: there is no such avatar, or the file exists.
    """
    expect_free(out, force)
    with whole_file(out) as fresh:
        fresh.write_bytes(encoded(".png", contact_sheet(load_avatar(folder_of(name, own)))))


def delete(name: str, own: Path) -> Path:
    """Delete a user's avatar. Returns the folder that was.

    Raises:
        CommandError: there is none of that name among them.
    """
    check_name(name)
    folder = own / name
    if not (folder / "avatar.json").is_file():
        found = "ships with Lipcast and stays" if name in shipped_names() else "is none of your avatars"
        raise CommandError(f"{name}: {found}; `lipcast avatar list` names them")
    with tempfile.TemporaryDirectory(prefix=f".{name}-", dir=own) as scratch:
        folder.rename(Path(scratch) / "old")  # gone from listings at once; the files are deleted after that
    return folder


def folder_of(name: str, own: Path) -> Path:
    """
    Raises:
        UnknownPresenter: there is none of that name; the message names those that exist.
    """
    return Presenters(SHIPPED, own).find(name).folder


def shipped_names() -> set[str]:
    return set(Presenters(SHIPPED).all)


def encoded(kind: str, picture: NDArray[np.uint8]) -> bytes:
    """(height, width, 3) RGB → a picture's file without metadata; kind: ".jpg" or ".png"."""
    options = [cv2.IMWRITE_JPEG_QUALITY, JPEG_QUALITY] if kind == ".jpg" else []
    done, data = cv2.imencode(kind, picture[..., ::-1], options)
    assert done, kind
    return data.tobytes()


def check_name(name: str) -> None:
    """
    Raises:
        CommandError: it could not be a folder's name everywhere.
    """
    if not NAME.fullmatch(name):
        raise CommandError(
            f"{name!r}: expected a name of lower-case letters, digits, - and _, at most 40, such as 'ana'"
        )


def expect_replaceable(folder: Path, force: bool) -> None:
    """
    Raises:
        CommandError: the avatar's folder exists and may not be replaced, or its name is that of one that ships.
    """
    if folder.name in shipped_names():
        raise CommandError(f"{folder.name}: a presenter of that name ships with Lipcast; choose another name")
    if folder.exists() and not (folder / "avatar.json").is_file():
        raise CommandError(f"{folder}: exists and is no avatar; choose another place")
    if folder.exists() and not force:
        raise CommandError(f"{folder}: exists already; choose another name, or --force to replace it")
