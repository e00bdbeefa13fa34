"""Curves on the surface of the face model: the edge loops of the lips, and rings around the mouth.

Knows nothing of expressions and nothing of pictures.
"""

from __future__ import annotations

from collections import defaultdict

import numpy as np
from numpy.typing import NDArray

from scripts.training.heads.model import NECK, FaceKit

Floats = NDArray[np.float64]

# The middle of the upper lip on the model's edge loops around the lips' rounded edge, from without to within. At rest
# the lips meet on SEAM; in other poses another of them may be the edge that is seen.
EDGE_LOOPS = (5526, 5533, 5532, 5531, 5534, 5513, 5529)
SEAM = EDGE_LOOPS.index(5532)
LEFT_CORNER, RIGHT_CORNER = 19, 55  # places of the corners on each of them


def lip_edges(kit: FaceKit, spokes: int) -> tuple[NDArray[np.int64], Floats]:
    """The edge loops as (vertices (loops, n, 3), weights (n, 3)): left corner, upper arc, right corner, lower arc back.

    Steps are even along a loop, which is densest at the corners, where the opening is roundest.
    """
    topology = _Topology(kit)
    loops = np.stack([topology.loop(seed, _leftwards(kit, topology, seed)) for seed in EDGE_LOOPS])
    length = loops.shape[1]
    above = np.linspace(LEFT_CORNER, RIGHT_CORNER - length, spokes + 1)  # by way of place 0, the upper lip's middle
    below = np.linspace(RIGHT_CORNER, LEFT_CORNER, spokes + 1)[1:-1]
    place = np.concatenate([above, below])
    start = np.floor(place).astype(np.int64)
    part = place - start
    pairs = loops[:, np.stack([start, start + 1, start + 1], axis=1) % length]
    return pairs, np.stack([1 - part, part, np.zeros_like(part)], axis=1)


class _Topology:
    """Which vertices an edge joins, and which faces it parts."""

    def __init__(self, kit: FaceKit) -> None:
        self.links: dict[int, set[int]] = defaultdict(set)
        self.faces: dict[frozenset[int], set[int]] = defaultdict(set)
        for face, corners in enumerate(kit.faces):
            ring = [int(corner) for corner in corners if corner >= 0]
            for a, b in zip(ring, ring[1:] + ring[:1], strict=True):
                self.links[a].add(b)
                self.links[b].add(a)
                self.faces[frozenset((a, b))].add(face)

    def loop(self, start: int, towards: int) -> NDArray[np.int64]:
        """Vertices of the edge loop through two neighbours, as far as every vertex has four edges."""
        loop = [start, towards]
        while len(self.links[loop[-1]]) == 4:
            came = self.faces[frozenset(loop[-2:])]
            ahead = [
                other
                for other in self.links[loop[-1]]
                if other != loop[-2] and not self.faces[frozenset((loop[-1], other))] & came
            ]
            if len(ahead) != 1 or ahead[0] == start:
                break
            loop.append(ahead[0])
        return np.array(loop, np.int64)


def _leftwards(kit: FaceKit, topology: _Topology, seed: int) -> int:
    """The neighbour of a vertex in the head's middle that lies to the left in the picture."""
    return min(topology.links[seed], key=lambda other: float(kit.vertices[other, 0]))


def mirrored(half: Floats) -> Floats:
    """A curve's left half, ending on the middle, with its mirror image."""
    return np.concatenate([half, half[-2::-1] * (-1.0, 1.0)])


def closed_ring(upper: Floats, lower: Floats, parameter: Floats) -> Floats:
    """Points of a ring, spoke by spoke: parameter (spokes + 1,) in [0, 1] along either arc, left to right."""
    above, below = _along(upper, parameter), _along(lower, parameter)
    return np.concatenate([above, below[-2:0:-1]])


def _along(points: Floats, parameter: Floats) -> Floats:
    """Points of the line through points (n, 2), parameter in parts of its length."""
    way = np.concatenate([[0.0], np.cumsum(np.linalg.norm(np.diff(points, axis=0), axis=1))])
    return np.stack([np.interp(parameter * way[-1], way, points[:, axis]) for axis in range(2)], axis=1)


def front_surface(kit: FaceKit, targets: Floats) -> tuple[NDArray[np.int64], Floats]:
    """The foremost points of face and neck at (n, 2) targets: (corners (n, 3), weights (n, 3))."""
    triangles = _skin_triangles(kit)
    flat = kit.vertices[triangles].astype(np.float64)
    origin, along, across = flat[:, 0, :2], flat[:, 1, :2] - flat[:, 0, :2], flat[:, 2, :2] - flat[:, 0, :2]
    area = along[:, 0] * across[:, 1] - along[:, 1] * across[:, 0]
    facing = area > 1e-9  # anticlockwise seen from the front
    corners, weights = [], []
    for target in targets:
        offset = target - origin
        second = np.where(facing, offset[:, 0] * across[:, 1] - offset[:, 1] * across[:, 0], -1.0)
        third = np.where(facing, along[:, 0] * offset[:, 1] - along[:, 1] * offset[:, 0], -1.0)
        hit = np.flatnonzero((second >= 0) & (third >= 0) & (second + third <= area))
        if not len(hit):
            raise ValueError(f"expected the face at {target.round(2)} in the model's frontal plane, found nothing")
        shares = np.stack([area[hit] - second[hit] - third[hit], second[hit], third[hit]], axis=1) / area[hit, None]
        front = int(np.argmax((shares * flat[hit, :, 2]).sum(axis=1)))
        corners.append(triangles[hit[front]])
        weights.append(shares[front])
    return np.array(corners), np.array(weights)


def _skin_triangles(kit: FaceKit) -> NDArray[np.int64]:
    """Triangles of face and neck, quads split."""
    faces = kit.faces[(kit.faces.min(axis=1) < NECK.stop) & (kit.faces.max(axis=1) < NECK.stop)].astype(np.int64)
    quads = faces[faces[:, 3] >= 0]
    return np.concatenate([faces[:, :3], quads[:, [0, 2, 3]]])
