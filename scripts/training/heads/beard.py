"""A short boxed beard: where it grows, its shade on the skin, its hairs, bound to the face. Knows nothing of light."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from scripts.training.heads.appearance import Beard
from scripts.training.heads.brows import Bound
from scripts.training.heads.fields import lip_distance, ramp
from scripts.training.heads.model import OUTER_LIP
from scripts.training.heads.strands import Strands, taper
from scripts.training.heads.surface import smooth_noise, space

NOSE_BASE, CORNERS = 33, [48, 54]  # of the landmarks
POINTS = 5  # control points of a hair
MOUTH = -3.05  # y of the corners of the mouth that the heights below belong to, but for the moustache's
# The cheek's line from the sideburn forward: z, and y of the line there.
CHEEK_Z, CHEEK_Y = (0.6, 2.2, 3.0, 3.8, 5.0, 6.8, 8.4, 9.8), (6.0, 4.6, 1.6, 0.3, -0.8, -1.8, -2.5, -2.7)
# The upper edge of the beard on the chin, by distance from the middle: a tuft below the lip, bare skin beside it.
CHIN_X, CHIN_Y = (0.0, 0.35, 0.6, 1.2, 1.75, 2.15, 2.6, 9.0), (-4.3, -4.35, -4.95, -5.0, -4.5, -3.2, -2.7, -2.7)
# The upper edge of the moustache, below the base of the nose.
LIP_X, LIP_Y = (0.0, 0.45, 1.2, 2.0, 2.6, 3.2), (-0.40, -0.22, -0.40, -0.95, -1.5, -2.3)
NECK = (-9.3, 0.22)  # height below which no beard grows under the chin, and how much higher that is a centimetre behind
BEHIND = (0.2, 1.0)  # depths between which it begins before the ear


def beard_mask(points: NDArray[np.floating], marks: NDArray[np.floating], seed: int) -> NDArray[np.float64]:
    """(V,) in [0, 1]: where the beard grows. points: (V, 3) of the neutral face; marks: (68, 3), its landmarks."""
    x, z = np.abs(points[:, 0]), points[:, 2]
    y = points[:, 1] - (float(marks[CORNERS, 1].mean()) - MOUTH)
    ragged = 0.14 * smooth_noise(points, 0.3, seed) + 0.10 * smooth_noise(points, 0.9, seed + 1)
    soft = 0.5
    cheek = ramp(np.interp(z, CHEEK_Z, CHEEK_Y) - y + ragged, -soft, soft)
    chin = ramp(np.interp(x, CHIN_X, CHIN_Y) - y + ragged, -soft, soft)
    jaw = cheek * np.where(z > 8.2, np.maximum(chin, 0.45 * ramp(x, 2.6, 2.2)), 1.0)
    below_nose = points[:, 1] - float(marks[NOSE_BASE, 1])
    lip = ramp(np.interp(x, LIP_X, LIP_Y) - below_nose + ragged, -0.15, 0.2) * ramp(x, 3.3, 2.9) * ramp(y, -3.8, -3.1)
    lip = lip * (z > 8.2) * (0.6 + 0.4 * ramp(x, 0.05, 0.4))
    grows = np.maximum(jaw, lip) * ramp(lip_distance(points, marks[OUTER_LIP]), 0.05, 0.2)
    return np.asarray(
        grows
        * ramp(y - NECK[0] - NECK[1] * (10 - z) + 2 * ragged, -0.3, 0.5)
        * ramp(z - 0.12 * (y + 3), *BEHIND)
        * ramp(x, 8.3, 7.8)
    )


def grow_beard(
    points: NDArray[np.float64], normal: NDArray[np.float64], mask: NDArray[np.float64], beard: Beard, seed: int
) -> Bound:
    """points, normal: (V, 3) of the neutral fine surface, the anchors; mask: see beard_mask."""
    rng = np.random.default_rng(seed)
    inside = np.flatnonzero(mask > 0.15)
    chance = mask[inside] * space(points[inside])
    anchor = inside[rng.choice(len(inside), beard.strands, p=chance / chance.sum())]
    slope = normal[anchor]
    along = np.cross(slope, (1.0, 0.0, 0.0))
    along = along * np.where(along[:, 1:2] > 0, -1.0, 1.0)  # down the face
    spread = rng.normal(0, 0.06, (len(anchor), 3))
    root = points[anchor] + spread - slope * (spread * slope).sum(axis=1, keepdims=True)
    heading = 0.4 * slope + 0.6 * along + rng.normal(0, 0.35, root.shape)
    bend = rng.normal(0, 0.4, root.shape)
    length = beard.length * rng.uniform(0.4, 1.1, len(anchor)) * (0.35 + 0.65 * mask[anchor])
    t = np.linspace(0, 1, POINTS)[None, :, None]
    hairs = root[:, None] + length[:, None, None] * (heading[:, None] * t + bend[:, None] * t * t)
    # No hair goes below the skin it grows on.
    height = ((hairs - root[:, None]) * slope[:, None]).sum(axis=2, keepdims=True)
    hairs = hairs + slope[:, None] * (np.maximum(height, 0.02 * t) - height)
    return Bound(
        Strands(hairs, taper(len(anchor), POINTS, 0.0105, 0.005)), np.repeat(anchor[:, None], POINTS, axis=1), points
    )
