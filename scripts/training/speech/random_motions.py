"""Random lip motion: frames of invented speech, and free combinations that speech seldom makes. Knows no sound."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from engines.motion import COEFFICIENTS, VISEMES, LipMotion
from engines.speech.mouth import lip_motion
from scripts.training.speech.coefficients import coefficients
from scripts.training.speech.curves import RATE, articulate
from scripts.training.speech.phones import PHONES, SILENCE
from scripts.training.speech.utterance import Segment

FRAME_RATE = 25
EFFORT = (0.7, 1.3)  # how widely talkers open
SPEECH_SHARE = 0.55  # of all frames

# What free frames may hold: coefficient, how often, and the largest value.
FREE = (
    ("mouthFunnel", 0.30, 0.8),
    ("mouthPucker", 0.30, 0.9),
    ("mouthStretch", 0.25, 0.7),
    ("mouthSmile", 0.35, 0.8),
    ("mouthPress", 0.15, 0.7),
    ("mouthRollLower", 0.20, 0.7),
    ("mouthRollUpper", 0.15, 0.6),
    ("mouthShrugLower", 0.15, 0.5),
    ("mouthShrugUpper", 0.15, 0.5),
    ("mouthUpperUp", 0.35, 0.6),
    ("mouthLowerDown", 0.35, 0.7),
    ("tongueOut", 0.15, 1.0),
)
# Gestures that are rare in chance and matter: lips shut, rounded, spread, tucked under the teeth, tongue between them.
GESTURES: tuple[dict[str, tuple[float, float]], ...] = (
    {"mouthClose": (0.9, 1.0), "mouthPress": (0.0, 0.6), "mouthRollLower": (0.0, 0.4), "mouthRollUpper": (0.0, 0.4)},
    {"mouthPucker": (0.5, 1.0), "mouthFunnel": (0.0, 0.6)},
    {"mouthSmile": (0.3, 0.9), "mouthUpperUp": (0.1, 0.5), "mouthLowerDown": (0.0, 0.4)},
    {"mouthRollLower": (0.4, 0.9), "mouthUpperUp": (0.1, 0.4)},
    {"tongueOut": (0.4, 1.0), "mouthLowerDown": (0.1, 0.5), "mouthUpperUp": (0.1, 0.4)},
)


def speech(draw: np.random.Generator, frames: int) -> list[LipMotion]:
    """Successive frames, 25 a second, of invented words."""
    names = [name for name in PHONES if name != SILENCE]
    segments, now = [], 0.08
    while now < frames / FRAME_RATE:
        pause = draw.random() < 0.06
        length = draw.uniform(0.15, 0.5) if pause else draw.uniform(0.045, 0.16)
        segments.append(Segment(now, now + length, SILENCE if pause else str(draw.choice(names)), now + 0.7 * length))
        now += length
    steps = RATE // FRAME_RATE
    effort = np.full(frames * steps, draw.uniform(*EFFORT), np.float32)
    track = articulate(segments, frames * steps, effort)
    values = coefficients(track)[steps // 2 :: steps]
    return [
        lip_motion(row, _one_hot(viseme)) for row, viseme in zip(values, track.viseme[steps // 2 :: steps], strict=True)
    ]


def free(draw: np.random.Generator, shapes: int, frames: int) -> list[LipMotion]:
    """Successive frames: random shapes one after the other, frames from each to the next, on straight ways."""
    keys = np.stack([random_motion(draw).coefficients for _ in range(shapes)])
    at = np.linspace(0, shapes - 1, (shapes - 1) * frames + 1)
    tracks = [np.interp(at, np.arange(shapes), column) for column in keys.T]
    return [unspoken(row) for row in np.stack(tracks, axis=1).astype(np.float32)]


def unspoken(coefficients: NDArray[np.float32]) -> LipMotion:
    """A motion that belongs to no sound: all visemes are as likely. coefficients: (14,)."""
    return lip_motion(coefficients, np.full(len(VISEMES), 1 / len(VISEMES), np.float32))


def random_motion(draw: np.random.Generator) -> LipMotion:
    """One frame: of speech, free, or a gesture."""
    kind = draw.random()
    if kind < SPEECH_SHARE:
        return speech(draw, 25)[int(draw.integers(4, 25))]
    values = dict.fromkeys(COEFFICIENTS, 0.0)
    values["jawOpen"] = draw.uniform(0, 0.8) * float(draw.random() < 0.75)
    if kind < 0.8:
        if draw.random() < 0.35:
            values["mouthClose"] = values["jawOpen"] * draw.uniform(0, 1)
        for name, share, largest in FREE:
            if draw.random() < share:
                values[name] = draw.uniform(0, largest)
    else:
        for name, (low, high) in GESTURES[int(draw.integers(len(GESTURES)))].items():
            values[name] = draw.uniform(low, high)
        values["jawOpen"] *= 0.5
        values["mouthClose"] *= values["jawOpen"]
    return unspoken(np.array([values[name] for name in COEFFICIENTS], np.float32))


def _one_hot(viseme: int) -> NDArray[np.float32]:
    row = np.zeros(len(VISEMES), np.float32)
    row[viseme] = 1
    return row
