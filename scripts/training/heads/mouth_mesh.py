"""The mouth mesh: rings and spokes around the lips, glued to the surface of the face model.

Knows nothing of pictures: it gives exact 3-D positions under any identity and expression, and projects them.

Rings go from the line where the lips meet, over the lips' red, to a ring on cheeks, nose base and chin. Each control
vertex is a barycentric point of one triangle of the model. The rings beyond, out to the crop's border, exist in the
picture only; on them every displacement fades to nothing, so that neck and background stretch instead of tearing.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from engines.motion import COEFFICIENTS
from scripts.training.heads.model import LOWER_TEETH, OUTER_EYE_CORNERS, OUTER_LIP, FaceKit, HeadModel
from scripts.training.heads.mouth_surface import SEAM, closed_ring, front_surface, lip_edges, mirrored

Floats = NDArray[np.float64]
View = Callable[[Floats], Floats]  # (n, 3) points of the posed head → (n, 2) pixels

SPOKES = 16  # intervals of the upper arc, and as many of the lower

# The edge is found as it is in speech: the jaw a little open, for lips that touch have none, and shapes half made.
PARTED = 0.3
HALF_MADE = 0.5

CORNER_SHARES = (1.0, 0.8, 0.5, 0.2, 0.0)  # how evenly rings lie at a corner of the mouth, and 1, 2, … spokes from it

LIP_STEPS = (0.28, 0.62, 1.0)  # rings over the lips' red, as parts of the way to the vermilion border
SKIN_STEPS = (0.22, 0.5, 0.78, 1.0)  # rings over the skin, as parts of the way on to the face ring
FADE_STEPS = (0.4, 0.75, 1.0)  # rings of the picture, as parts of the way on to the crop's border

# The face ring on the mean head, (x, y) in model units: under the nose, over the cheeks, inside the jaw line.
FACE_RING_UPPER = np.array([(-4.6, -3.9), (-4.1, -2.5), (-2.6, -1.6), (-1.5, -1.35), (0.0, -1.35)])
FACE_RING_LOWER = np.array([(-4.6, -3.9), (-4.25, -5.2), (-3.3, -6.4), (-2.1, -7.3), (-1.0, -7.75), (0.0, -7.85)])

# The crop in inter-ocular distances: side, and how far its centre lies below the middle of the lips. The chin's way at
# jawOpen 1 is 0.32; below the chin the same again is needed, or the neck would fold.
CROP_SIDE = 1.4
CROP_DROP = 0.25

BORDER = 0.49  # half-extent of the outermost ring, in crop units
BORDER_ROUNDNESS = 6.0  # exponent of the superellipse it follows


@dataclass(frozen=True, slots=True)
class Crop:
    """A square of the picture: crop coordinates 0..1 right and down from (x, y), side pixels long."""

    x: float
    y: float
    side: float

    def from_pixels(self, points: Floats) -> Floats:
        return (points - (self.x, self.y)) / self.side


@dataclass(frozen=True, slots=True, eq=False)
class MouthMesh:
    """Control vertices on the face, ring by ring from the lips' meeting line outwards.

    corners (V, 3) indices into the head's vertices and weights (V, 3) their barycentric weights;
    rings: number of rings on the face, each of 2·SPOKES vertices: left corner, upper arc to the right corner, lower
    arc back. On the first, where the lips meet, the arcs share only the corners.
    edges (loops, 2·SPOKES, 3): indices of the vertices on the lips' rounded edge; the first ring's weights are theirs.
    """

    corners: NDArray[np.int64]
    weights: Floats
    rings: int
    edges: NDArray[np.int64]

    def positions(self, vertices: NDArray[np.floating]) -> Floats:
        """(…, 26719, 3) head vertices or displacements → (…, V, 3) of the control vertices."""
        points: Floats = np.einsum("vk,...vkc->...vc", self.weights, vertices[..., self.corners, :].astype(np.float64))
        return points

    def edge_positions(self, vertices: NDArray[np.floating]) -> Floats:
        """(26719, 3) head vertices or displacements → (loops, 2·SPOKES, 3) of the lips' rounded edge."""
        weights = self.weights[: 2 * SPOKES]
        points: Floats = np.einsum("vk,lvkc->lvc", weights, vertices[self.edges].astype(np.float64))
        return points


