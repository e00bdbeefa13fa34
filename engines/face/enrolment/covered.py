"""Whether something is before the mouth: a mask, a finger, a microphone. Knows nothing of files.

The landmarker finds lips in any cloth. So the mouth is straightened along its landmarks to a patch with one column for
each part of its width, and what all mouths have, bearded and painted ones too, is looked for there:

* where the lips meet runs a dark line from corner to corner;
* every column looks like the others from top to bottom;
* a lip has one colour, and both lips have nearly the same;
* lips differ from the skin around them.

The thresholds were set on 17 people, photographed and rendered, each with 21 things drawn over the mouth, and as they
are, with beards, lipstick, sunglasses, in grey, blurred, noisy and dim: 353 of 357 were refused, 2 of 289 wrongly.
"""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from engines.arrays import F32, F64, U8
from engines.face.enrolment.landmarks import FaceLandmarks, along

COLUMNS = 48
ENDS = 0.06  # of the mouth's width that is left out at either corner
ROWS = np.linspace(-2, 2, 81)  # −1 upper edge of the lips, 0 where they meet, 1 lower edge; beyond is skin
SKIN_STEP = 0.08  # inter-ocular distances for a row number of 1 beyond the lips
LIPS = (-0.75, -0.3), (0.3, 0.75)  # rows that are well inside

# What each sign of a covered mouth is measured in: where one alone decides. Together they count as a distance does, and
# reach 1.02 where the mouth is free (red lipstick) and mostly 1.4 where it is not. Colours are CIELAB's, in which 2.3
# is just seen.
LIP_SPREAD = 13.0  # of the colours of one lip around their middle, in 85 % of the columns
LIPS_APART = 14.0  # of one lip's colour from the other's
PATCHY = 0.36  # longest part of the width without seam + part of the columns unlike the middle one
COVERED = 1.07

# Where the picture has colours:
LIP_CONTRAST = 2.0  # of lips and skin; a hand has less
LIP_CHROMA = 6.0  # of a lip; lips have 17 and more, metal and white cups next to none

COLUMN_QUANTILE = 85
CORNER = 6  # columns at either end that do not count for LIP_SPREAD: lips are thin there, and mix with skin

SEAM_DEPTH = 1.5  # lightness by which the line between the lips is darker than both; free ones have 6 and more
SEAM_NEAR, SEAM_FAR = 6, 12  # rows away with which it is compared
SEAM_ROWS = 0.9  # it is looked for between these rows: landmarks may be off in a beard
ALIKE = 0.5  # correlation of a column with the middle one


def mouth_covered(image: U8, face: FaceLandmarks, lit: float, contrast: float | None) -> bool:
    """image: (h, w, 3) RGB; lit: how bright lit skin is in it, 0..255.

    contrast: of lips and skin, CIELAB; None where the picture has no colours to tell them by.
    """
    lab = _lab(_straightened(image, face), lit)
    upper, lower = (_smooth(lab[(low <= ROWS) & (high >= ROWS)].mean(axis=0), 7) for low, high in LIPS)
    spread = max(_spread(upper), _spread(lower))
    apart = float(np.linalg.norm(np.median(upper[:, 1:], axis=0) - np.median(lower[:, 1:], axis=0)))
    patchy = longest(_smooth(_seam(lab[..., 0])[:, None], 5)[:, 0] < SEAM_DEPTH) / COLUMNS + _unlike(lab)
    signs = np.array([spread / LIP_SPREAD, apart / LIPS_APART, patchy / PATCHY])
    if contrast is not None:
        chroma = min(float(np.linalg.norm(np.median(lip[:, 1:], axis=0))) for lip in (upper, lower))
        if contrast < LIP_CONTRAST or chroma < LIP_CHROMA:
            return True
    return bool(np.linalg.norm(signs) > COVERED)


