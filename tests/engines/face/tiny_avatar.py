"""A tiny presenter drawn by code: ellipses for a face, a mesh of three rings for a mouth, a loop of four frames."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import av
import cv2
import numpy as np
from numpy.typing import NDArray

from engines.face.avatar import FaceAvatar, Manifest, save_avatar
from engines.face.tensors import check_tensors
from engines.motion import COEFFICIENTS, VISEMES, LipMotion

SIZE = 96  # pixels, either side of the picture
CROP = (22.0, 34.0, 52.0)  # left, top, side in pixels
FRAMES = 4
ARC = 8  # intervals of either lip
JAW_DROP = 0.3  # crop units at jawOpen 1

Arrays = dict[str, NDArray[Any]]


def manifest(**changes: Any) -> Manifest:
    fields: dict[str, Any] = dict.fromkeys(("title", "description", "licence", "credit", "consent"), "drawn by code")
    fields |= {"name": "tiny", "ai_generated": True, "width": SIZE, "height": SIZE, "frame_rate": 25}
    return Manifest(**(fields | {"frames": FRAMES} | changes))


def motion(**coefficients: float) -> LipMotion:
    values = np.zeros(len(COEFFICIENTS), np.float32)
    for name, value in coefficients.items():
        values[COEFFICIENTS.index(name)] = value
    return LipMotion(values, 0.0, 0.0, np.eye(len(VISEMES), dtype=np.float32)[0])


def tensors() -> Arrays:
    rest = _rings()
    basis = np.zeros((len(COEFFICIENTS), len(rest), 2), np.float32)
    jaw, close, pucker = (COEFFICIENTS.index(name) for name in ("jawOpen", "mouthClose", "mouthPucker"))
    around = 2 * ARC
    arch = np.sin(np.linspace(0, np.pi, ARC + 1))
    upper = np.arange(ARC + 1)
    lower = np.array([0, *range(around - 1, ARC, -1), ARC])
    for ring in (0, 1):
        basis[jaw, ring * around + lower, 1] = JAW_DROP * arch
        basis[pucker, ring * around : (ring + 1) * around, 0] = 0.3 * (
            0.5 - rest[ring * around : (ring + 1) * around, 0]
        )
    basis[close] = -basis[jaw]
    basis[close, lower, 1] -= 0.05 * arch  # overshoots, as real ones do
    teeth = np.dstack([np.full((32, 32, 3), 220, np.uint8), np.zeros((32, 32), np.uint8)])
    above, below = teeth.copy(), teeth.copy()
    above[12:18, :, 3] = 255
    below[16:22, :, 3] = 255
    moved = np.zeros((len(COEFFICIENTS), 2), np.float32)
    moved[jaw] = (0, 0.8 * JAW_DROP)
    return {
        "mesh": rest,
        "basis": basis,
        "triangles": _cells(3),
        "inner_upper": upper.astype(np.int32),
        "inner_lower": lower.astype(np.int32),
        "alignment": alignment(),
        "mask": _mask(),
        "interior_upper": above,
        "interior_lower": below,
        "jaw": moved,
        "cavity": np.array([30, 8, 8], np.uint8),
        "interocular": np.array(0.7, np.float32),
    }


def alignment() -> NDArray[np.float32]:
    """The head sways and leans a little."""
    left, top, side = CROP
    rows = []
    for frame in range(FRAMES):
        angle, shift = 0.03 * frame, 0.7 * frame
        cos, sin = side * np.cos(angle), side * np.sin(angle)
        rows.append([[cos, -sin, left + shift], [sin, cos, top - shift]])
    return np.array(rows, np.float32)


def loop() -> NDArray[np.uint8]:
    """(FRAMES, SIZE, SIZE, 3): a face that follows the alignment, with texture everywhere."""
    frames = []
    for frame, affine in enumerate(alignment()):
        image = np.full((SIZE, SIZE, 3), (60, 80, 100), np.uint8)
        middle = affine @ np.array([0.5, 0.45, 1])
        centre = (int(middle[0]), int(middle[1]))
        cv2.ellipse(image, (centre[0], centre[1] - 10), (30, 40), 0, 0, 360, (200, 160, 140), -1)
        cv2.ellipse(image, centre, (14, 5), 0, 0, 360, (170, 80, 80), -1)
        grain = np.random.default_rng(frame).integers(-12, 12, image.shape)
        frames.append(np.clip(image.astype(int) + grain, 0, 255).astype(np.uint8))
    return np.stack(frames)


def avatar(**changes: NDArray[Any]) -> FaceAvatar:
    """The avatar in memory, with its loop as drawn: no video in between."""
    pictures = loop()
    pictures.setflags(write=False)
    face = check_tensors(Path("tiny"), tensors() | changes, FRAMES)
    return FaceAvatar(manifest(), pictures, face)


def save(folder: Path) -> Path:
    """The avatar on disk, whole and valid."""
    preview = cv2.imencode(".jpg", loop()[0])[1].tobytes()
    save_avatar(folder, manifest(), tensors(), video(loop()), preview)
    return folder


def video(frames: NDArray[np.uint8]) -> bytes:
    buffer = io.BytesIO()
    with av.open(buffer, "w", format="mp4") as container:
        stream = container.add_stream("libx264", rate=25)
        stream.width, stream.height, stream.pix_fmt = frames.shape[2], frames.shape[1], "yuv420p"
        for frame in frames:
            container.mux(stream.encode(av.VideoFrame.from_ndarray(frame, format="rgb24")))
        container.mux(stream.encode())
    return buffer.getvalue()


def _rings() -> NDArray[np.float32]:
    """Slit, lips' border and crop's border, each left corner → over the top → right corner → back below."""
    angle = np.linspace(np.pi, -np.pi, 2 * ARC + 1)[:-1]
    x, y = np.cos(angle), -np.sin(angle)
    slit = np.stack([0.5 + 0.25 * x, np.full_like(x, 0.45)], axis=1)
    lips = np.stack([0.5 + 0.32 * x, 0.45 + 0.12 * y], axis=1)
    border = np.stack([0.5 + 0.48 * x, 0.5 + 0.48 * y], axis=1)
    return np.concatenate([slit, lips, border]).astype(np.float32)


def _cells(rings: int) -> NDArray[np.int32]:
    around = 2 * ARC
    cells = []
    for ring in range(rings - 2, -1, -1):
        for spoke in range(around):
            a, b = ring * around + spoke, ring * around + (spoke + 1) % around
            cells += [(a, b, b + around), (a, b + around, a + around)]
    return np.array(cells, np.int32)


def _mask() -> NDArray[np.uint8]:
    axis = (np.arange(64) + 0.5) / 64 - 0.5
    radius = np.hypot(axis[:, None], axis[None, :])
    return np.round(255 * np.clip((0.48 - radius) / 0.1, 0, 1)).astype(np.uint8)
