"""Glasses with a thin frame of metal: rims, bridge, pads and temples as tubes. Knows nothing of light.

There are no panes: a flat pane without a prescription changes nothing but for reflections, and lamps are set so that
glasses show none.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.interpolate import CubicSpline, PchipInterpolator

from scripts.training.heads.appearance import Glasses
from scripts.training.heads.cloth import grid_triangles
from scripts.training.heads.wearables import Wearable

ROUND = 12  # vertices round a tube
LEFT_EYE, RIGHT_EYE = slice(42, 48), slice(36, 42)  # of the landmarks
ROOT_OF_NOSE = 27
VERTEX_DISTANCE = 1.15  # centimetres from the lids to the panes, room for the lashes
FACE_FORM = 0.055  # how far the front is bent round the face: centimetres of depth for each squared one from the middle
SQUARE = 2.5  # exponent of the rims' superellipse: 2 is an oval
EAR = np.array([7.55, 4.3, 0.0])  # where a temple rests, behind which hair hides it
WIDEST = 7.2  # half the distance of the temples at the hinges


def glasses(marks: NDArray[np.float64], style: Glasses) -> dict[str, Wearable]:
    """The frame at rest, which the head carries. marks: (68, 3) landmarks of the neutral head."""
    eyes = (marks[LEFT_EYE], marks[RIGHT_EYE])
    level = float(np.mean([eye[:, 1].mean() for eye in eyes])) - style.drop
    apart = float(eyes[0][:, 0].mean() - eyes[1][:, 0].mean()) / 2 + 0.1
    depth = max(eye[:, 2].max() for eye in eyes) + VERTEX_DISTANCE
    tubes = []
    for side in (1.0, -1.0):
        centre = np.array([side * apart, level])
        rim = _bent(_rim(centre, style), depth)
        tubes.append(_tube(rim, style.thickness, closed=True))
        hinge = _bent(centre[None] + (side * style.width / 2, 0.42 * style.height), depth)[0]
        tubes.append(_tube(_temple(hinge, side), style.thickness * 1.15))
        tubes.append(_tube(_pad(marks[ROOT_OF_NOSE], side, rim, level), style.thickness * 0.7))
    inner = apart - style.width / 2
    tubes.append(_tube(_bent(_bridge(inner, level + 0.17 * style.height), depth), style.thickness))
    return {"frame": _piece(tubes, style)}


def _rim(centre: NDArray[np.float64], style: Glasses) -> NDArray[np.float64]:
    """(N, 2) points round one pane in the frontal plane, a little narrower below."""
    angle = np.linspace(0, 2 * np.pi, 160, endpoint=False)
    sine, cosine = np.sin(angle), np.cos(angle)
    x = np.sign(cosine) * np.abs(cosine) ** (2 / SQUARE) * style.width / 2
    y = np.sign(sine) * np.abs(sine) ** (2 / SQUARE) * style.height / 2
    return np.asarray(centre + np.stack([x * (1 + 0.06 * y / style.height), y], axis=1))


def _bent(plane: NDArray[np.float64], depth: float) -> NDArray[np.float64]:
    """(N, 2) points of the front → (N, 3): bent round the face, and leaning forward above as glasses do."""
    x, y = plane.T
    return np.stack([x, y, depth - FACE_FORM * x * x + 0.10 * (y - y.mean())], axis=1)


def _bridge(inner: float, height: float) -> NDArray[np.float64]:
    x = np.linspace(-inner, inner, 40)
    return np.stack([x, height + 0.22 * (1 - (x / inner) ** 2)], axis=1)


def _temple(hinge: NDArray[np.float64], side: float) -> NDArray[np.float64]:
    """(N, 3) from the rim outward round the hinge and back over the ear."""
    out = np.array([side * WIDEST, hinge[1] + 0.05, hinge[2] - 1.1])
    ear = EAR * (side, 1, 1)
    knots = np.stack(
        [hinge, (hinge + out) / 2 + (0.16 * side, 0, 0.18), out, (out + ear) / 2 + (0.1 * side, 0, 0), ear]
    )
    return np.asarray(PchipInterpolator([0, 0.1, 0.22, 0.6, 1.0], knots)(np.linspace(0, 1, 120)))


def _pad(nose: NDArray[np.float64], side: float, rim: NDArray[np.float64], level: float) -> NDArray[np.float64]:
    """(N, 3) the arm of a nose pad, from the rim to the flank of the nose."""
    inner = rim[np.argmin(side * rim[:, 0])]
    start = np.array([inner[0], level - 0.1, inner[2]])
    end = np.array([side * 0.72, level - 0.45, nose[2] - 0.15])
    middle = (start + end) / 2 + (-0.08 * side, 0.15, -0.1)
    return np.asarray(CubicSpline([0, 0.5, 1], np.stack([start, middle, end]))(np.linspace(0, 1, 24)))


def _tube(path: NDArray[np.float64], radius: float, closed: bool = False) -> NDArray[np.float64]:
    """Rings (N, ROUND, 3) about a path (N, 3)."""
    if closed:
        path = np.concatenate([path, path[:1]])
    along = np.gradient(path, axis=0)
    if closed:
        along[0] = along[-1] = path[1] - path[-2]
    along = along / np.linalg.norm(along, axis=1, keepdims=True)
    # No part of a frame runs along this direction, so it never loses its sense.
    aside = np.cross(along, (0.35, 0.2, 1.0))
    aside = aside / np.linalg.norm(aside, axis=1, keepdims=True)
    third = np.cross(along, aside)
    turn = np.linspace(0, 2 * np.pi, ROUND)[None, :, None]
    return np.asarray(path[:, None] + radius * (np.cos(turn) * aside[:, None] + np.sin(turn) * third[:, None]))


def _piece(tubes: list[NDArray[np.float64]], style: Glasses) -> Wearable:
    vertices = np.concatenate([tube.reshape(-1, 3) for tube in tubes])
    first = np.cumsum([0, *(tube.shape[0] * tube.shape[1] for tube in tubes[:-1])])
    triangles = [grid_triangles(*tube.shape[:2]) + start for tube, start in zip(tubes, first, strict=True)]
    albedo = np.tile(style.colour, (len(vertices), 1))
    return Wearable(vertices, np.concatenate(triangles).astype(np.int32), albedo, "metal", np.ones(len(vertices)))
