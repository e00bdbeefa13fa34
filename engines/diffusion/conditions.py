"""What the network must know of a presenter and never changes: computed when they are first shown, then kept.

Knows nothing of sessions.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol
from weakref import WeakKeyDictionary

import cv2
import numpy as np
from numpy.typing import NDArray

from engines.backends.api import Graph
from engines.backends.kept import frozen
from engines.diffusion.noise_sensor import Calibration
from engines.face.avatar import FaceAvatar
from engines.face.structurist import StructureFrames
from engines.face.tensors import FaceTensors
from engines.motion import COEFFICIENTS, VISEMES, LipMotion

SHARED = 5  # frames of the loop with one encoding between them: the crop follows the head, so neighbours hardly differ

Floats = NDArray[np.float32]


class Condition(Protocol):
    """What a pack's network must know of one presenter."""

    @property
    def calibration(self) -> Calibration | None:
        """What is known of the network's noise; None where nothing is."""

    def feeds(self, frame: int, motion: LipMotion) -> dict[str, Floats]:
        """For a frame of the loop whose mouth is to move so: the frame step's inputs, but for structure, lam, noise."""


Enrol = Callable[[FaceAvatar], Condition]


@dataclass(frozen=True, slots=True, eq=False)
class Conditions:
    """Of the embedded pack.

    anchor (n, d): tokens of the mouth at its smallest opening; mask (1, h, w) and masked (k, 4, h, w): latents.

    masked[i] is of the loop's frames i·SHARED to (i + 1)·SHARED − 1.
    """

    anchor: Floats
    mask: Floats
    masked: Floats

    @property
    def calibration(self) -> None:
        return None

    def feeds(self, frame: int, motion: LipMotion) -> dict[str, Floats]:
        """The same for every motion: the frame step sees the structure frame."""
        return {"masked": self.masked_at(frame), "mask": self.mask, "anchor": self.anchor}

    def masked_at(self, frame: int) -> Floats:
        """(4, h, w) for a frame of the loop."""
        latents: Floats = self.masked[frame // SHARED]
        return latents


def encode_crops(encode: Graph, crops: list[NDArray[np.uint8]], mask: Floats) -> Conditions:
    """crops: (S, S, 3) uint8, the presenter with the mouth at rest, the first of which gives the anchor; mask: (S, S)
    float32 in [0, 1], weight of the drawn mouth."""
    found = [encode.run({"crop": as_input(crop)[None], "mask": mask[None, None]}) for crop in crops]
    masked = np.concatenate([each["masked"] for each in found])
    # Frozen: a GPU then takes them over once, and not again with every frame.
    return Conditions(frozen(found[0]["tokens"][0]), frozen(found[0]["mask_latent"][0]), frozen(masked))


def enrol_by(encode: Graph, size: int) -> Enrol:
    """The embedded pack's way to enrol. size: pixels of the crop's side."""

    def enrol(avatar: FaceAvatar) -> Conditions:
        return encode_crops(encode, crops_at_rest(avatar, size), crop_mask(avatar.face, size))

    return enrol


def crops_at_rest(avatar: FaceAvatar, size: int) -> list[NDArray[np.uint8]]:
    """(size, size, 3) uint8, of every SHARED frames of the loop."""
    frames = StructureFrames(avatar.face, size)
    return [
        frames.draw(avatar.loop[frame], avatar.face.alignment[frame], AT_REST)
        for frame in range(0, len(avatar.loop), SHARED)
    ]


def crop_mask(face: FaceTensors, size: int) -> Floats:
    """Weight of the drawn mouth over the crop, (size, size) float32 in [0, 1]."""
    mask = cv2.resize(face.mask, (size, size), interpolation=cv2.INTER_AREA)
    return np.asarray(mask, np.float32) / np.float32(255)


def as_input(picture: NDArray[np.uint8]) -> Floats:
    """(S, S, 3) uint8 → (3, S, S) float32 in [−1, 1], as the graphs take pictures."""
    return np.ascontiguousarray(picture.transpose(2, 0, 1) / np.float32(127.5) - 1, np.float32)


class Enrolled:
    """The conditions of every avatar that is in memory. Thread-safe; an avatar that nobody holds is forgotten."""

    __slots__ = ("_enrol", "_known", "_looking", "_making")

    def __init__(self, enrol: Enrol) -> None:
        self._enrol = enrol
        self._known: WeakKeyDictionary[FaceAvatar, Condition] = WeakKeyDictionary()
        # Two locks: who shows one presenter must not wait until another one has been encoded.
        self._looking, self._making = threading.Lock(), threading.Lock()

    def of(self, avatar: FaceAvatar) -> Condition:
        """Slow the first time."""
        return self._find(avatar) or self._make(avatar)

    def _find(self, avatar: FaceAvatar) -> Condition | None:
        with self._looking:
            return self._known.get(avatar)

    def _make(self, avatar: FaceAvatar) -> Condition:
        with self._making:
            found = self._find(avatar)
            if found is None:
                found = self._enrol(avatar)
                with self._looking:
                    self._known[avatar] = found
            return found


AT_REST = LipMotion(
    np.zeros(len(COEFFICIENTS), np.float32), 0.0, 0.0, np.eye(len(VISEMES), dtype=np.float32)[VISEMES.index("sil")]
)
