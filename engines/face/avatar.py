"""An avatar on disk and in memory: a looping video of a presenter and the geometry of the mouth in it.

Knows nothing of how the mouth is drawn. A folder of format 1 holds avatar.json, loop.mp4, face.safetensors and
preview.jpg; everything is checked here, once.
"""

from __future__ import annotations

import hashlib
import json
import logging
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import av
import numpy as np
from numpy.typing import NDArray
from safetensors import SafetensorError
from safetensors.numpy import load_file, save_file

from engines.arrays import U8
from engines.face.errors import AvatarError
from engines.face.loop import Loop, LoopCache, Shape
from engines.face.tensors import FaceTensors, check_crops, check_tensors
from engines.files import whole_folder

LOGGER = logging.getLogger(__name__)

FORMAT = 1
MANIFEST, LOOP, FACE, PREVIEW = "avatar.json", "loop.mp4", "face.safetensors", "preview.jpg"
LARGEST = 4096  # pixels or frames: beyond, a file asks for more memory than any presenter needs
LOOP_BYTES = 1_500_000_000  # of decoded pictures: a minute of 512×512
REMAKE = "make the avatar again, or take its folder from the release"
UNREADABLE = "let the user that runs Lipcast read it"


@dataclass(frozen=True, slots=True)
class Manifest:
    """What avatar.json says. Sizes in pixels, frame_rate in frames a second."""

    name: str
    title: str
    description: str
    licence: str
    credit: str
    consent: str
    ai_generated: bool
    width: int
    height: int
    frame_rate: int
    frames: int
    format: int = FORMAT


@dataclass(frozen=True, slots=True, eq=False, weakref_slot=True)
class FaceAvatar:
    """A presenter in memory, read-only and shared by all sessions.

    loop: frames, see Loop; face: see FaceTensors.
    """

    manifest: Manifest
    loop: Loop
    face: FaceTensors

    @property
    def name(self) -> str:
        return self.manifest.name

    @property
    def width(self) -> int:
        return self.manifest.width

    @property
    def height(self) -> int:
        return self.manifest.height


def load_avatar(folder: Path, cache: LoopCache | None = None) -> FaceAvatar:
    """Read and check an avatar's folder. The loop is decoded, unless the cache has it; without a cache it is in memory.

    Raises:
        AvatarError: a file is missing, damaged, of another format, or disagrees with another.
    """
    manifest = read_manifest(folder / MANIFEST)
    face = check_tensors(folder / FACE, _read_tensors(folder / FACE), manifest.frames)
    check_crops(folder / FACE, face.alignment, manifest.width, manifest.height)
    _expect_file(folder / LOOP)
    return FaceAvatar(manifest, _open_loop(folder / LOOP, manifest, cache), face)


