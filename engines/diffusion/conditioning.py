"""Per-avatar conditioning of the network: precomputed when an avatar is first used, then cached in memory.

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

from engines.arrays import F32, U8
from engines.backends.api import Graph
from engines.backends.device_constants import frozen
from engines.diffusion.noise_sensor import Calibration
from engines.face.avatar import FaceAvatar
from engines.face.structurist import StructureFrames
from engines.face.tensors import FaceTensors
from engines.motion import COEFFICIENTS, VISEMES, LipMotion

SHARED = 5  # frames of the loop with one encoding between them: the crop follows the head, so neighbours hardly differ


class Conditioning(Protocol):
    """The network's constant inputs for one avatar."""

    @property
    def calibration(self) -> Calibration | None:
        """Measured noise of the network; None where the pack does not measure it."""

    def feeds(self, frame: int, motion: LipMotion) -> dict[str, F32]:
        """Inputs of the frame step for a frame of the loop and a motion, without structure, lam and noise."""


Precompute = Callable[[FaceAvatar], Conditioning]


@dataclass(frozen=True, slots=True, eq=False)
class EmbeddedConditioning:
    """Conditioning of the embedded pack.

    anchor (n, d): tokens of the mouth at its smallest opening; mask (1, h, w) and masked (k, 4, h, w): latents.

    masked[i] is of the loop's frames i·SHARED to (i + 1)·SHARED − 1.
    """

    anchor: F32
    mask: F32
    masked: F32

    @property
    def calibration(self) -> None:
        return None

    def feeds(self, frame: int, motion: LipMotion) -> dict[str, F32]:
        """The same for every motion: the frame step sees the structure frame."""
        return {"masked": self.masked_at(frame), "mask": self.mask, "anchor": self.anchor}

    def masked_at(self, frame: int) -> F32:
        """(4, h, w) for a frame of the loop."""
        latents: F32 = self.masked[frame // SHARED]
        return latents


def encode_crops(encode: Graph, crops: list[U8], mask: F32) -> EmbeddedConditioning:
    """crops: (S, S, 3) uint8, the presenter with the mouth at rest, the first of which gives the anchor; mask: (S, S)
    float32 in [0, 1], weight of the drawn mouth."""
    found = [encode.run({"crop": as_input(crop)[None], "mask": mask[None, None]}) for crop in crops]
    masked = np.concatenate([each["masked"] for each in found])
    # Read-only: a GPU backend then uploads them once and not with every frame.
    return EmbeddedConditioning(frozen(found[0]["tokens"][0]), frozen(found[0]["mask_latent"][0]), frozen(masked))


def precompute_by(encode: Graph, size: int) -> Precompute:
    """The precompute step of the embedded pack. size: pixels of the crop's side."""

    def precompute(avatar: FaceAvatar) -> EmbeddedConditioning:
        return encode_crops(encode, crops_at_rest(avatar, size), crop_mask(avatar.face, size))

    return precompute


def crops_at_rest(avatar: FaceAvatar, size: int) -> list[U8]:
    """(size, size, 3) uint8, of every SHARED frames of the loop."""
    frames = StructureFrames(avatar.face, size)
    return [
        frames.draw(avatar.loop[frame], avatar.face.alignment[frame], AT_REST)
        for frame in range(0, len(avatar.loop), SHARED)
    ]


def crop_mask(face: FaceTensors, size: int) -> F32:
    """Weight of the drawn mouth over the crop, (size, size) float32 in [0, 1]."""
    mask = cv2.resize(face.mask, (size, size), interpolation=cv2.INTER_AREA)
    return np.asarray(mask, np.float32) / np.float32(255)


def as_input(picture: U8) -> F32:
    """(S, S, 3) uint8 → (3, S, S) float32 in [−1, 1], as the graphs take pictures."""
    return np.ascontiguousarray(picture.transpose(2, 0, 1) / np.float32(127.5) - 1, np.float32)


class ConditioningCache:
    """The conditioning of every avatar in memory. Thread-safe; entries go with their avatars (weak keys)."""

    __slots__ = ("_known", "_looking", "_making", "_precompute")

    def __init__(self, precompute: Precompute) -> None:
        self._precompute = precompute
        self._known: WeakKeyDictionary[FaceAvatar, Conditioning] = WeakKeyDictionary()
        # Two locks: a lookup of one avatar does not wait while another is precomputed.
        self._looking, self._making = threading.Lock(), threading.Lock()

    def of(self, avatar: FaceAvatar) -> Conditioning:
        """Slow the first time."""
        return self._find(avatar) or self._make(avatar)

    def _find(self, avatar: FaceAvatar) -> Conditioning | None:
        with self._looking:
            return self._known.get(avatar)

    def _make(self, avatar: FaceAvatar) -> Conditioning:
        with self._making:
            found = self._find(avatar)
            if found is None:
                found = self._precompute(avatar)
                with self._looking:
                    self._known[avatar] = found
            return found


AT_REST = LipMotion(
    np.zeros(len(COEFFICIENTS), np.float32), 0.0, 0.0, np.eye(len(VISEMES), dtype=np.float32)[VISEMES.index("sil")]
)
