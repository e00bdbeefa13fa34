"""Rendered truth: clips of people who talk and sway, what the Structurist makes of the same frames, and what is true.

Knows no engine. The face model and the renderer are the datasets'; identities are those that a dataset of the seed
would hold out for tests.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from safetensors.numpy import load_file, save_file

from benchmarks.structurist import enrolled_subject
from engines.motion import LipMotion
from scripts.training.mouth_data.photo_session import HeadPose
from scripts.training.mouth_data.plan import PersonId
from scripts.training.mouth_data.region import Region
from scripts.training.mouth_data.sample import Sample, Subject, sample
from scripts.training.speech.random_motions import speech

YAWS = (0.0, 8.0, -8.0, 16.0, -16.0)  # degrees, of one identity after the other
SWAY = ((1.2, 2.9), (0.8, 3.7), (0.6, 4.3))  # of yaw, pitch, roll: degrees, and seconds of a period
FRAME_S = 0.04
STILL_FRAMES = 12  # frames at a clip's end in which nothing moves: whatever moves there is flicker

Pictures = NDArray[np.uint8]


@dataclass(frozen=True, slots=True, eq=False)
class Clip:
    """One person, T frames; the last STILL_FRAMES repeat one frame. Pictures (T, S, S, 3) uint8 of the crop.

    reference (S, S, 3): the mouth at rest, another frame; foreign: structure frames of another person's face, moved
    the same way; mask (S, S) uint8; landmarks (T, 20, 2) in crop coordinates; interocular: crop units.
    """

    name: str
    reference: Pictures
    structure: Pictures
    target: Pictures
    foreign: Pictures
    mask: Pictures
    landmarks: NDArray[np.float32]
    interocular: float
    motions: list[LipMotion]

    @property
    def weight(self) -> NDArray[np.float32]:
        """The mask as (S, S) float32 in [0, 1]."""
        return np.asarray(self.mask / np.float32(255), np.float32)


ARRAYS = ("reference", "structure", "target", "foreign", "mask", "landmarks")
MOTION = ("coefficients", "visemes")


def with_sway_at(head_pose: HeadPose, frame: int) -> HeadPose:
    """The head as presenters sway, slowly and smoothly."""
    turn = [size * np.sin(2 * np.pi * frame * FRAME_S / period) for size, period in SWAY]
    return HeadPose(
        head_pose.yaw + turn[0], head_pose.pitch + turn[1], head_pose.roll + turn[2], head_pose.x, head_pose.y
    )


def render_clip(region: Region, seed: int, number: int, frames: int, size: int = 128) -> Clip:
    """The number-th identity that is held out says `frames` frames of an invented sentence, then holds still."""
    person_id, other = PersonId(seed, "test", number), PersonId(seed, "test", number + 1)
    subject = enrolled_subject(region, person_id, YAWS[number % len(YAWS)], size)
    stranger = enrolled_subject(region, other, YAWS[number % len(YAWS)], size)
    motions = speech(person_id.draw(9), frames)
    draw = person_id.draw(10)
    drawn = [
        sample(subject, motion, with_sway_at(subject.session.head_pose, t), draw) for t, motion in enumerate(motions)
    ]
    return _clip(f"{seed}/{number}", drawn, [_moved(stranger, motion) for motion in motions])


def _moved(subject: Subject, motion: LipMotion) -> Pictures:
    """The structure frame of a face that does not sway."""
    middle = np.array([[subject.size, 0.0, 0.0], [0.0, subject.size, 0.0]])
    return subject.frames.draw(subject.reference, middle, motion)


def _clip(name: str, drawn: list[Sample], foreign: list[Pictures]) -> Clip:
    def held(rows: list[NDArray[np.generic]]) -> NDArray[np.generic]:
        return np.stack([*rows, *[rows[-1]] * STILL_FRAMES])

    first = drawn[0]
    return Clip(
        name,
        first.reference,
        np.asarray(held([each.structure for each in drawn]), np.uint8),
        np.asarray(held([each.target for each in drawn]), np.uint8),
        np.asarray(held(list(foreign)), np.uint8),
        first.mask,
        np.asarray(held([each.landmarks for each in drawn]), np.float32),
        float(first.interocular),
        [each.motion for each in [*drawn, *[drawn[-1]] * STILL_FRAMES]],
    )


def save_clip(path: Path, clip: Clip) -> None:
    tensors = {name: np.ascontiguousarray(getattr(clip, name)) for name in ARRAYS}
    tensors |= {name: np.stack([getattr(motion, name) for motion in clip.motions]) for name in MOTION}
    tensors["measures"] = np.array([(motion.aperture, motion.width) for motion in clip.motions])
    tensors["interocular"] = np.array(clip.interocular)
    path.parent.mkdir(parents=True, exist_ok=True)
    save_file(tensors, path)


def load_clip(path: Path) -> Clip:
    tensors = load_file(path)
    rows = zip(tensors["coefficients"], tensors["measures"], tensors["visemes"], strict=True)
    motions = [LipMotion(shape, float(both[0]), float(both[1]), sounds) for shape, both, sounds in rows]
    arrays = {name: tensors[name] for name in ARRAYS}
    return Clip(path.stem, interocular=float(tensors["interocular"]), motions=motions, **arrays)
