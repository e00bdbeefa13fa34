"""One sample: what the engine would be fed for one frame, and the rendered truth of that frame. Knows no files.

The avatar is made from the reference frame as a presenter's is: mesh, movements and teeth of that frame. The
Structurist then moves the lips of another frame, whose mouth is at rest, as it does with a loop.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from engines.face.structurist import StructureFrames
from engines.face.tensors import FaceTensors, check_tensors
from engines.motion import COEFFICIENTS, LipMotion
from scripts.training.heads.mouth_mesh import composite_mask, mouth_tensors
from scripts.training.mouth_data.photo_session import HeadPose, PhotoSession, Picture, crop_image, with_sway
from scripts.training.speech.random_motions import random_motion, unspoken

AFFINE_SPREAD = 0.2  # crop units: how fast the weight of what the alignment follows falls from the lips outwards

AT_REST = unspoken(np.zeros(len(COEFFICIENTS), np.float32))

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True, eq=False)
class Sample:
    """Pictures (S, S, 3) uint8 RGB, all of the same crop but the reference, which is another frame.

    reference: the mouth at rest; structure: the Structurist's; masked: the target outside the mask; target: the truth.
    mask (S, S): weight of the drawn mouth; regions (S, S, 3): lips, teeth, the mouth's inside, of the target.
    landmarks (20, 2): 48 to 67 of the 68 of the target, crop coordinates; interocular: crop units.
    """

    reference: NDArray[np.uint8]
    structure: NDArray[np.uint8]
    masked: NDArray[np.uint8]
    target: NDArray[np.uint8]
    mask: NDArray[np.uint8]
    regions: NDArray[np.uint8]
    landmarks: NDArray[np.float32]
    interocular: np.float32
    motion: LipMotion
    head_pose: HeadPose


@dataclass(frozen=True, slots=True, eq=False)
class Subject:
    """A photo session made into an avatar. still (V, 3): the mesh's vertices on the face, unturned, at rest."""

    session: PhotoSession
    face: FaceTensors
    frames: StructureFrames
    still: Floats
    reference: NDArray[np.uint8]
    size: int


def enrol(session: PhotoSession, draw: np.random.Generator, size: int) -> Subject:
    """Make the avatar from a frame in the session's first head pose."""
    region, crop = session.region, session.crop
    tensors = mouth_tensors(region.mesh, session.head, session.view, crop, session.rest)
    at_rest = np.array([[crop.side, 0, crop.x], [0, crop.side, crop.y]])
    for name, on_jaw in (("interior_upper", False), ("interior_lower", True)):
        tensors[name] = np.rint(crop_image(session.plate(on_jaw), at_rest, size)).astype(np.uint8)
    tensors["cavity"] = session.cavity()
    tensors["mask"] = composite_mask()
    tensors["alignment"] = at_rest[None].astype(np.float32)
    face = check_tensors(Path("sample"), tensors, 1)
    picture = session.picture(session.rest, session.head_pose, draw)
    still = region.mesh.positions(region.lips.pose(session.head, session.rest))
    frames = StructureFrames(face, size)
    reference = _picture_cut(frames, session, picture, at_rest)
    return Subject(session, face, frames, still, reference, size)


def random_sample(subject: Subject, draw: np.random.Generator) -> Sample:
    return sample(subject, random_motion(draw), with_sway(subject.session.head_pose, draw), draw)


def sample(subject: Subject, motion: LipMotion, head_pose: HeadPose, draw: np.random.Generator) -> Sample:
    session, size = subject.session, subject.size
    quiet = session.picture(session.rest, head_pose, draw)
    truth = session.picture(spoken(session.rest, motion), head_pose, draw)
    alignment = align(subject, head_pose)
    structure = subject.frames.draw(quiet.image, alignment * _to_image(session), motion)
    target = _picture_cut(subject.frames, session, truth, alignment)
    mask = np.asarray(cv2.resize(subject.face.mask, (size, size), interpolation=cv2.INTER_AREA), np.uint8)
    outside = 1 - mask[..., None] / np.float32(255)
    return Sample(
        reference=subject.reference,
        structure=structure,
        masked=np.rint(target * outside).astype(np.uint8),
        target=target,
        mask=mask,
        regions=np.rint(255 * crop_image(truth.regions, alignment, size)).astype(np.uint8),
        landmarks=_to_crop(truth.landmarks, alignment).astype(np.float32),
        interocular=np.float32(subject.face.interocular),
        motion=motion,
        head_pose=head_pose,
    )


def spoken(rest: dict[str, float], motion: LipMotion) -> dict[str, float]:
    """The expression at rest and the motion, added: as the Structurist adds its movements to the resting mesh."""
    return rest | {
        name: rest.get(name, 0.0) + float(value) for name, value in zip(COEFFICIENTS, motion.coefficients, strict=True)
    }


def align(subject: Subject, head_pose: HeadPose) -> Floats:
    """(2, 3): crop coordinates to raster pixels in a head pose, fitted to the mesh as a presenter's loop is."""
    session = subject.session
    flat = session.crop.from_pixels(session.view(subject.still))
    pixels = session.view(subject.still, head_pose)
    system = np.column_stack([flat, np.ones(len(flat))])
    weight = np.exp(-((np.linalg.norm(flat - flat.mean(axis=0), axis=1) / AFFINE_SPREAD) ** 2))[:, None] + 0.05
    affine, *_ = np.linalg.lstsq(system * weight, pixels * weight, rcond=None)
    return np.asarray(affine.T)


def _to_image(session: PhotoSession) -> float:
    """Raster pixels to the photograph's."""
    return session.camera.size / session.raster


def _picture_cut(
    frames: StructureFrames, session: PhotoSession, picture: Picture, alignment: Floats
) -> NDArray[np.uint8]:
    """The crop of a picture, sampled as structure frames are: what differs between the two is the mouth, not how sharp
    they are."""
    return frames.draw(picture.image, alignment * _to_image(session), AT_REST)


def _to_crop(pixels: Floats, alignment: Floats) -> Floats:
    return np.asarray(np.linalg.solve(alignment[:, :2], (pixels - alignment[:, 2]).T).T)