def save_avatar(folder: Path, manifest: Manifest, face: dict[str, NDArray[Any]], loop: bytes, preview: bytes) -> None:
    """Write an avatar's folder whole or not at all; an older one of that name is replaced.

    face: the tensors by name (see FaceTensors); loop: the bytes of an H.264 MP4; preview: the bytes of a JPEG.

    Raises:
        AvatarError: the parts do not make an avatar that load_avatar would read.
    """
    with whole_folder(folder) as fresh:
        fields = asdict(manifest)
        (fresh / MANIFEST).write_text(json.dumps(fields, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
        (fresh / LOOP).write_bytes(loop)
        (fresh / PREVIEW).write_bytes(preview)
        save_file({name: np.array(tensor, order="C") for name, tensor in face.items()}, fresh / FACE)
        load_avatar(fresh)


def read_manifest(path: Path) -> Manifest:
    """Read and check avatar.json alone; the other files may be missing.

    Raises:
        AvatarError: it is missing, damaged, of another format, or a field is missing or absurd.
    """
    _expect_file(path)
    try:
        fields = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError) as error:  # ValueError: no UTF-8, no JSON, a number without end
        raise AvatarError(path, "JSON in UTF-8", f"an error: {error}", REMAKE) from error
    if not isinstance(fields, dict):
        raise AvatarError(path, "a JSON object", type(fields).__name__, REMAKE)
    if fields.get("format") != FORMAT:
        found = f"format {fields.get('format')!r}"
        raise AvatarError(path, f"avatar format {FORMAT}", found, "use the release that the avatar was made for")
    for name, type_ in _MANIFEST_TYPES.items():
        if type(fields.get(name)) is not type_:
            raise AvatarError(path, f"{name}: {type_.__name__}", repr(fields.get(name)), f"add {name!r}")
        if type_ is str and not fields[name].isascii() and not is_text(fields[name]):
            raise AvatarError(path, f"{name}: text that UTF-8 can say", repr(fields[name]), REMAKE)
        if type_ is int and not 0 < fields[name] <= LARGEST:
            raise AvatarError(path, f"{name} within 1..{LARGEST}", repr(fields[name]), REMAKE)
    loop = 3 * fields["frames"] * fields["width"] * fields["height"]
    if loop > LOOP_BYTES:
        found = f"{loop / 1e9:.1f} GB of frames, at most {LOOP_BYTES / 1e9:.1f} GB are read"
        raise AvatarError(path, "a loop that memory can hold", found, REMAKE)
    return Manifest(**{name: fields[name] for name in _MANIFEST_TYPES})


def is_text(value: str) -> bool:
    """Can UTF-8 encode it? JSON may escape a lone surrogate, which UTF-8 cannot."""
    return not any("\ud800" <= each <= "\udfff" for each in value)


_MANIFEST_TYPES: dict[str, type] = {
    **dict.fromkeys(("name", "title", "description", "licence", "credit", "consent"), str),
    "ai_generated": bool,
    **dict.fromkeys(("width", "height", "frame_rate", "frames", "format"), int),
}


def _read_tensors(path: Path) -> dict[str, NDArray[Any]]:
    _expect_file(path)
    try:
        tensors: dict[str, NDArray[Any]] = load_file(path)
    except (OSError, SafetensorError) as error:
        raise AvatarError(path, "a safetensors file", f"an error: {error}", REMAKE) from error
    except (TypeError, AttributeError) as error:  # what safetensors raises of bfloat16 and of types of eight bits
        raise AvatarError(path, "tensors of types that numpy has", f"an error: {error}", REMAKE) from error
    return tensors


def _open_loop(path: Path, manifest: Manifest, cache: LoopCache | None) -> Loop:
    shape = (manifest.frames, manifest.height, manifest.width, 3)
    if cache is None:
        return _in_memory(path, shape)
    key = _loop_key(path, shape)
    try:
        return cache.find(key, shape) or cache.write(key, shape, _decoded(path, shape))
    except OSError as error:  # a full or read-only disk
        LOGGER.warning(
            "%s: the decoded loop cannot be cached: it takes %.0f MB of memory and is decoded at every start: %s; give"
            " the server a folder that it may write to by $XDG_CACHE_HOME", path, np.prod(shape) / 1e6, error
        )  # fmt: skip
        return _in_memory(path, shape)


def _loop_key(path: Path, shape: Shape) -> str:
    """Of everything that decides about the pixels: the file, and what decodes it."""
    with path.open("rb") as file:
        content = hashlib.file_digest(file, "sha256").hexdigest()
    decoders = (av.library_versions["libavcodec"], av.library_versions["libswscale"])
    return hashlib.sha256(repr((content, shape, decoders)).encode()).hexdigest()[:32]


def _in_memory(path: Path, shape: Shape) -> U8:
    loop = np.empty(shape, np.uint8)
    for number, frame in enumerate(_decoded(path, shape)):
        loop[number] = frame
    loop.setflags(write=False)
    return loop


def _decoded(path: Path, shape: Shape) -> Iterator[U8]:
    """The frames of a loop, exactly as many as its manifest says.

    Raises:
        AvatarError: they are more or fewer, of another size, or cannot be decoded.
    """
    frames, height, width, _ = shape
    count = 0
    try:
        # The format is said, not guessed: other formats that FFmpeg knows lead to other files, or to the network.
        with av.open(str(path), format="mp4") as container:
            for picture in container.decode(video=0):
                frame = np.asarray(picture.to_ndarray(format="rgb24"), np.uint8)
                if frame.shape != shape[1:]:
                    found = f"{frame.shape[1]}×{frame.shape[0]}"
                    raise AvatarError(path, f"frames of {width}×{height} pixels", found, REMAKE)
                count += 1
                if count <= frames:
                    yield frame
    except (av.FFmpegError, IndexError) as error:
        raise AvatarError(path, "a video that can be decoded", f"an error: {error}", REMAKE) from error
    if count != frames:
        raise AvatarError(path, f"{frames} frames, as {MANIFEST} says", f"{count}", REMAKE)


def _expect_file(path: Path) -> None:
    """Opens it, too: not every reader says that it may not."""
    try:
        if path.is_file():
            path.open("rb").close()
            return
    except OSError as error:
        raise AvatarError(path, "a file that can be opened", f"an error: {error}", UNREADABLE) from error
    raise AvatarError(path, "a file", "none", REMAKE)