def build_mouth_mesh(kit: FaceKit) -> MouthMesh:
    """The mesh on the face model's mean, neutral head; it fits every identity because it is glued to the topology."""
    edges, inner_weights = lip_edges(kit, SPOKES)
    inner = edges[SEAM]
    seam = np.einsum("vk,vkc->vc", inner_weights, kit.vertices[inner, :2].astype(np.float64))
    even = np.linspace(0.0, 1.0, SPOKES + 1)
    reach = (seam[: SPOKES + 1, 0] - seam[0, 0]) / (seam[SPOKES, 0] - seam[0, 0])
    landmarks = kit.vertices[kit.landmarks68[OUTER_LIP], :2].astype(np.float64)
    border = closed_ring(landmarks[0:7], landmarks[[0, 11, 10, 9, 8, 7, 6]], (reach + even) / 2)
    outline = closed_ring(mirrored(FACE_RING_UPPER), mirrored(FACE_RING_LOWER), even)
    targets = [seam + step * (border - seam) for step in LIP_STEPS]
    targets += [border + step * (outline - border) for step in SKIN_STEPS]
    corners, weights = front_surface(kit, np.concatenate(targets))
    return MouthMesh(
        np.concatenate([inner, corners]), np.concatenate([inner_weights, weights]), len(targets) + 1, edges
    )


def face_crop(head: HeadModel, view: View) -> Crop:
    """The crop of a portrait: a square of CROP_SIDE inter-ocular distances below the middle of the lips."""
    lips = view(head.neutral[head.landmarks68[OUTER_LIP]].astype(np.float64)).mean(axis=0)
    side = CROP_SIDE * _eye_distance(head, view)
    drop = CROP_DROP / CROP_SIDE * side
    return Crop(float(lips[0] - side / 2), float(lips[1] + drop - side / 2), float(side))


def mouth_tensors(
    mesh: MouthMesh, head: HeadModel, view: View, crop: Crop, rest: Mapping[str, float] | None = None
) -> dict[str, NDArray[Any]]:
    """mesh, basis, triangles, inner_upper, inner_lower, jaw and interocular of face.safetensors (format 1).

    view: from the unposed head's coordinates to pixels of the picture in which the mouth is at rest.
    rest: the expression of the mouth at rest.
    """
    posed = head.vertices(rest or {})
    still = mesh.positions(posed)
    flat = crop.from_pixels(view(still))
    basis = np.stack(
        [crop.from_pixels(view(still + mesh.positions(_tied(head, name)))) - flat for name in COEFFICIENTS]
    )
    around = 2 * SPOKES
    flat[:around], basis[:, :around] = _inner_contour(mesh, head, posed, lambda points: crop.from_pixels(view(points)))
    basis = _sealed(basis)
    points = _even_corners(np.concatenate([flat[None], basis]))
    flat, basis = points[0], points[1:]
    flat, basis = _fade_to_border(flat, basis, mesh.rings)
    rings = mesh.rings + len(FADE_STEPS)
    upper, lower = _slit(0)
    return {
        "mesh": flat.astype(np.float32),
        "basis": basis.astype(np.float32),
        "triangles": _triangles(rings),
        "inner_upper": upper,
        "inner_lower": lower,
        "jaw": _jaw(head, posed, view, crop),
        "interocular": np.array(_eye_distance(head, view) / crop.side, np.float32),
    }


def canonical_mouth(mesh: MouthMesh, head: HeadModel, view: View) -> tuple[Floats, Floats]:
    """The vertices on the face (V, 3) and their displacements (14, V, 3), as enrolment fits them to portraits.

    view: to coordinates x right, y down, z towards the viewer. The same as mouth_tensors makes, but with a depth.
    """
    posed = head.vertices({})
    still = view(mesh.positions(posed))
    moves = np.stack([view(mesh.positions(posed + _tied(head, name))) - still for name in COEFFICIENTS])
    around = 2 * SPOKES
    still[:around], moves[:, :around] = _inner_contour(mesh, head, posed, view)
    fields = _even_corners(np.concatenate([still[None], _sealed(moves)]))
    return fields[0], fields[1:]


