"""A presenter drawn by code, as large as real ones, for machines and commits where none has been rendered."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np

from engines.face.avatar import save_avatar
from tests.engines.face import tiny_avatar

SIZE = 512  # pixels
SCALE = SIZE / tiny_avatar.SIZE


def save(folder: Path) -> Path:
    """The tiny avatar enlarged, without teeth, so that an open mouth is a dark one."""
    tensors = tiny_avatar.tensors()
    tensors["alignment"] = tensors["alignment"] * np.float32(SCALE)
    for name in ("interior_upper", "interior_lower"):
        tensors[name][..., 3] = 0
    frames = np.stack([cv2.resize(frame, (SIZE, SIZE), interpolation=cv2.INTER_CUBIC) for frame in tiny_avatar.loop()])
    preview = cv2.imencode(".jpg", frames[0])[1].tobytes()
    manifest = tiny_avatar.manifest(name="drawn", title="Drawn", width=SIZE, height=SIZE)
    save_avatar(folder / "drawn", manifest, tensors, tiny_avatar.video(frames), preview)
    return folder
