"""A headscarf of soft cloth: a hood round the face, and a wrap from below the chin over the shoulders. Knows no light.

The hood is the convex hull of the head without its ears, as cloth is that bridges every hollow, on a polar grid about
the axis that looks out of the face. The wrap is a surface of rings. Folds are displacements of both along their
normals: ridges that run the way the cloth is pulled, round the face and round the neck.
"""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray
from scipy.interpolate import PchipInterpolator
from scipy.ndimage import gaussian_filter, gaussian_filter1d, map_coordinates
from scipy.spatial import ConvexHull, cKDTree

from scripts.training.heads.appearance import Headscarf
from scripts.training.heads.cloth import grid_normals, grid_triangles
from scripts.training.heads.fields import ramp
from scripts.training.heads.surface import smooth_noise
from scripts.training.heads.wearables import Wearable, neck_share

CENTRE = np.array([0.0, 2.5, 0.0])  # of the polar grid; its axis is +z
AROUND, OUTWARD = 720, 251  # vertices of the hood's grid
CLOSER = 1.25  # how much closer its rows are by the hem
COARSE = 5  # vertices of it to one of the coarse grid on which the head's hull is found
HEM = 12  # rows of it that make the rounded hem
HEM_THICKNESS = 0.34  # centimetres
BACK = np.radians(158.0)  # where the hood ends behind, unseen
# The opening: angles round the face from the forehead (0) by the cheek to the chin (180), and there its distance from
# the axis, in degrees.
OPENING_AT = (0.0, 25.0, 50.0, 75.0, 100.0, 125.0, 145.0, 165.0, 180.0)
OPENING = (35.5, 39.0, 47.5, 53.5, 55.5, 54.0, 51.5, 50.2, 49.5)
BAND = 4.0  # degrees of the band below the hood that show at the forehead

# The wrap's rings, from its upper edge outward: where along it (0 to 1), half the width, depth before and behind the
# neck's axis, and the height at side, front and back, in centimetres.
RINGS = np.array(
    [
        # at    width  front  back  y side  y front  y back
        [0.000, 6.30, 7.00, -5.6, -2.6, -8.7, -1.0],
        [0.030, 6.95, 7.80, -6.0, -2.4, -8.5, -0.8],
        [0.090, 7.60, 8.50, -6.3, -3.4, -9.4, -1.8],
        [0.250, 8.50, 9.00, -6.8, -7.0, -11.9, -5.0],
        [0.430, 10.0, 9.20, -7.4, -10.2, -14.6, -8.5],
        [0.620, 13.2, 9.70, -8.4, -12.7, -17.6, -11.5],
        [0.780, 16.4, 10.3, -9.0, -14.9, -20.6, -14.0],
        [0.880, 18.2, 10.7, -9.4, -17.8, -23.5, -16.5],
        [1.000, 19.0, 11.0, -9.6, -22.0, -26.0, -19.0],
    ]
)  # fmt: skip
WRAP_TURN = 0.70  # part of the full turn that is made: the back is never seen
WRAP_AROUND, WRAP_ALONG = 800, 320
SAG = 0.5
LAYER = 0.22  # centimetres of the wrap over the hood


def build_headscarf(points: NDArray[np.float64], scarf: Headscarf, seed: int) -> dict[str, Wearable]:
    """The scarf's parts at rest. points: (V, 3) vertices of the neutral fine skin."""
    hood = _hood(points, scarf, seed)
    wrap = _wrap(hood, scarf, seed + 40)
    band = _band(points)
    shade = np.linspace(0, 1, len(band))[:, None, None]
    in_shadow = np.array(scarf.band) * (1 - 0.4 * ramp(shade, 0.3, 0.8))  # of the hood that lies over it
    return {
        "hood": _piece(hood, np.array(scarf.colour), seed),
        "wrap": _piece(wrap, np.array(scarf.colour), seed),
        "band": _piece(band, in_shadow, seed),
    }