def composite_mask(size: int = 256) -> NDArray[np.uint8]:
    """The feathered mask over the crop, (size, size) uint8: 255 inside, 0 at and beyond the outermost ring."""
    axis = np.abs((np.arange(size) + 0.5) / size - 0.5) / BORDER
    radius = (axis[None, :] ** BORDER_ROUNDNESS + axis[:, None] ** BORDER_ROUNDNESS) ** (1 / BORDER_ROUNDNESS)
    inside = np.clip((1.0 - radius) / 0.12, 0.0, 1.0)
    return np.round(255 * inside * inside * (3 - 2 * inside)).astype(np.uint8)


def _tied(head: HeadModel, name: str) -> NDArray[np.float32]:
    total: NDArray[np.float32] = np.sum(head.displacements(name), axis=0, dtype=np.float32)
    return total


def _eye_distance(head: HeadModel, view: View) -> float:
    corners = view(head.neutral[head.landmarks68[list(OUTER_EYE_CORNERS)]].astype(np.float64))
    return float(np.linalg.norm(corners[0] - corners[1]))


def _slit(start: int) -> tuple[NDArray[np.int32], NDArray[np.int32]]:
    """Indices of a ring's upper and lower arc, both from the left corner to the right one."""
    upper = start + np.arange(SPOKES + 1)
    lower = start + np.concatenate([[0], np.arange(2 * SPOKES - 1, SPOKES - 1, -1)])
    return upper.astype(np.int32), lower.astype(np.int32)


def _sealed(basis: Floats) -> Floats:
    """Correct mouthClose so that it undoes the gap of jawOpen exactly, as ARKit defines it.

    The model's own shape overshoots and kinks the corners. Where the lips should meet is a parabola through the middle
    of both lips, by least squares; either lip takes its correction, all of it at the seam, none at the lip's border.
    """
    jaw, close = COEFFICIENTS.index("jawOpen"), COEFFICIENTS.index("mouthClose")
    place = np.linspace(-1.0, 1.0, SPOKES + 1)
    arcs = [basis[jaw, arc] + basis[close, arc] for arc in _slit(0)]
    parabola = np.polynomial.polynomial.polyfit(place[2:-2], (arcs[0] + arcs[1])[2:-2] / 2, 2)
    seam = np.polynomial.polynomial.polyval(place, parabola).T
    sealed = basis.copy()
    for ring, step in enumerate((0.0, *LIP_STEPS)):
        upper, lower = _slit(ring * 2 * SPOKES)
        sealed[close, upper] += (1.0 - step) * (seam - arcs[0])
        sealed[close, lower[1:-1]] += (1.0 - step) * (seam - arcs[1])[1:-1]  # the corners belong to both arcs
    return sealed


def _even_corners(fields: Floats) -> Floats:
    """Spread the lips' middle rings evenly between seam and border near the corners, in fields (…, V, 2).

    There the model's skin turns inwards within a pixel; followed exactly, its cells would fold.
    """
    around = 2 * SPOKES
    place = np.arange(around)
    from_corner = np.minimum(place % SPOKES, -place % SPOKES)
    share = np.interp(from_corner, range(len(CORNER_SHARES)), CORNER_SHARES)[:, None]
    even = fields.copy()
    seam, border = fields[:, :around], fields[:, len(LIP_STEPS) * around :][:, :around]
    for ring, step in enumerate(LIP_STEPS[:-1], start=1):
        cells = slice(ring * around, (ring + 1) * around)
        even[:, cells] += share * ((1 - step) * seam + step * border - fields[:, cells])
    return even


