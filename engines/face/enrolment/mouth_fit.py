"""The canonical mouth mesh fitted to a face: lips exactly on its lips, the rest bent as little as possible.

And the mask of what it moves. Knows nothing of pixels' colours. The face may be seen with its lips apart; the mesh is
made for the mouth closed, and how its picture is to be closed is part of the fit.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from engines.arrays import F64, I32, U8
from engines.face.enrolment.canonical import AROUND, BORDER_RING, RINGS, CanonicalMouth
from engines.face.enrolment.landmarks import FaceLandmarks, SplineWarp, along, parts_of, place
from engines.face.enrolment.pose import HeadPose

CROP_SIDE = 1.4  # inter-ocular distances, as of the presenters that ship
CROP_DROP = 0.25  # how far the crop's middle lies below the lips'
BORDER = 0.49  # half-extent of the outermost ring, in crop units
BORDER_ROUNDNESS = 6.0  # exponent of the superellipse that it follows
FADE_STEPS = (0.4, 0.75, 1.0)  # rings of the picture, as parts of the way from the face ring to the border

UPPER_SHARE = 0.35  # of parted lips' gap: how far the upper lip comes down; the lower lip and jaw come up the rest
# How much of that each ring takes with it, from the seam outwards: a lip moves nearly as a whole, the chin with the
# lower one, nose and cheeks not at all.
UPPER_FOLLOW = (1.0, 0.93, 0.86, 0.8, 0.5, 0.25, 0.08, 0.0)
LOWER_FOLLOW = (1.0, 0.96, 0.92, 0.88, 0.75, 0.6, 0.45, 0.3)
RIM = 0.012  # inter-ocular distances: parted lips' edges lie this far inside the red, clear of the teeth's shine

PROPORTIONS = (0.8, 1.25)  # how far a person's mouth width and chin may scale the canonical movements

MASK_SIDE = 256  # pixels
STILL = 0.004  # crop units, half a pixel or so: what moves less than this at any coefficient need not be redrawn
MOVING = 0.012  # what moves more is redrawn wholly
FEATHER = 0.02  # crop units, of the blur that joins both
MASK_EDGE = 0.04  # crop units along the crop's border that stay untouched

UPPER = np.arange(AROUND // 2 + 1)  # places of a ring's upper arc, left to right
LOWER = np.array([0, *range(AROUND - 1, AROUND // 2 - 1, -1)])


@dataclass(frozen=True, slots=True, eq=False)
class MouthFit:
    """mesh (V, 2), the mouth closed, basis (14, V, 2) and jaw (14, 2) in crop coordinates, as FaceTensors has them.

    seen (V, 2): where each vertex lies in the picture as it is; equal to mesh where the lips touch already.
    crop (2, 3): crop coordinates to the picture's pixels. interocular: crop units.
    """

    mesh: F64
    seen: F64
    basis: F64
    jaw: F64
    crop: F64
    interocular: float


def fit_mouth(canonical: CanonicalMouth, face: FaceLandmarks, pose: HeadPose) -> MouthFit:
    """Fit the mesh to a face whose pose is known."""
    crop = crop_of(face, pose)
    seen = _to_crop(crop, _as_seen(canonical, face, pose))
    closed = seen + _closing(seen)
    scale = _proportions(canonical, face, pose)
    basis = _turned(canonical.basis, crop, pose) * scale
    jaw = _turned(canonical.jaw, crop, pose) * scale
    mesh, basis = _with_border(closed, basis)
    still = np.zeros((1, *seen.shape))
    outside, _ = _with_border(closed, still)
    outside[: len(seen)] = seen
    return MouthFit(mesh, outside, basis, jaw, crop, 1 / CROP_SIDE)


def crop_of(face: FaceLandmarks, pose: HeadPose) -> F64:
    """(2, 3): crop coordinates to pixels. A square that leans with the head."""
    side, lean = CROP_SIDE * pose.scale, np.radians(pose.roll)
    linear = side * np.array([[np.cos(lean), -np.sin(lean)], [np.sin(lean), np.cos(lean)]])
    lips = np.concatenate([face.curve("lip_outer_upper"), face.curve("lip_outer_lower")[1:-1]])
    middle = (lips.max(axis=0) + lips.min(axis=0)) / 2
    corner = middle - linear @ (0.5, 0.5 - CROP_DROP / CROP_SIDE)
    return np.column_stack([linear, corner])


def _as_seen(canonical: CanonicalMouth, face: FaceLandmarks, pose: HeadPose) -> F64:
    """The rings on the face, (RINGS · AROUND, 2) pixels, with the lips as they are in the picture."""
    flat = pose.project(canonical.rest).reshape(RINGS, AROUND, 2)
    rings = flat.copy()
    border = _ring(flat[BORDER_RING], face.curve("lip_outer_upper"), face.curve("lip_outer_lower"))
    seam = _ring(flat[0], face.curve("lip_inner_upper"), face.curve("lip_inner_lower"))
    seam = _clear_of_teeth(seam, border, RIM * pose.scale)
    span = np.linalg.norm(flat[BORDER_RING] - flat[0], axis=1)
    for ring in range(BORDER_RING + 1):
        part = np.linalg.norm(flat[ring] - flat[0], axis=1) / span
        rings[ring] = seam + part[:, None] * (border - seam)
    warp = _face_warp(canonical, face, pose, (flat[BORDER_RING], border))
    beyond = flat[BORDER_RING + 1 :].reshape(-1, 2)
    rings[BORDER_RING + 1 :] = warp(beyond).reshape(-1, AROUND, 2)
    return rings.reshape(-1, 2)


def _ring(canonical: F64, upper: F64, lower: F64) -> F64:
    """A ring on two curves, its vertices spread along either arc as the canonical ring's are."""
    ring = np.empty_like(canonical)
    ring[LOWER] = along(lower, parts_of(canonical[LOWER]))
    ring[UPPER] = along(upper, parts_of(canonical[UPPER]))
    return ring


