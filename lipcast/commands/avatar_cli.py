"""The arguments of `lipcast avatar`. The work is in avatars.py and avatar_archive.py."""

from __future__ import annotations

import argparse
import string
import sys
from collections.abc import Callable
from pathlib import Path

from lipcast.commands.errors import CommandError

CONSENT = (
    "The person shown must agree to appear as an AI-generated presenter that says what others say.\n"
    "Write who agreed and how, for instance “I am the person in the picture” (empty to stop): "
)

Run = Callable[[argparse.Namespace], int]


def add_avatar_arguments(parser: argparse.ArgumentParser) -> None:
    commands = parser.add_subparsers(title="commands", required=True, metavar="COMMAND")
    _add_create(commands.add_parser("create", help="make an avatar from a portrait or a clip"))
    listing = _command(commands, "list", "list the presenters", list_avatars)
    preview = _command(commands, "preview", "write a picture of an avatar with several mouth shapes", preview_avatar)
    preview.add_argument("name", metavar="NAME")
    preview.add_argument("--out", type=Path, required=True, metavar="FILE.png", help="the picture to write")
    delete = _command(commands, "delete", "delete one of your avatars", delete_avatar)
    delete.add_argument("name", metavar="NAME")
    export = _command(commands, "export", "write an avatar to one file, for another machine", export_avatar)
    export.add_argument("name", metavar="NAME")
    export.add_argument("file", type=Path, metavar="FILE.lipcast")
    imported = _command(commands, "import", "add an avatar from such a file", import_avatar)
    imported.add_argument("file", type=Path, metavar="FILE.lipcast")
    for command in (preview, export, imported):
        command.add_argument("--force", action="store_true", help="overwrite what exists")
    for command in (listing, preview, delete, export, imported):
        _add_folder(command)


def _command(
    commands: argparse._SubParsersAction[argparse.ArgumentParser], name: str, help_: str, run: Run
) -> argparse.ArgumentParser:
    parser = commands.add_parser(name, help=help_)
    parser.set_defaults(command=run)
    return parser


def _add_create(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("name", metavar="NAME", help="lower-case letters, digits, - and _")
    parser.add_argument("file", type=Path, metavar="FILE", help="a picture, or a clip of at most 60 s")
    parser.add_argument("--landmarks", type=Path, metavar="POINTS.json", help="the face's points, set by hand")
    parser.add_argument(
        "--model", type=Path, metavar="FILE.task", help="MediaPipe's model file (default: fetched once)"
    )
    parser.add_argument(
        "--background",
        type=colour,
        metavar="#RRGGBB",
        help="behind transparent parts of a picture (default: #dee2e6, a light grey)",
    )
    parser.add_argument("--consent", metavar="TEXT", help="who agreed to this avatar, and how; kept in it")
    parser.add_argument("--title", metavar="TEXT", help="the name that people read (default: NAME)")
    parser.add_argument("--out", type=Path, metavar="FOLDER", help="write the avatar to this folder instead")
    parser.add_argument("--force", action="store_true", help="overwrite an avatar of that name")
    _add_folder(parser)
    parser.set_defaults(command=create_avatar)


def colour(text: str) -> tuple[int, int, int]:
    """
    Raises:
        ArgumentTypeError: the text is no colour.
    """
    digits = text.removeprefix("#")
    if len(digits) != 6 or not set(digits) <= set(string.hexdigits):
        raise argparse.ArgumentTypeError(f"expected a colour as #RRGGBB, such as #ffffff for white; got {text!r}")
    red, green, blue = bytes.fromhex(digits)
    return red, green, blue


def _add_folder(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--presenters", type=Path, metavar="FOLDER", help="the folder of your avatars")


def create_avatar(options: argparse.Namespace) -> int:
    from lipcast.commands.avatars import AvatarJob, create
    from streamer.clock import MonotonicClock

    job = AvatarJob(
        name=options.name,
        source=options.file,
        consent=_consent(options.consent),
        title=options.title or options.name,
        folder=options.out or _own(options) / options.name,
        landmarks=options.landmarks,
        model=options.model,
        background=options.background,
    )
    folder = create(job, options.force, sys.stderr, MonotonicClock().now)
    sys.stderr.write(f"{folder}: the avatar is made; look at {folder / 'preview.jpg'}\n")
    return 0


def _consent(given: str | None) -> str:
    """
    Raises:
        CommandError: no consent was given.
    """
    if given is None and sys.stdin.isatty():
        sys.stderr.write(CONSENT)
        sys.stderr.flush()
        given = sys.stdin.readline()
    if not (given or "").strip():
        raise CommandError('an avatar needs the consent of the person shown; say who agreed with --consent "…"')
    return str(given).strip()


def list_avatars(options: argparse.Namespace) -> int:
    from lipcast.commands.avatars import listing

    sys.stdout.writelines(f"{line}\n" for line in listing(_own(options)))
    return 0


def preview_avatar(options: argparse.Namespace) -> int:
    from lipcast.commands.avatars import preview

    preview(options.name, _own(options), options.out, options.force)
    return 0


def delete_avatar(options: argparse.Namespace) -> int:
    from lipcast.commands.avatars import delete

    sys.stderr.write(f"{delete(options.name, _own(options))}: deleted\n")
    return 0


def export_avatar(options: argparse.Namespace) -> int:
    from lipcast.commands.avatar_archive import export_avatar
    from lipcast.commands.avatars import folder_of

    export_avatar(folder_of(options.name, _own(options)), options.file, options.force)
    return 0


def import_avatar(options: argparse.Namespace) -> int:
    from lipcast.commands.avatar_archive import import_avatar

    sys.stderr.write(f"{import_avatar(options.file, _own(options), options.force)}: imported\n")
    return 0


def _own(options: argparse.Namespace) -> Path:
    from engines.loader import user_presenters

    return options.presenters or user_presenters()
