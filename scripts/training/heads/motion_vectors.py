"""How what is seen of a presenter moves over the loop, and where the eyes' quick movements show. Knows no light."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import cv2
import numpy as np
from numpy.typing import NDArray

from scripts.training.heads.camera import Camera
from scripts.training.heads.figure import Figure
from scripts.training.heads.frame_pose import FramePose
from scripts.training.heads.idle import SHUT, SQUINT
from scripts.training.heads.model import FACE, LASHES, NECK
from scripts.training.heads.wearables import neck_share

CELL = 4  # pixels: of each such square, only the foremost points count as seen
BEHIND = 1.0  # centimetres behind the foremost that is seen too
STRANDS, VERTICES = 9, 5  # every so many strands of the hair and vertices of pieces do
NOTICED = 0.5  # pixels: lids and cheeks that move less between open and shut are left to the slow motion
AROUND, FEATHER = 11, 4.0  # pixels beyond what moves, and of the soft edge
QUICK = {"eyeBlink": SHUT, "eyeSquint": SQUINT, "eyeLookDown": 0.3, "eyeLookUp": 0.3}  # expressions of lids


def motion_vectors(figure: Figure, camera: Camera, frame_poses: Sequence[FramePose]) -> NDArray[np.float32]:
    """(frames, points, 2): pixels of points of skin, hair and clothes that the first frame shows; lids stay open."""
    calm = [replace(frame_pose, expression=_calm(frame_pose)) for frame_pose in frame_poses]
    skin = np.arange(FACE.start, NECK.stop)
    worn, share = _worn(figure)

    def placed(frame_pose: FramePose) -> NDArray[np.float64]:
        face = figure.place(figure.model.vertices(frame_pose.expression)[skin], frame_pose)
        return np.concatenate([face, figure.place(worn, frame_pose, share)])

    first = placed(calm[0])
    seen = _seen(camera.project(first), first[:, 2], camera)
    faces = (seen < len(skin)).sum()
    skin, worn, share = skin[seen[:faces]], worn[seen[faces:] - len(skin)], share[seen[faces:] - len(skin)]
    return np.stack([camera.project(placed(frame_pose)) for frame_pose in calm]).astype(np.float32)


def _calm(frame_pose: FramePose) -> dict[str, float]:
    return {name: value for name, value in frame_pose.expression.items() if not name.startswith("eye")}


def _worn(figure: Figure) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Points at rest (N, 3) of hair and pieces, and how much the head carries them (N,)."""
    points = [piece.vertices[::VERTICES] for piece in figure.wearables.values()]
    share = [piece.share[::VERTICES] for piece in figure.wearables.values()]
    if figure.hair:
        hair = figure.hair.points[::STRANDS].reshape(-1, 3)
        points, share = [*points, hair], [*share, neck_share(hair)]
    return np.concatenate(points), np.concatenate(share)


def _seen(pixels: NDArray[np.float64], depth: NDArray[np.float64], camera: Camera) -> NDArray[np.int64]:
    """Indices of points inside the picture that none hides. pixels: (N, 2); depth: (N,), greater is nearer."""
    inside = np.flatnonzero(((pixels >= 0) & (pixels < (camera.width, camera.height))).all(axis=1))
    cell = (pixels[inside] // CELL).astype(np.int64) @ (1, -(-camera.width // CELL))
    front = np.full(cell.max() + 1, -np.inf)
    np.maximum.at(front, cell, depth[inside])
    return np.asarray(inside[depth[inside] > front[cell] - BEHIND])


def eye_region(figure: Figure, camera: Camera, frame_poses: Sequence[FramePose]) -> NDArray[np.float32]:
    """(H, W) in [0, 1]: where blinks and glances show in any of the frames, soft at its edge."""
    model = figure.model
    scale = camera.focal / (camera.z - model.neutral[model.landmarks68, 2].mean())
    reach = np.zeros(len(model.neutral))
    for name, most in QUICK.items():
        for side in ("L", "R"):
            for shape in model.displacements(f"{name}_{side}"):
                reach = np.maximum(reach, most * scale * np.linalg.norm(shape, axis=1))
    moved = np.flatnonzero(reach > NOTICED)
    moved = np.concatenate([moved[moved < FACE.stop], np.arange(LASHES.start, LASHES.stop)])
    drawn = np.zeros((camera.height, camera.width), np.uint8)
    for frame_pose in frame_poses:
        for x, y in camera.project(figure.place(model.vertices(frame_pose.expression)[moved], frame_pose)).astype(int):
            if 0 <= x < camera.width and 0 <= y < camera.height:
                drawn[y, x] = 1
    wide = 2 * AROUND + 1
    full = cv2.dilate(drawn, cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (wide, wide)))
    return np.asarray(cv2.GaussianBlur(full.astype(np.float32), (0, 0), FEATHER), np.float32)