def _inner_contour(mesh: MouthMesh, head: HeadModel, posed: NDArray[np.float32], view: View) -> tuple[Floats, Floats]:
    """The opening's outline at rest (2·SPOKES, 2), closed to one line, and its displacement per coefficient.

    Lips are round: which part of them is the edge depends on the pose, so the outline is taken from pictures of either
    pose rather than from one edge loop, and smoothed once where it changes from loop to loop.
    """
    still = mesh.edge_positions(posed)
    jaw = mesh.edge_positions(_tied(head, "jawOpen"))
    closed, parted = _seen_edge(view(still)), _seen_edge(view(still + PARTED * jaw))
    moves = []
    for name in COEFFICIENTS:
        move = mesh.edge_positions(_tied(head, name))
        if name == "jawOpen":
            moves.append(_seen_edge(view(still + move)) - closed)
        else:
            moves.append((_seen_edge(view(still + PARTED * jaw + HALF_MADE * move)) - parted) / HALF_MADE)
    smooth = np.stack(moves)
    for arc in _slit(0):
        closed[arc[1:-1]] = (closed[arc[:-2]] + 2 * closed[arc[1:-1]] + closed[arc[2:]]) / 4
        smooth[:, arc[1:-1]] = (smooth[:, arc[:-2]] + 2 * smooth[:, arc[1:-1]] + smooth[:, arc[2:]]) / 4
    upper, lower = _slit(0)
    closed[upper] = closed[lower] = (closed[upper] + closed[lower]) / 2
    return closed, smooth


def _seen_edge(loops: Floats) -> Floats:
    """(loops, 2·SPOKES, 2) edge loops in a picture → (2·SPOKES, 2): on each spoke the point nearest the opening."""
    upper, lower = _slit(0)
    spokes = np.arange(2 * SPOKES)
    edge: Floats = loops[SEAM].copy()
    foremost = np.where(spokes <= SPOKES, loops[:, :, 1].argmax(axis=0), loops[:, :, 1].argmin(axis=0))
    edge[upper[1:-1]] = loops[foremost[upper[1:-1]], upper[1:-1]]
    edge[lower[1:-1]] = loops[foremost[lower[1:-1]], lower[1:-1]]
    return edge


def _fade_to_border(flat: Floats, basis: Floats, rings: int) -> tuple[Floats, Floats]:
    """Add the rings of the picture between the face ring and the crop's border."""
    edge = slice((rings - 1) * 2 * SPOKES, rings * 2 * SPOKES)
    direction = flat[edge] - 0.5
    reach = (np.abs(direction) ** BORDER_ROUNDNESS).sum(axis=1, keepdims=True) ** (1 / BORDER_ROUNDNESS)
    border = 0.5 + BORDER * direction / reach
    points = [flat[edge] + step * (border - flat[edge]) for step in FADE_STEPS]
    moves = [(1 - step) * basis[:, edge] for step in FADE_STEPS]
    return np.concatenate([flat, *points]), np.concatenate([basis, *moves], axis=1)


def _triangles(rings: int) -> NDArray[np.int32]:
    """Two triangles a cell, outermost ring first: what lies nearer the mouth lies nearer the eye (chin before neck)."""
    around = 2 * SPOKES
    cells = []
    for ring in range(rings - 2, -1, -1):
        for spoke in range(around):
            a, b = ring * around + spoke, ring * around + (spoke + 1) % around
            cells += [(a, b, b + around), (a, b + around, a + around)]
    return np.array(cells, np.int32)


def _jaw(head: HeadModel, posed: NDArray[np.float32], view: View, crop: Crop) -> NDArray[np.float32]:
    """Displacement of the lower front teeth's edges for each coefficient, in crop units: (14, 2)."""
    teeth = posed[LOWER_TEETH].astype(np.float64)
    front = _front_edges(teeth)
    flat = crop.from_pixels(view(teeth[front]))
    rows = []
    for name in COEFFICIENTS:
        moved = teeth[front] + _tied(head, name)[LOWER_TEETH][front]
        rows.append((crop.from_pixels(view(moved)) - flat).mean(axis=0))
    return np.array(rows, np.float32)


def _front_edges(teeth: NDArray[np.float64]) -> NDArray[np.bool_]:
    """Which vertices (V, 3) of a lower jaw are its front teeth's edges: the highest fifth of the foremost centimetre.

    In some jaws the highest of all are molars.
    """
    front = teeth[:, 2] > teeth[:, 2].max() - 1.0
    return np.asarray(front & (teeth[:, 1] >= np.quantile(teeth[front, 1], 0.8)))
