"""From a picture or clip to what an avatar's folder holds. Knows nothing of folders, manifests and videos."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from engines.api import FRAME_RATE
from engines.arrays import F64, U8
from engines.face.enrolment.canonical import canonical_mouth
from engines.face.enrolment.checks import (
    check_clip_mouths,
    check_mouth,
    check_pose,
    check_size,
    only_face,
    portrait_notes,
)
from engines.face.enrolment.clip_loop import aligned, calmest, check_length, followed, there_and_back
from engines.face.enrolment.errors import PortraitError
from engines.face.enrolment.framing import SIZE, Framing, enlarged, frame_face
from engines.face.enrolment.interior_textures import fitted_textures, light_of
from engines.face.enrolment.landmarks import FaceLandmarks
from engines.face.enrolment.media import (
    SCAN_STEP,
    Background,
    Media,
    open_media,
    read_image,
    scan,
    stretch,
)
from engines.face.enrolment.mouth_fit import MouthFit, fit_mouth, moving_mask
from engines.face.enrolment.pose import HeadPose, fit_pose
from engines.face.enrolment.retouch import close_lips
from engines.face.enrolment.still_loop import FRAMES, StillLoop

BACKGROUND = (222, 226, 230)  # a light grey, as of a plain studio wall


class FaceFinder(Protocol):
    def find(self, frames: U8) -> list[list[FaceLandmarks]]:
        """The faces in each of (n, h, w, 3) uint8 RGB frames, in their pixels."""
        ...


@dataclass(frozen=True, slots=True, eq=False)
class Enrolled:
    """tensors: those of FaceTensors by name; frames: count of them, (SIZE, SIZE, 3) uint8 RGB, made one by one.

    notes: what the user should know of the file and the face.
    """

    tensors: dict[str, NDArray[Any]]
    frames: Iterator[U8]
    count: int
    notes: tuple[str, ...]


def enrol(path: Path, finder: FaceFinder, workspace: Path, background: Background = BACKGROUND) -> Enrolled:
    """Check the file and the face, and prepare the avatar; workspace must stay until the last frame is made.

    background: RGB, put behind a picture's transparent parts.

    Raises:
        MediaError, LandmarksError, PortraitError: with the reason and how to fix it.
    """
    media = open_media(path, workspace)
    try:
        return _enrol_clip(media, finder) if media.is_clip else _enrol_still(media, finder, background)
    except PortraitError as error:
        raise PortraitError(f"{path}: {error}") from error


def _enrol_still(media: Media, finder: FaceFinder, background: Background) -> Enrolled:
    read = read_image(media, background)
    image = np.asarray(read.frames[0])
    height, width = image.shape[:2]
    face = only_face(finder.find(image[None])[0])
    check_size(face, width, height)
    check_pose(fit_pose(canonical_mouth().landmarks, face))
    near, to_near = enlarged(image, frame_face(face, width, height))
    face = face.moved(to_near)
    check_mouth(near, face)
    fitted, pose = _fit(face)
    closed = close_lips(canonical_mouth(), near, fitted)
    framing = Framing(*_corner(near), float(SIZE))
    loop = StillLoop(closed, face, framing)
    tensors = mouth_tensors(fitted, pose, light_of(near, face))
    tensors["alignment"] = loop.alignment(fitted.crop)
    notes = (*read.notes, *(f"{media.path}: {note}" for note in portrait_notes(near, face)))
    return Enrolled(tensors, loop.frames(), FRAMES, notes)


def _enrol_clip(media: Media, finder: FaceFinder) -> Enrolled:
    small = scan(media)
    check_length(len(small.frames) * SCAN_STEP / FRAME_RATE)
    calm = calmest(finder.find(small.frames), FRAME_RATE / SCAN_STEP, small.held(0, SCAN_STEP))
    width, height = small.size
    full = calm.face.moved(max(width, height) / max(small.frames.shape[1:3]) * np.eye(2, 3))
    check_size(full, width, height)
    framing = frame_face(full, width, height)
    first = calm.first * SCAN_STEP
    part = stretch(media, first, calm.count * SCAN_STEP, framing.box, SIZE)
    faces = followed(finder.find(part.frames), full.moved(framing.to_frame), part.times)
    rest = min(range(len(faces)), key=lambda index: faces[index].mouth_gap)
    image = np.asarray(part.frames[rest])
    fitted, pose = _fit(faces[rest])
    check_pose(pose)
    check_clip_mouths(part.frames, faces, rest)
    tensors = mouth_tensors(fitted, pose, light_of(image, faces[rest]))
    order = there_and_back(len(part.frames))
    tensors["alignment"] = aligned(faces[rest], faces, fitted.crop)[order]
    frames = (np.asarray(part.frames[index]) for index in order)
    own = (*calm.notes, *portrait_notes(image, faces[rest]))
    notes = dict.fromkeys((*small.notes, *part.notes, *(f"{media.path}: {note}" for note in own)))
    return Enrolled(tensors, frames, len(order), tuple(notes))


def mouth_tensors(fit: MouthFit, pose: HeadPose, light: F64) -> dict[str, NDArray[Any]]:
    """All tensors but the alignment."""
    canonical = canonical_mouth()
    upper, lower, cavity = fitted_textures(canonical, fit, pose, light)
    return {
        "mesh": fit.mesh.astype(np.float32),
        "basis": fit.basis.astype(np.float32),
        "triangles": canonical.triangles,
        "inner_upper": canonical.inner_upper,
        "inner_lower": canonical.inner_lower,
        "mask": moving_mask(fit.mesh, fit.basis, canonical.triangles),
        "interior_upper": upper,
        "interior_lower": lower,
        "jaw": fit.jaw.astype(np.float32),
        "cavity": cavity,
        "interocular": np.array(fit.interocular, np.float32),
    }


def _fit(face: FaceLandmarks) -> tuple[MouthFit, HeadPose]:
    canonical = canonical_mouth()
    pose = fit_pose(canonical.landmarks, face)
    return fit_mouth(canonical, face, pose), pose


def _corner(near: U8) -> tuple[float, float]:
    return (near.shape[1] - SIZE) / 2, (near.shape[0] - SIZE) / 2
