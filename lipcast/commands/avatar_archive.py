"""An avatar in one file, to take it elsewhere: its folder's four files, zipped. Trusts nothing that comes back in.

Knows no server. What is read is checked before it is unpacked, and the avatar as a whole in a child process of its own.
"""

from __future__ import annotations

import tempfile
import zipfile
import zlib
from pathlib import Path

from engines.face.avatar import MANIFEST, read_manifest
from engines.face.enrolment.sandbox import ChildError, ask
from lipcast.commands.avatars import check_name, expect_replaceable
from lipcast.commands.errors import CommandError
from lipcast.commands.files import expect_free, whole_file

# The files of an avatar's folder, and how many bytes each may have: ten times what one has.
FILES = {"avatar.json": 65_536, "face.safetensors": 16_000_000, "loop.mp4": 48_000_000, "preview.jpg": 2_000_000}
ARCHIVE_BYTES = sum(FILES.values()) + 65_536
BEGINNINGS = {"loop.mp4": (4, b"ftyp"), "preview.jpg": (0, b"\xff\xd8\xff"), "avatar.json": (0, b"{")}
WHAT = "expected a file that `lipcast avatar export` wrote"
EPOCH = (1980, 1, 1, 0, 0, 0)  # the same avatar gives the same file, and when it was made stays private


def export_avatar(folder: Path, out: Path, force: bool) -> None:
    """
    Raises:
        CommandError: the file exists, or cannot be written.
    """
    expect_free(out, force)
    with whole_file(out) as fresh, zipfile.ZipFile(fresh, "w") as archive:
        for name in FILES:
            archive.writestr(zipfile.ZipInfo(name, EPOCH), (folder / name).read_bytes())


def import_avatar(path: Path, own: Path, force: bool) -> Path:
    """Add the archive's avatar to the user's. Returns its folder.

    Raises:
        CommandError: the file is no such archive or not a sound one; nothing is left behind.
    """
    if not path.is_file() or path.stat().st_size > ARCHIVE_BYTES:
        found = f"{path.stat().st_size / 1e6:.0f} MB" if path.is_file() else "no file"
        raise CommandError(f"{path}: {WHAT} of at most {ARCHIVE_BYTES / 1e6:.0f} MB, found {found}")
    own.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=".import-", dir=own) as scratch:
        fresh, old = Path(scratch) / "new", Path(scratch) / "old"
        fresh.mkdir()
        for name, content in unpacked(path).items():
            (fresh / name).write_bytes(content)
        check_foreign_avatar(fresh)
        name = read_manifest(fresh / MANIFEST).name
        check_name(name)
        target = own / name
        expect_replaceable(target, force)
        if target.exists():
            target.rename(old)
        fresh.rename(target)
    return target


def check_foreign_avatar(folder: Path) -> None:
    """Read an avatar of strangers in a child process with limits.

    Raises:
        CommandError: it is not sound.
    """
    try:
        ask("engines.face.enrolment.avatar_child", {"folder": str(folder)})
    except ChildError as error:
        raise CommandError(f"the avatar cannot be used: {error}") from error


def unpacked(path: Path) -> dict[str, bytes]:
    """The archive's files by name: exactly those of an avatar's folder, none larger than it may be.

    Raises:
        CommandError: it is no zip file, is damaged, or holds anything else.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            entries = archive.infolist()
            names = sorted(entry.filename for entry in entries)
            if names != sorted(FILES):
                raise CommandError(f"{path}: {WHAT}, with {', '.join(FILES)}; found {', '.join(names[:8]) or 'none'}")
            return {entry.filename: _content(path, archive, entry) for entry in entries}
    except (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, RuntimeError) as error:
        raise CommandError(f"{path}: {WHAT}, found a damaged one ({error})") from error


def _content(path: Path, archive: zipfile.ZipFile, entry: zipfile.ZipInfo) -> bytes:
    most = FILES[entry.filename]
    with archive.open(entry) as file:
        content = file.read(most + 1)  # whatever size it declares
    if len(content) > most:
        raise CommandError(f"{path}: {entry.filename}: expected at most {most} bytes, found more")
    start, beginning = BEGINNINGS.get(entry.filename, (0, b""))
    if content[start : start + len(beginning)] != beginning:
        raise CommandError(f"{path}: {entry.filename}: by its first bytes it is something else")
    return content
