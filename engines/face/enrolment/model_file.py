"""The face landmarker's model: a file that is fetched once and is always the same. Knows nothing of faces."""

from __future__ import annotations

import hashlib
import os
import tempfile
from pathlib import Path
from urllib.error import URLError
from urllib.request import urlopen

from engines.face.enrolment.errors import LandmarksError

URL = "https://storage.googleapis.com/mediapipe-models/face_landmarker/face_landmarker/float16/1/face_landmarker.task"
SHA256 = "64184e229b263107bc2b804c6625db1341ff2bb731874b0bcc2fe6544e0bc9ff"
BYTES = 8_000_000  # at most; it has half as many
TIMEOUT_S = 30


def model_file(given: Path | None, cache: Path) -> Path:
    """The given file, or the one in the cache folder, fetched if it is not there yet.

    Raises:
        LandmarksError: it is not the file that was pinned, or cannot be fetched.
    """
    if given is not None:
        return _checked(given)
    kept = cache / "face_landmarker.task"
    if not kept.is_file():
        _fetch(kept)
    return _checked(kept)


def _fetch(target: Path) -> None:
    try:
        with urlopen(URL, timeout=TIMEOUT_S) as reply:
            content = reply.read(BYTES)
        target.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.NamedTemporaryFile(dir=target.parent, delete=False) as file:
            file.write(content)
        os.replace(file.name, target)
    except (URLError, OSError) as error:
        raise LandmarksError(
            f"the face landmarker's model cannot be fetched from {URL} ({error}); fetch it elsewhere and give it with "
            "--model, or give the face's points with --landmarks"
        ) from error


def _checked(path: Path) -> Path:
    if not path.is_file():
        raise LandmarksError(f"{path}: no such file; give the model face_landmarker.task from {URL}")
    found = hashlib.sha256(path.read_bytes()).hexdigest()
    if found != SHA256:
        raise LandmarksError(
            f"{path}: expected the face landmarker's model with SHA-256 {SHA256}, found {found}; "
            f"delete it and fetch it from {URL}"
        )
    return path