def covered(points: NDArray[np.float64]) -> NDArray[np.bool_]:
    """Which points (V, 3) of the skin the hood hides, ears among them: they need not be drawn."""
    around, away = _polar(points)
    return np.asarray((away > _opening(around) + np.radians(7.0)) & (points[:, 1] > -6.0))


def _polar(points: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Angle round the axis, from the forehead to the head's left, and angle from the axis; radians."""
    offset = points - CENTRE
    around = np.arctan2(offset[..., 0], offset[..., 1])
    return around, np.arctan2(np.hypot(offset[..., 0], offset[..., 1]), offset[..., 2])


def _direction(around: NDArray[np.float64], away: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.stack([np.sin(away) * np.sin(around), np.sin(away) * np.cos(around), np.cos(away)], axis=-1)


def _opening(around: NDArray[np.float64]) -> NDArray[np.float64]:
    """Distance of the hem from the axis, in radians, by the angle round it."""
    return np.asarray(np.radians(PchipInterpolator(OPENING_AT, OPENING)(np.degrees(np.abs(around)))))


def _hood(points: NDArray[np.float64], scarf: Headscarf, seed: int) -> NDArray[np.float64]:
    """The hood's grid (HEM + OUTWARD, AROUND, 3): its hem, then outward from it."""
    part = np.linspace(0, 1, OUTWARD)
    row, around = np.meshgrid(part, np.linspace(-np.pi, np.pi, AROUND), indexing="ij")
    start = _opening(around)
    direction = _direction(around, start + (BACK - start) * row**CLOSER)
    # Cloth does not bend as sharply as a hull's edges do: a coarse grid, made smooth.
    radius = _hull_radius(points, direction[::COARSE, ::COARSE])
    radius = gaussian_filter1d(gaussian_filter1d(radius, 1.8, axis=1, mode="wrap"), 1.0, axis=0, mode="nearest")
    radius = cv2.resize(radius, around.shape[::-1], interpolation=cv2.INTER_CUBIC)
    high = ramp(direction[..., 1], -0.1, 0.8)
    lift = HEM_THICKNESS + ramp(row, 0.0, 0.35) * (0.45 + scarf.volume * high)
    skin = gaussian_filter1d(_skin_radius(points, direction[0]), 12.0, mode="wrap")
    radius = np.maximum(radius, skin - 9 * row) + lift
    cloth = CENTRE + direction * radius[..., None]
    cloth = cloth + grid_normals(cloth) * _hood_folds(cloth, around, row, scarf, seed)[..., None]
    return np.concatenate([_hem(cloth), cloth])


def _over(points: NDArray[np.float64], hood: NDArray[np.float64]) -> NDArray[np.float64]:
    """Points (R, C, 3) of the wrap, pushed out where they would lie within the hood or too near to it."""
    around, away = _polar(points)
    start = _opening(around)
    row = np.clip((away - start) / (BACK - start), 0, 1) ** (1 / CLOSER) * (OUTWARD - 1)
    column = (around + np.pi) / (2 * np.pi) * (AROUND - 1)
    radius = gaussian_filter(np.linalg.norm(hood[HEM:] - CENTRE, axis=2), 8.0)
    least = map_coordinates(radius, [row, column], order=1) + LAYER
    offset = points - CENTRE
    length = np.linalg.norm(offset, axis=2)
    # A soft maximum: where the wrap leaves the hood it does not kink.
    gap = np.clip(0.5 + (least - length) / 1.2, 0, 1)
    further = length + (least - length) * gap + 0.6 * gap * (1 - gap)
    further = np.where(away > start, further, length)
    return np.asarray(CENTRE + offset * (further / length)[..., None])


def _band(points: NDArray[np.float64]) -> NDArray[np.float64]:
    """The band below the hood, a grid from its own hem at the forehead to where the hood hides it."""
    part, around = np.meshgrid(np.linspace(0, 1, 30), np.linspace(-1.35, 1.35, 200), indexing="ij")
    shown = np.radians(BAND) * (1 - ramp(np.abs(around), 0.5, 1.3))
    direction = _direction(around, _opening(around) + 0.10 - (0.10 + shown) * part)
    radius = _skin_radius(points, direction.reshape(-1, 3)).reshape(part.shape)
    radius = gaussian_filter(radius, (1.5, 5.0), mode="nearest") + 0.17 - 0.3 * ramp(part, 0.9, 1.0)
    return np.asarray(CENTRE + direction[::-1] * radius[::-1, :, None])


def _hull_radius(points: NDArray[np.float64], direction: NDArray[np.float64]) -> NDArray[np.float64]:
    """Distance (R, C) from CENTRE to the convex hull of the head in unit directions (R, C, 3)."""
    ear = (np.abs(points[:, 0]) > 6.4) & (np.abs(points[:, 1] - 1.5) < 4.2) & (np.abs(points[:, 2]) < 3.4)
    face = (points[:, 2] > 9.5) & (points[:, 1] < 8.0)
    chosen = points[~ear & ~face & (points[:, 1] > -8.5)]
    equations = ConvexHull(chosen).equations
    distance = -(equations[:, :3] @ CENTRE + equations[:, 3])
    # 1 / reach is the greatest facing / distance; a row of directions at a time, for a fine head has many faces.
    slope = (equations[:, :3] / distance[:, None]).T
    return np.stack([1 / (row @ slope).max(axis=1) for row in direction])


def _skin_radius(points: NDArray[np.float64], direction: NDArray[np.float64]) -> NDArray[np.float64]:
    """Distance (C,) from CENTRE to the outermost skin near unit directions (C, 3)."""
    offset = points - CENTRE
    length = np.linalg.norm(offset, axis=1)
    near = cKDTree(offset / length[:, None]).query_ball_point(direction, 0.035)
    radius = np.array([length[index].max() for index in near])
    return radius


def _hem(cloth: NDArray[np.float64]) -> NDArray[np.float64]:
    """Rows (HEM, C, 3) that roll the cloth's first row inwards, round half a circle, down to the skin."""
    edge = cloth[0]
    inward = edge - cloth[1]
    inward = inward / np.linalg.norm(inward, axis=1, keepdims=True)
    down = CENTRE - edge
    down = down - (down * inward).sum(axis=1, keepdims=True) * inward
    down = down / np.linalg.norm(down, axis=1, keepdims=True)
    half = HEM_THICKNESS * 0.62
    turn = np.linspace(-np.pi / 2 - 0.9, np.pi / 2, HEM, endpoint=False)[:, None, None]
    middle = edge + half * down
    return np.asarray(middle + half * (np.cos(turn) * inward - np.sin(turn) * down))


def _creases(across: NDArray[np.float64], along: NDArray[np.float64], seed: int) -> NDArray[np.float64]:
    """Folds about two units wide across and several long, that begin, merge and end: about −1 to 1."""
    flat = np.zeros_like(across)
    bend = _noise(np.stack([across * 0.22, along * 0.13, flat], axis=-1), 1.0, seed)
    fine = _noise(np.stack([across * 0.9 + 1.5 * bend, along * 0.16, flat + 3.5], axis=-1), 1.0, seed + 2)
    depth = np.clip(
        0.62 + 0.9 * _noise(np.stack([across * 0.35, along * 0.2, flat + 7.5], axis=-1), 1.0, seed + 1), 0, 1
    )
    wave = np.sin(2 * np.pi * (across / 2.3 + 1.1 * bend + 0.12 * fine))
    # Ridges are round and broad, valleys narrow.
    return depth * (2 * ((1 + wave) / 2) ** 0.7 - 1) + 0.3 * fine


def _crinkle(points: NDArray[np.float64], seed: int) -> NDArray[np.float64]:
    """Height of the small unevenness that thin cloth has everywhere."""
    return 0.035 * _noise(points, 0.8, seed + 8) + 0.018 * _noise(points, 0.33, seed + 9)


def _noise(points: NDArray[np.float64], scale: float, seed: int) -> NDArray[np.float64]:
    return smooth_noise(points.reshape(-1, 3), scale, seed).reshape(points.shape[:-1])


def _hood_folds(
    cloth: NDArray[np.float64],
    around: NDArray[np.float64],
    row: NDArray[np.float64],
    scarf: Headscarf,
    seed: int,
) -> NDArray[np.float64]:
    """Height of the folds: round the face, deepest beside the jaw, where the cloth is gathered."""
    across = 13.0 * row + 2.0 * np.sin(around)
    # The seam of the grid is below the chin, where the wrap hides it.
    creases = _creases(across, 9.0 * around, seed)
    strength = (0.50 + 0.50 * ramp(np.abs(around), 0.7, 2.0)) * ramp(row, 0.0, 0.07)
    slack = 0.16 * _noise(cloth, 3.2, seed + 3) * ramp(row, 0.05, 0.3)
    return scarf.folds * (0.55 * creases * strength + slack) + _crinkle(cloth, seed)


def _wrap(hood: NDArray[np.float64], scarf: Headscarf, seed: int) -> NDArray[np.float64]:
    at, angle = np.meshgrid(
        np.linspace(0, 1, WRAP_ALONG) ** 1.1, WRAP_TURN * np.linspace(-np.pi, np.pi, WRAP_AROUND), indexing="ij"
    )
    width, front, back, side_y, front_y, back_y = (
        PchipInterpolator(RINGS[:, 0], RINGS[:, column])(at) for column in range(1, 7)
    )
    sine, cosine = np.sin(angle), np.cos(angle)
    square = 0.9  # below 1 a ring is fuller than an ellipse
    depth = np.where(cosine > 0, front, -back)
    x = width * np.sign(sine) * np.abs(sine) ** square
    z = depth * np.sign(cosine) * np.abs(cosine) ** square
    y = side_y * sine**2 + np.where(cosine > 0, front_y, back_y) * cosine**2
    # The cloth comes from the right shoulder, passes below the chin and is fastened high on the left.
    y = y + scarf.slant * sine * (1 - ramp(at, 0.05, 0.8))
    points = _over(np.stack([x, y, z], axis=2), hood)
    height = _wrap_folds(points, at, angle, scarf, seed)
    points = points + grid_normals(points) * height[..., None]
    points[..., 1] -= SAG * np.maximum(height, 0)  # ridges hang over the valleys below them
    return points


def _wrap_folds(
    points: NDArray[np.float64], at: NDArray[np.float64], angle: NDArray[np.float64], scarf: Headscarf, seed: int
) -> NDArray[np.float64]:
    across = 14.0 * at - 3.0 * np.sin(angle) * ramp(at, 0.0, 0.5)
    creases = _creases(across, 8.0 * angle, seed)
    edge = 0.14 * (ramp(at, 0.0, 0.015) - ramp(at, 0.025, 0.06))
    return scarf.folds * 0.62 * creases * ramp(at, 0.02, 0.16) + edge + _crinkle(points, seed)


def _piece(grid: NDArray[np.float64], colour: NDArray[np.float64], seed: int) -> Wearable:
    """grid: (R, C, 3); colour: (3,) or a row of it for each row of the grid, (R, 1, 3)."""
    flat = grid.reshape(-1, 3)
    fleck = 0.05 * smooth_noise(flat, 0.10, seed + 5) + 0.04 * smooth_noise(flat, 0.7, seed + 6)
    albedo = np.broadcast_to(colour, grid.shape).reshape(-1, 3) * (1 + fleck)[:, None]
    return Wearable(flat, grid_triangles(*grid.shape[:2]), albedo, "cloth", neck_share(flat))
