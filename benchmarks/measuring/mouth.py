"""Where a presenter's mouth is in the picture, and how open it looks: from pixels alone, as a viewer sees it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from benchmarks.measuring.sound import SAMPLE_RATE, TestSound
from benchmarks.measuring.traces import Trace
from engines.api import Chunk, Engine, Step
from engines.face.avatar import FaceAvatar


@dataclass(frozen=True, slots=True)
class Box:
    """A rectangle of the picture, pixels; it holds the inside of an open mouth."""

    x: int
    y: int
    width: int
    height: int


def mouth_box(avatar: FaceAvatar) -> Box:
    """Around the inner lips of all frames of the loop, reaching down as far as the lips open."""
    face = avatar.face
    lips = face.mesh[np.concatenate([face.inner_upper, face.inner_lower])]
    points = np.einsum("nij,vj->nvi", face.alignment, np.column_stack([lips, np.ones(len(lips))]))
    left, top = points.min(axis=(0, 1))
    right, bottom = points.max(axis=(0, 1))
    # An open mouth is about as high as half its width; the lower lip, which darkens it too, is below.
    middle, width, height = (left + right) / 2, (right - left) / 2, max(8.0, (right - left) / 2)
    return Box(int(middle - width / 2), int(top), int(width), int(bottom - top + height))


def openness(image: NDArray[np.uint8], box: Box) -> float:
    """Darkness of the mouth's box, 0 to 1: the inside of a mouth is darker than lips."""
    inside = image[box.y : box.y + box.height, box.x : box.x + box.width]
    return 1.0 - float(inside.mean()) / 255.0


def drawn_openness(engine: Engine, avatar: FaceAvatar, sound: TestSound, phase_s: float) -> Trace:
    """What the engine draws for the sound, as if sent without any delay: each frame at its own sound's time.

    phase_s: how far the frames' grid is shifted against the sound.
    """
    timing, box = engine.timing, mouth_box(avatar)
    samples = sound.samples[int(phase_s * SAMPLE_RATE) :: 3]
    count = len(samples) // timing.samples_per_frame
    stream = engine.open(avatar)
    times, values = [], []
    for index in range(count):
        chunk = samples[index * timing.samples_per_frame :][: timing.samples_per_frame]
        frame = engine.step([Step(stream, Chunk(np.ascontiguousarray(chunk), index))])[0]
        if frame.index >= 0:
            times.append(phase_s + frame.index / timing.frame_rate)
            values.append(openness(frame.rgb, box))
    return Trace(np.asarray(times), np.asarray(values))
