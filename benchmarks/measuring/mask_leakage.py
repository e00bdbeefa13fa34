"""Whether a talking presenter's picture changes where no mouth is drawn: identity outside the mask."""

from __future__ import annotations

import numpy as np

from engines.api import Engine, Step
from engines.face.avatar import FaceAvatar
from engines.face.composite import Windows, mask_in_window
from streamer.audio.synthetic_speech import synthetic_speech

TALK = 75  # frames


def largest_change_outside(engine: Engine, avatar: FaceAvatar) -> int:
    """The largest difference from the idle loop outside the mask, grey levels, over 3 s of speech.

    The engine's own look-ahead must be that of the lips alone: each call then shows the next frame of the loop.
    """
    stream, windows = engine.open(avatar), Windows(avatar)
    worst = 0
    for place, chunk in enumerate(synthetic_speech(engine.timing.samples_per_frame, TALK)):
        loop = place % len(avatar.loop)
        drawn = engine.step([Step(stream, chunk)])[0].rgb
        left, top = windows.origin(loop)
        to_window = windows.to_window(avatar, loop)
        free = np.ones(drawn.shape[:2], bool)
        mask = mask_in_window(avatar.face.mask, to_window, windows.height, windows.width)
        free[top : top + windows.height, left : left + windows.width] = mask == 0
        change = np.abs(drawn.astype(np.int16) - avatar.loop[loop])[free]
        worst = max(worst, int(change.max()))
    return worst