def _clear_of_teeth(seam: F64, border: F64, rim: float) -> F64:
    """Inner contours of parted lips moved a little into the red; lips that touch become one line."""
    gaps = np.zeros(AROUND)
    gaps[UPPER] = gaps[LOWER] = np.linalg.norm(seam[UPPER] - seam[LOWER], axis=1)
    apart = np.clip(gaps / (2 * rim) - 0.5, 0, 1)[:, None]  # wholly apart from three rims on, one line below one
    inwards = border - seam
    inwards /= np.maximum(np.linalg.norm(inwards, axis=1, keepdims=True), rim)
    clear = seam + rim * apart * inwards
    middle = np.empty_like(seam)
    middle[UPPER] = middle[LOWER] = (seam[UPPER] + seam[LOWER]) / 2
    return np.asarray(middle + apart * (clear - middle))


def _face_warp(canonical: CanonicalMouth, face: FaceLandmarks, pose: HeadPose, lips: tuple[F64, F64]) -> SplineWarp:
    """From the projected canonical face to this one, around the lips."""
    flat = pose.project(canonical.landmarks)
    middle = lips[1].mean(axis=0)
    nose = place("nose_base")
    outline = flat[place("jaw")][2:-2]  # the ends lie beside the eyes, far from any lip
    controls = np.concatenate([lips[0], flat[nose], outline])
    seen = np.concatenate([lips[1], face.points[nose], _on_outline(face.curve("jaw"), middle, outline)])
    return SplineWarp(controls, seen)


def _on_outline(jaw: F64, middle: F64, points: F64) -> F64:
    """The points of the jaw line in the directions, from the middle, of the given points."""

    def direction(at: F64) -> F64:
        # From straight up, anticlockwise in the picture: monotonic along the jaw from left to right.
        return np.asarray(np.arctan2(middle[0] - at[:, 0], middle[1] - at[:, 1]) % (2 * np.pi))

    fine = along(jaw, np.linspace(0, 1, 200))
    angles = np.maximum.accumulate(direction(fine))
    return np.stack([np.interp(direction(points), angles, axis) for axis in fine.T], axis=1)