def _straightened(image: U8, face: FaceLandmarks) -> U8:
    """(len(ROWS), COLUMNS, 3): the mouth and the skin above and below it."""
    parts = np.linspace(ENDS, 1 - ENDS, COLUMNS)
    names = ("lip_outer_upper", "lip_inner_upper", "lip_inner_lower", "lip_outer_lower")
    top, over, under, bottom = (along(face.curve(name), parts) for name in names)
    across = face.eye_corners[3] - face.eye_corners[0]
    down = SKIN_STEP * np.array([-across[1], across[0]])
    rows = []
    for row in ROWS:
        if abs(row) > 1:
            rows.append(top + (row + 1) * down if row < 0 else bottom + (row - 1) * down)
        elif abs(row) < 1e-9:
            rows.append((over + under) / 2)
        else:
            rows.append(top + (row + 1) * (over - top) if row < 0 else under + row * (bottom - under))
    at = (np.stack(rows) - 0.5).astype(np.float32)  # cv2 puts a pixel's centre at 0
    return np.asarray(
        cv2.remap(image, at[..., 0], at[..., 1], cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE), np.uint8
    )


def _lab(patch: U8, lit: float) -> F32:
    """CIELAB as in full light: lit skin at 200 of 255."""
    light = np.clip(patch.astype(np.float32) * np.float32(200 / max(lit, 1.0) / 255), 0, 1)
    return np.asarray(cv2.cvtColor(light, cv2.COLOR_RGB2LAB), np.float32)


def _spread(lip: F64) -> float:
    chroma = lip[CORNER:-CORNER, 1:]
    return float(np.percentile(np.linalg.norm(chroma - np.median(chroma, axis=0), axis=1), COLUMN_QUANTILE))


def _seam(lightness: F32) -> F64:
    """(COLUMNS,): how much darker than both lips the darkest line is that runs from corner to corner."""
    lightness = np.asarray(cv2.GaussianBlur(np.ascontiguousarray(lightness), (5, 1), 0), np.float32)
    depth = np.full(lightness.shape, -50.0)
    for row in range(SEAM_FAR, len(ROWS) - SEAM_FAR):
        above = lightness[row - SEAM_FAR : row - SEAM_NEAR + 1].mean(axis=0)
        below = lightness[row + SEAM_NEAR : row + SEAM_FAR + 1].mean(axis=0)
        depth[row] = np.minimum(above, below) - lightness[row]
    depth = depth[np.abs(ROWS) <= SEAM_ROWS]
    line = cheapest_line(-np.clip(depth, -5, 8))
    return np.asarray(depth[line, np.arange(COLUMNS)])


def cheapest_line(cost: F64, reach: int = 2, turn: float = 0.6) -> NDArray[np.intp]:
    """The row in each column of (n, m) along which the sum of cost is least; `turn` is the price of a step aside.

    Dynamic programming over columns; a step aside is at most `reach` rows.
    """
    count, columns = cost.shape
    total, back = cost[:, 0].copy(), np.zeros((columns, count), np.intp)
    rows = np.arange(count)
    for column in range(1, columns):
        ways = np.full((2 * reach + 1, count), np.inf)
        for number, step in enumerate(range(-reach, reach + 1)):
            before = rows - step
            inside = (before >= 0) & (before < count)
            ways[number, inside] = total[before[inside]] + turn * abs(step)
        best = ways.argmin(axis=0)
        back[column] = rows - (best - reach)
        total = ways[best, rows] + cost[:, column]
    line = [int(total.argmin())]
    for column in range(columns - 1, 0, -1):
        line.append(int(back[column, line[-1]]))
    return np.array(line[::-1], np.intp)


def _unlike(lab: F32) -> float:
    """The part of the columns that do not look like the middle one, from top to bottom."""
    near = np.asarray(cv2.GaussianBlur(lab, (0, 0), 1.2), np.float64)[np.abs(ROWS) <= 1.3]
    near[..., 0] *= 0.5  # lightness is shadow as well
    near -= near.mean(axis=0)
    middle = np.median(near, axis=1)
    middle -= middle.mean(axis=0)
    size = np.sqrt((near**2).sum(axis=(0, 2)) * (middle**2).sum() + 1e-6)
    return float(((near * middle[:, None]).sum(axis=(0, 2)) / size < ALIKE).mean())


def longest(missing: NDArray[np.bool_]) -> int:
    """The longest run of True."""
    best = run = 0
    for value in missing:
        run = run + 1 if value else 0
        best = max(best, run)
    return best


def _smooth(values: F32 | F64, width: int) -> F64:
    """(COLUMNS, channels): the mean of `width` neighbouring columns."""
    half = width // 2
    padded = np.pad(values.astype(np.float64), ((half, half), (0, 0)), mode="edge")
    return np.stack([np.convolve(channel, np.ones(width) / width, "valid") for channel in padded.T], axis=1)
