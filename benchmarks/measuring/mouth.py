"""How open a presenter's mouth looks: from pixels alone, as a viewer sees it."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from benchmarks.measuring.audio_signal import SAMPLE_RATE, TestAudio
from benchmarks.measuring.traces import Trace
from engines.api import Chunk, Engine, Step
from engines.face.avatar import FaceAvatar
from scripts.tools.mouth_box import Box, mouth_box


def openness(image: NDArray[np.uint8], box: Box) -> float:
    """Darkness of the mouth's box, 0 to 1: the inside of a mouth is darker than lips."""
    inside = image[box.y : box.y + box.height, box.x : box.x + box.width]
    return 1.0 - float(inside.mean()) / 255.0


def drawn_openness(engine: Engine, avatar: FaceAvatar, audio: TestAudio, phase_s: float) -> Trace:
    """What the engine draws for the sound, as if sent without any delay: each frame at its own sound's time.

    phase_s: how far the frames' grid is shifted against the sound.
    """
    timing, box = engine.timing, mouth_box(avatar)
    samples = audio.samples[int(phase_s * SAMPLE_RATE) :: 3]
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
