"""Where the lips are in a mouth's crop, seen in the picture alone: the same way for what is drawn and what is true.

Learnt from rendered pictures of people whom no benchmark shows (scripts/training/landmarks/build.py).
"""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import onnxruntime
from numpy.typing import NDArray

MODEL = Path(__file__).with_name("lip_landmarks.onnx")
SIDE = 64  # pixels of the crops that it looks at
UPPER_MIDDLE, LOWER_MIDDLE = 14, 18  # of the twenty: 62 and 66 of the 68

Floats = NDArray[np.float32]


def as_grey(crop: NDArray[np.uint8]) -> Floats:
    """(S, S, 3) uint8 → (SIDE, SIDE) float32 in [0, 1]."""
    grey = cv2.resize(cv2.cvtColor(crop, cv2.COLOR_RGB2GRAY), (SIDE, SIDE), interpolation=cv2.INTER_AREA)
    return np.asarray(grey, np.float32) / np.float32(255)


class LipMarks:
    """Finds points 48 to 67 of the 68."""

    def __init__(self, model: Path = MODEL) -> None:
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = 1
        self._session = onnxruntime.InferenceSession(str(model), options, providers=["CPUExecutionProvider"])

    def __call__(self, crops: NDArray[np.uint8]) -> Floats:
        """crops: (n, S, S, 3) uint8 → (n, 20, 2), crop coordinates."""
        grey = np.stack([as_grey(crop) for crop in crops])[:, None]
        return np.asarray(self._session.run(["marks"], {"grey": grey})[0], np.float32)


def openings(marks: Floats) -> Floats:
    """Distance between the inner lips' middles, (n,) crop units."""
    return np.asarray(np.linalg.norm(marks[:, UPPER_MIDDLE] - marks[:, LOWER_MIDDLE], axis=1), np.float32)
