"""The child that looks for faces with MediaPipe's face landmarker; see landmarker. Knows nothing of what follows.

MediaPipe reports how it is used to its maker (CONNECT play.googleapis.com, seen with 1.2.2) and has no switch against
it. So this process has no network: its proxy is a dead address (see sandbox), and on Linux it cannot open a socket.
"""

from __future__ import annotations

import platform
from pathlib import Path
from typing import Any

import numpy as np

from engines.face.enrolment.sandbox import answer, network_can_be_closed

POINTS = 478


def main(request: dict[str, Any]) -> dict[str, Any]:
    """{"model", "frames", "shape", "faces", "out"} → {"found": faces in each frame}.

    out: (n, faces, POINTS, 2) float32 pixels, 0 where there is none.
    """
    if platform.system() == "Linux" and not network_can_be_closed():
        raise ValueError(f"MediaPipe cannot be kept from the network on {platform.machine()}; give --landmarks instead")
    import mediapipe  # only now that it cannot report

    vision, base = mediapipe.tasks.vision, mediapipe.tasks.BaseOptions
    frames = np.memmap(request["frames"], np.uint8, "r", shape=tuple(request["shape"]))
    faces, (height, width) = request["faces"], frames.shape[1:3]
    options = vision.FaceLandmarkerOptions(
        base_options=base(model_asset_buffer=Path(request["model"]).read_bytes()), num_faces=faces
    )
    landmarker = vision.FaceLandmarker.create_from_options(options)
    found, points = [], np.zeros((len(frames), faces, POINTS, 2), np.float32)
    for index, frame in enumerate(frames):
        image = mediapipe.Image(image_format=mediapipe.ImageFormat.SRGB, data=np.ascontiguousarray(frame))
        result = landmarker.detect(image).face_landmarks
        found.append(len(result))
        for face, marks in enumerate(result):
            points[index, face] = [(mark.x * width, mark.y * height) for mark in marks[:POINTS]]
    points.tofile(request["out"])
    return {"found": found}


if __name__ == "__main__":
    answer(main)
