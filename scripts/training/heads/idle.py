"""What a presenter does in silence: blinks, breath, sway, small glances. Knows nothing of pictures.

Everything is periodic in the loop, so that the last frame leads to the first.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from scripts.training.heads.frame_pose import FramePose

# A relaxed, closed mouth with a hint of a smile; lids a little lowered, so that the eyes do not stare.
REST: dict[str, float] = {
    "mouthSmile_L": 0.55,
    "mouthSmile_R": 0.52,
    "mouthPress_L": 0.04,
    "mouthPress_R": 0.04,
    "cheekSquint_L": 0.30,
    "cheekSquint_R": 0.30,
}
SMILE = ("mouthSmile_L", "mouthSmile_R", "cheekSquint_L", "cheekSquint_R")  # what smiles more in some presenters
SQUINT = 0.25
SHUT = 1.1  # eyeBlink at which the lids of this model meet
CLOSING, OPENING = 0.100, 0.150  # seconds of a blink; people need 75 to 150 and 120 to 250
BLINK_GAPS = (2.3, 4.4)  # seconds between blinks
GLANCE_GAPS = (0.9, 2.4)  # seconds between glances
GLANCE_TIME = 0.06  # seconds the eyes need for one
LID_PER_DEGREE = 0.035  # how far lids follow the eyes up and down: expression value a degree


@dataclass(frozen=True, slots=True, eq=False)
class Idle:
    """A loop of the given length and rate. Times in seconds, angles in degrees."""

    frames: int
    frame_rate: int
    blinks: NDArray[np.float64]
    glances: NDArray[np.float64]
    gaze: NDArray[np.float64]  # (glances, 2): right and up after each glance
    rest: Mapping[str, float]  # the expression between blinks and glances

    def frame_pose(self, frame: int) -> FramePose:
        length = self.frames / self.frame_rate
        time = frame / self.frame_rate
        turn = 2 * np.pi * time / length
        right, up = self._gaze(time, length)
        closed = self._lids(time, length)
        breaths = max(1, round(length / 4.0))
        expression = dict(self.rest)
        for side in ("L", "R"):
            expression[f"eyeBlink_{side}"] = SHUT * closed
            expression[f"eyeSquint_{side}"] = SQUINT * (1 - closed)
            expression[f"eyeLookDown_{side}"] = max(0.0, 0.04 - LID_PER_DEGREE * up) * (1 - closed)
            expression[f"eyeLookUp_{side}"] = max(0.0, LID_PER_DEGREE * up - 0.04) * (1 - closed)
            expression[f"browInnerUp_{side}"] = 0.05 + 0.04 * np.sin(turn + 1.0)
        yaw = 1.3 * np.sin(turn + 0.4) + 0.5 * np.sin(2 * turn + 2.1)
        return FramePose(
            expression=expression,
            yaw=yaw,
            pitch=0.7 * np.sin(2 * turn + 0.9) + 0.3 * np.sin(3 * turn + 4.0),
            roll=0.8 * np.sin(turn + 1.7) + 0.25 * np.sin(2 * turn),
            breath=0.5 - 0.5 * np.cos(breaths * turn + 0.5),
            # The eyes stay on the viewer while the head sways.
            gaze_right=right - 0.9 * yaw,
            gaze_up=up + 0.9 * (0.7 * np.sin(2 * turn + 0.9)),
        )

    def _gaze(self, time: float, length: float) -> tuple[float, float]:
        since = (time - self.glances) % length
        last = int(np.argmin(since))
        part = min(1.0, float(since[last]) / GLANCE_TIME)
        right, up = self.gaze[last - 1] * (1 - part) + self.gaze[last] * part
        return float(right), float(up)

    def _lids(self, time: float, length: float) -> float:
        """How far the lids are closed, 0 to 1. Blinks begin at their times."""
        since = float(((time - self.blinks) % length).min())
        if since < CLOSING:
            part = since / CLOSING
        else:
            part = max(0.0, 1 - (since - CLOSING) / OPENING)
        return part * part * (3 - 2 * part)


def resting(smile: float) -> dict[str, float]:
    """REST with smile times its smile."""
    return {name: value * smile if name in SMILE else value for name, value in REST.items()}


def idle(frames: int, frame_rate: int, seed: int, rest: Mapping[str, float] = REST) -> Idle:
    """A loop drawn from the seed, about the expression rest."""
    rng = np.random.default_rng(seed)
    length = frames / frame_rate
    blinks = _events(length, BLINK_GAPS, rng)
    # Half a frame early, so that one frame shows the lids quite shut.
    blinks = np.round(blinks * frame_rate) / frame_rate - 0.5 / frame_rate
    glances = _events(length, GLANCE_GAPS, rng)
    gaze = rng.normal(0, 1, (len(glances), 2)) * (1.1, 0.6) + (0.0, -0.2)
    return Idle(frames, frame_rate, blinks, glances, gaze, rest)


def _events(length: float, gaps: tuple[float, float], rng: np.random.Generator) -> NDArray[np.float64]:
    """Times in [0, length) whose gaps, round the loop too, lie within gaps as nearly as the length allows."""
    count = max(1, round(2 * length / sum(gaps)))
    steps = rng.uniform(*gaps, count)
    steps *= length / steps.sum()
    times: NDArray[np.float64] = np.cumsum(steps) - steps[0] * rng.uniform(0.3, 0.7)
    return times
