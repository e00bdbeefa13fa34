"""Polygon surfaces: Catmull-Clark subdivision as a matrix, triangles, normals, smooth noise. Knows no heads."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import coo_matrix, csr_matrix, diags_array, vstack
from scipy.spatial import cKDTree


@dataclass(frozen=True, slots=True, eq=False)
class Subdivision:
    """matrix @ (V, 3) coarse vertices → fine vertices; quads (F, 4) index the fine ones."""

    matrix: csr_matrix
    quads: NDArray[np.int32]

    @property
    def triangles(self) -> NDArray[np.int32]:
        return triangulate(self.quads)


def triangulate(faces: NDArray[np.int32]) -> NDArray[np.int32]:
    """(F, 4) quads, fourth index −1 for a triangle → (T, 3)."""
    quads = faces[faces[:, 3] >= 0]
    return np.concatenate([faces[:, :3], quads[:, [0, 2, 3]]])


def subdivide(faces: NDArray[np.int32], vertex_count: int, levels: int) -> Subdivision:
    """Catmull-Clark subdivision of (F, 4) faces; open borders keep their outline."""
    matrix, quads = _subdivide_once(faces, vertex_count)
    for _ in range(levels - 1):
        step, quads = _subdivide_once(quads, matrix.shape[0])
        matrix = csr_matrix(step @ matrix)
    return Subdivision(matrix, quads)


def _subdivide_once(faces: NDArray[np.int32], count: int) -> tuple[csr_matrix, NDArray[np.int32]]:
    """New vertices in the order: moved old ones, edge points, face points."""
    sides = (faces >= 0).sum(axis=1)
    face_index, corner = np.nonzero(faces >= 0)
    here = faces[face_index, corner]
    after = faces[face_index, (corner + 1) % sides[face_index]]
    ordered = np.sort(np.stack([here, after], axis=1), axis=1)
    edges, edge_of = np.unique(ordered, axis=0, return_inverse=True)
    edge_of = edge_of.ravel()
    before = _previous_edge(face_index, corner, sides, edge_of)

    face_point = csr_matrix((1 / sides[face_index], (face_index, here)), shape=(len(faces), count))
    uses = np.bincount(edge_of, minlength=len(edges))
    rows = np.repeat(np.arange(len(edges)), 2)
    middle = csr_matrix((np.full(rows.size, 0.5), (rows, edges.ravel())), shape=(len(edges), count))
    beside = coo_matrix((np.ones(edge_of.size), (edge_of, face_index)), shape=(len(edges), len(faces)))
    inner = (uses == 2).astype(float)
    edge_point = diags_array(1 - inner / 2) @ middle + diags_array(inner / 4) @ (beside.tocsr() @ face_point)
    moved = _moved_vertices(count, here, face_index, face_point, edges, middle, uses)

    matrix = csr_matrix(vstack([moved, edge_point, face_point]), dtype=np.float32)
    quads = np.stack([here, count + edge_of, count + len(edges) + face_index, count + before], axis=1).astype(np.int32)
    return matrix, quads


def _previous_edge(
    face: NDArray[np.int64], corner: NDArray[np.int64], sides: NDArray[np.int64], edge_of: NDArray[np.int64]
) -> NDArray[np.int64]:
    """For each corner of each face, the edge that ends there."""
    start = np.concatenate([[0], np.cumsum(sides)[:-1]])
    previous = start[face] + (corner - 1) % sides[face]
    return np.asarray(edge_of[previous])


def _moved_vertices(
    count: int,
    here: NDArray[np.int32],
    face_index: NDArray[np.int64],
    face_point: csr_matrix,
    edges: NDArray[np.int32],
    middle: csr_matrix,
    uses: NDArray[np.int64],
) -> csr_matrix:
    """Catmull-Clark's rule (F + 2R + (n − 3)P)/n inside, (a + 6P + b)/8 on a border."""
    valence = np.maximum(np.bincount(here, minlength=count), 1).astype(float)
    at_face = csr_matrix((np.ones(here.size), (here, face_index)), shape=(count, face_point.shape[0]))
    ends = edges.ravel()
    edge_row = np.repeat(np.arange(len(edges)), 2)
    at_edge = csr_matrix((np.ones(ends.size), (ends, edge_row)), shape=(count, len(edges)))
    degree = np.maximum(np.asarray(at_edge.sum(axis=1)).ravel(), 1)
    eye = diags_array(np.ones(count))
    inside = (
        diags_array(1 / valence**2) @ (at_face @ face_point)
        + diags_array(2 / (valence * degree)) @ (at_edge @ middle)
        + diags_array((valence - 3) / valence) @ eye
    )
    border_edges = diags_array((uses == 1).astype(float))
    border = np.asarray((at_edge @ border_edges).sum(axis=1)).ravel() > 0
    loose = np.bincount(here, minlength=count) == 0
    outline = 0.5 * eye + 0.25 * (at_edge @ border_edges @ middle)
    keep = (~border & ~loose).astype(float)
    return csr_matrix(
        diags_array(keep) @ inside
        + diags_array(border.astype(float)) @ outline
        + diags_array(loose.astype(float)) @ eye
    )


def normals(vertices: NDArray[np.floating], triangles: NDArray[np.int32]) -> NDArray[np.float64]:
    """Unit vertex normals, weighted by area: (V, 3)."""
    a, b, c = (vertices[triangles[:, k]] for k in range(3))
    face = np.cross(b - a, c - a)
    summed = np.stack(
        [np.bincount(triangles.T.ravel(), np.tile(face[:, axis], 3), minlength=len(vertices)) for axis in range(3)],
        axis=1,
    )
    return np.asarray(summed / np.maximum(np.linalg.norm(summed, axis=1, keepdims=True), 1e-12))


def space(points: NDArray[np.floating]) -> NDArray[np.float64]:
    """About how much surface each of (N, 3) points of one has to itself (N,): what is strewn by it lies evenly."""
    distance = cKDTree(points).query(points, k=5)[0]
    return np.asarray(np.clip(distance[:, 1:].mean(axis=1), 0.01, 0.5) ** 2)


def smooth_noise(points: NDArray[np.floating], scale: float, seed: int) -> NDArray[np.float64]:
    """Value noise in about [−1, 1] whose bumps are scale wide, at (N, 3) points → (N,)."""
    size = 32  # the lattice repeats after this many bumps
    lattice = np.random.default_rng(seed).uniform(-1, 1, (size, size, size))
    grid = np.asarray(points, np.float64) / scale
    cell = np.floor(grid).astype(np.int64)
    part = grid - cell
    part = part * part * (3 - 2 * part)
    total = np.zeros(len(grid))
    for dx in (0, 1):
        for dy in (0, 1):
            for dz in (0, 1):
                weight = np.ones(len(grid))
                for axis, step in enumerate((dx, dy, dz)):
                    weight = weight * (part[:, axis] if step else 1 - part[:, axis])
                x, y, z = ((cell[:, axis] + step) % size for axis, step in enumerate((dx, dy, dz)))
                total += weight * lattice[x, y, z]
    return total
