"""The inside of the mouth as surfaces: teeth, gums, tongue, and the lining that the skin's surface becomes there.

Knows nothing of light and of time.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from scripts.training.heads.fields import ramp
from scripts.training.heads.lip_contact import Lips
from scripts.training.heads.model import (
    GUMS_AND_TONGUE,
    INNER_LIP,
    LOWER_TEETH,
    MOUTH_SOCKET,
    UPPER_TEETH,
    FaceKit,
    HeadModel,
)
from scripts.training.heads.skin import SkinMaps
from scripts.training.heads.surface import Subdivision, smooth_noise, subdivide

ENAMEL = np.array([0.68, 0.63, 0.54])
GUM = np.array([0.42, 0.15, 0.14])
TONGUE = np.array([0.48, 0.19, 0.18])
LINING = np.array([0.30, 0.09, 0.085])  # of cheeks and throat
DEPTH = 2.6  # centimetres behind the lips at which light has fallen to a third
SHADED = 2.0  # centimetres of depth whose dimness the tracing of shade accounts for
PARTS = {"upper_teeth": UPPER_TEETH, "lower_teeth": LOWER_TEETH, "flesh": GUMS_AND_TONGUE}


@dataclass(frozen=True, slots=True, eq=False)
class Lining:
    """A surface in the mouth. vertices: its range in the model; fine subdivides those; albedo (F, 3) is of the fine
    ones."""

    vertices: slice
    fine: Subdivision
    albedo: NDArray[np.float64]


class OralCavity:
    """The inside of one head's mouth, by name of the part, and lips that do not pass through each other."""

    def __init__(self, model: HeadModel) -> None:
        self._model, self._lips = model, Lips(model)
        front = float(model.neutral[model.landmarks68[INNER_LIP], 2].max())
        self.parts = {name: _lining(model, part, front) for name, part in PARTS.items()}
        self._front = front

    def head(self, expression: Mapping[str, float]) -> NDArray[np.float32]:
        """The head with an expression, (26719, 3), as HeadModel.vertices, lips apart or touching."""
        return self._lips.pose(self._model, expression)

    def surfaces(self, head: NDArray[np.float32]) -> dict[str, NDArray[np.float64]]:
        """Fine vertices (F, 3) of each part of a posed head."""
        return {name: part.fine.matrix @ head[part.vertices].astype(np.float64) for name, part in self.parts.items()}

    def line(self, maps: SkinMaps, points: NDArray[np.float64], share: NDArray[np.float64]) -> SkinMaps:
        """Skin maps with flesh where the skin's surface lines the mouth, darker towards the throat.

        points: (V, 3) of the neutral fine skin; share: (V,) in [0, 1], how much of each vertex is lining.
        """
        flesh = LINING * np.exp(-np.clip(self._front - 0.6 - points[:, 2:3], 0, None) / DEPTH)
        albedo = maps.albedo + share[:, None] * (np.clip(flesh, 0.002, 0.9) - maps.albedo)
        return replace(
            maps,
            albedo=albedo,
            roughness=maps.roughness + share * (0.4 - maps.roughness),
            relief=maps.relief * (1 - share),
        )


def lining_share(surface: Subdivision, coarse: int) -> NDArray[np.float64]:
    """(V,) in [0, 1]: how much of each fine vertex of the skin lies in the mouth. coarse: vertices before."""
    index = np.arange(coarse)
    inside = (index >= MOUTH_SOCKET.start) & (index < MOUTH_SOCKET.stop)
    return np.asarray(surface.matrix @ inside.astype(np.float64))


def faces_among(kit: FaceKit, chosen: NDArray[np.int64]) -> NDArray[np.int32]:
    """Faces (F, 4) that have all their vertices among the chosen, numbered as these are."""
    number = np.full(len(kit.vertices) + 1, -1, np.int32)  # the last is the fourth index of a triangle
    number[chosen] = np.arange(len(chosen))
    member = np.concatenate([number[:-1] >= 0, [True]])
    return number[kit.faces[member[kit.faces].all(axis=1)]]


def paint_oral_cavity(
    model: HeadModel, head: NDArray[np.floating], chosen: NDArray[np.int64], front: float
) -> NDArray[np.float64]:
    """(N, 3) albedo of chosen vertices of teeth, gums and tongue. front: z of the lips of the head (26719, 3)."""
    points = model.neutral[chosen].astype(np.float64)
    mottle = smooth_noise(points, 0.3, 5)[:, None]
    colour = np.empty((len(chosen), 3))
    tooth = chosen >= UPPER_TEETH.start
    tongue = np.linalg.norm(model.tongue_out[chosen], axis=1) > 0.02
    colour[:] = GUM * (1 + 0.08 * mottle)
    colour[tongue] = (TONGUE * (1 + 0.10 * mottle))[tongue]
    colour[tooth] = (ENAMEL * (1 + 0.03 * mottle))[tooth]
    depth = np.clip(front - head[chosen, 2], 0, None)
    # A lit front, then an exponential fall: the back teeth show, the throat does not.
    fall = np.exp(-np.clip(depth - 0.6, 0, None) / DEPTH) * (1 - 0.25 * ramp(depth, 0.3, 1.5))
    return np.asarray(colour * fall[:, None])


def _lining(model: HeadModel, part: slice, front: float) -> Lining:
    chosen = np.arange(part.start, part.stop)
    fine = subdivide(faces_among(model.kit, chosen), len(chosen), 1)
    # Some of what paint_oral_cavity dims is the shade of the lips, which is traced here.
    albedo = fine.matrix @ paint_oral_cavity(model, model.neutral, chosen, front - SHADED)
    return Lining(part, fine, np.clip(albedo, 0.002, 0.9))
