"""From a figure to an avatar's folder: the mouth's tensors, the loop as a video, the preview. Knows no renderer."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from engines.face.avatar import Manifest, save_avatar
from lipcast.commands.loop_video import encode_loop
from scripts.training.heads.appearance import Appearance
from scripts.training.heads.camera import Camera
from scripts.training.heads.figure import Figure
from scripts.training.heads.frame_pose import FramePose
from scripts.training.heads.mouth_mesh import (
    LIP_STEPS,
    SPOKES,
    Crop,
    build_mouth_mesh,
    composite_mask,
    face_crop,
    mouth_tensors,
)
from scripts.training.heads.temporal_denoise import movement, temporal_denoise

EYES = slice(36, 48)  # of the landmarks
EYE_MARGIN = 12.0  # pixels round the eyes that lids and lashes sweep
LID_STEP, GAZE_STEP = 0.05, 0.2  # eyeBlink and degrees from frame to frame that are fast
LIP_RINGS = 1 + len(LIP_STEPS)
CREDIT = (
    "Rendered with Mitsuba 3 from the ICT Face Model Light (ICT-FaceKit, USC Institute for Creative Technologies, "
    "MIT licence); skin, hair, eyes and clothes made by the Lipcast authors."
)


def crop_of(figure: Figure, camera: Camera, rest: FramePose) -> Crop:
    return face_crop(figure.model, _view(figure, camera, rest))


def geometry(
    figure: Figure, camera: Camera, rest: FramePose, frame_poses: Sequence[FramePose]
) -> tuple[dict[str, NDArray[Any]], NDArray[np.float64]]:
    """The mouth's tensors and the alignment of every frame; and the latter's largest residual in pixels, of the lips
    and of all. The lips count most: an affine map cannot follow all of a turning face."""
    mesh = build_mouth_mesh(figure.model.kit)
    crop = crop_of(figure, camera, rest)
    tensors = mouth_tensors(mesh, figure.model, _view(figure, camera, rest), crop, rest.expression)
    still = mesh.positions(figure.model.vertices(rest.expression))
    flat = crop.from_pixels(_view(figure, camera, rest)(still))
    system = np.column_stack([flat, np.ones(len(flat))])
    weight = np.exp(-((np.linalg.norm(flat - flat.mean(axis=0), axis=1) / 0.2) ** 2))[:, None] + 0.05
    alignment, worst, lips = [], np.zeros(2), 2 * SPOKES
    for frame_pose in frame_poses:
        pixels = _view(figure, camera, frame_pose)(still)
        affine, *_ = np.linalg.lstsq(system * weight, pixels * weight, rcond=None)
        residual = np.linalg.norm(system @ affine - pixels, axis=1)
        worst = np.maximum(worst, [residual[: lips * LIP_RINGS].max(), residual.max()])
        alignment.append(affine.T)
    tensors["alignment"] = np.array(alignment, np.float32)
    tensors["mask"] = composite_mask()
    return tensors, worst


def without_shimmer(
    frames: Sequence[NDArray[np.uint8]], figure: Figure, camera: Camera, frame_poses: Sequence[FramePose]
) -> list[NDArray[np.uint8]]:
    """The loop averaged over neighbouring frames, but for eyes that blink or glance."""
    eyes = figure.model.neutral[figure.model.landmarks68[EYES]].astype(np.float64)
    pixels = _view(figure, camera, frame_poses[0])(eyes).reshape(2, -1, 2)
    fast = np.zeros(frames[0].shape[:2], np.float32)
    for corners in pixels:
        low, high = corners.min(axis=0) - EYE_MARGIN, corners.max(axis=0) + EYE_MARGIN
        fast[int(low[1]) : int(high[1]), int(low[0]) : int(high[0])] = 1
    fast = np.asarray(cv2.GaussianBlur(fast, (0, 0), EYE_MARGIN / 3), np.float32)
    lids = np.array([frame_pose.expression.get("eyeBlink_L", 0.0) for frame_pose in frame_poses]) / LID_STEP
    gaze = np.array([(frame_pose.gaze_right, frame_pose.gaze_up) for frame_pose in frame_poses]) / GAZE_STEP
    return temporal_denoise(frames, fast, movement(np.column_stack([lids, gaze]), 1.0))


def _view(figure: Figure, camera: Camera, frame_pose: FramePose) -> Any:
    return lambda points: camera.project(figure.place(points, frame_pose))


def seam(loop: NDArray[np.uint8]) -> tuple[float, float, float]:
    """Mean difference, in grey levels, of a loop's (N, H, W, 3) last frame from its first; and the middle and largest
    one of any other frame from the next."""
    step = [float(np.abs(a.astype(np.int16) - b).mean()) for a, b in zip(loop, np.roll(loop, -1, axis=0), strict=True)]
    return step[-1], float(np.median(step[:-1])), max(step[:-1])


def write(
    folder: Path, appearance: Appearance, frames: Sequence[NDArray[np.uint8]], face: dict[str, NDArray[Any]], crf: int
) -> None:
    """Write the avatar's folder and read it back."""
    height, width = frames[0].shape[:2]
    manifest = Manifest(
        name=appearance.name,
        title=appearance.title,
        description=appearance.description,
        licence="Apache-2.0",
        credit=CREDIT,
        consent="An invented person: no photograph and no recording of anybody was used.",
        ai_generated=True,
        width=width,
        height=height,
        frame_rate=25,
        frames=len(frames),
    )
    jpeg = cv2.imencode(".jpg", frames[0][..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, 88])[1].tobytes()
    quality = {"crf": str(crf), "preset": "veryslow", "profile": "high", "tune": "grain"}
    save_avatar(folder, manifest, face, encode_loop(frames, len(frames), manifest.frame_rate, quality), jpeg)