def _closing(seen: F64) -> F64:
    """(RINGS · AROUND, 2): how the rings on the face move when the lips are closed."""
    rings = seen.reshape(RINGS, AROUND, 2)
    gap = rings[0, LOWER] - rings[0, UPPER]
    moves = np.zeros_like(rings)
    for ring, (upper, lower) in enumerate(zip(UPPER_FOLLOW, LOWER_FOLLOW, strict=True)):
        moves[ring, LOWER] = -lower * (1 - UPPER_SHARE) * gap
        moves[ring, UPPER] = upper * UPPER_SHARE * gap
    return moves.reshape(-1, 2)


def _proportions(canonical: CanonicalMouth, face: FaceLandmarks, pose: HeadPose) -> F64:
    """(2,): the person's mouth width and lower face beside the canonical ones, for movements across and down."""
    flat = FaceLandmarks(pose.project(canonical.landmarks))

    def measures(of: FaceLandmarks) -> F64:
        mouth, jaw = of.curve("lip_outer_upper"), of.curve("jaw")
        chin = jaw[len(jaw) // 2] - of.curve("nose_base")[1]
        return np.array([np.linalg.norm(mouth[-1] - mouth[0]), np.linalg.norm(chin)])

    return np.asarray(np.clip(measures(face) / measures(flat), *PROPORTIONS))


def _turned(moves: F64, crop: F64, pose: HeadPose) -> F64:
    """(…, 3) canonical displacements → (…, 2) in crop units."""
    return np.asarray(pose.turn(moves) @ np.linalg.inv(crop[:, :2]).T)


def _to_crop(crop: F64, pixels: F64) -> F64:
    return np.asarray((pixels - crop[:, 2]) @ np.linalg.inv(crop[:, :2]).T)


def _with_border(mesh: F64, basis: F64) -> tuple[F64, F64]:
    """Add the rings of the picture between the face ring and the crop's border, where all movement ends."""
    edge = mesh[-AROUND:]
    direction = edge - 0.5
    reach = (np.abs(direction) ** BORDER_ROUNDNESS).sum(axis=1, keepdims=True) ** (1 / BORDER_ROUNDNESS)
    border = 0.5 + BORDER * direction / reach
    points = [edge + step * (border - edge) for step in FADE_STEPS]
    moves = [(1 - step) * basis[:, -AROUND:] for step in FADE_STEPS]
    return np.concatenate([mesh, *points]), np.concatenate([basis, *moves], axis=1)


def moving_mask(mesh: F64, basis: F64, triangles: I32) -> U8:
    """mesh (V, 2), basis (14, V, 2), triangles (T, 3) → (MASK_SIDE, MASK_SIDE) uint8, 0 along the border."""
    reach = np.linalg.norm(basis, axis=2).max(axis=0)
    # A moving part is drawn where it was and where it comes to: paint the mesh in every extreme pose.
    field = np.zeros((MASK_SIDE, MASK_SIDE), np.float32)
    values = reach[triangles].mean(axis=1)
    order = np.argsort(values)
    ranked = np.concatenate([[0], values[order]]).astype(np.float32)
    layer = np.zeros((MASK_SIDE, MASK_SIDE), np.int32)  # numbers are painted: OpenCV 5 rounds colours of float pictures
    for pose in (mesh, *(mesh + move for move in basis)):
        corners = np.rint(pose[triangles] * MASK_SIDE * 16 - 8).astype(np.int32)
        layer.fill(0)
        for rank, number in enumerate(order, start=1):
            cv2.fillConvexPoly(layer, corners[number], rank, cv2.LINE_8, 4)
        field = np.maximum(field, ranked[layer])
    weight = np.clip((field - STILL) / (MOVING - STILL), 0, 1)
    soft = cv2.GaussianBlur(weight, (0, 0), FEATHER * MASK_SIDE)
    axis = (np.arange(MASK_SIDE) + 0.5) / MASK_SIDE
    inside = np.clip((np.minimum(axis, 1 - axis) - MASK_EDGE / 4) / MASK_EDGE, 0, 1)
    inside = inside * inside * (3 - 2 * inside)
    mask: U8 = np.rint(255 * soft * inside[:, None] * inside[None]).astype(np.uint8)
    return mask
