"""Lips that meet and never pass through each other, in three dimensions. Knows no pictures.

The face model's shapes are sums: pressed together, its lips cross, and its mouthClose overshoots the gap that jawOpen
leaves. Here mouthClose undoes that gap exactly, as ARKit defines it, and lips that would cross meet half-way.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import cKDTree

from scripts.training.heads.model import GUMS_AND_TONGUE, FaceKit, HeadModel
from scripts.training.heads.mouth_mesh import SPOKES
from scripts.training.heads.mouth_surface import SEAM, lip_edges

LIP_REACH = 1.1  # centimetres from the seam: as far as a lip gives when it is pushed
FINER = 8  # places on the lips' edge to an interval of spokes

UPPER = np.arange(SPOKES + 1)  # places of the upper arc on the edge loops, left to right
LOWER = np.array([0, *range(2 * SPOKES - 1, SPOKES - 1, -1)])

Floats = NDArray[np.float64]


class Lips:
    """The lips of the face model, by topology; the same for every identity."""

    __slots__ = ("_close", "_edges", "_influence", "_near", "_weights")

    def __init__(self, head: HeadModel) -> None:
        """head: any identity."""
        kit = head.kit
        self._edges, self._weights = lip_edges(kit, SPOKES)
        loops = self._loops(kit.vertices)
        skin = np.arange(GUMS_AND_TONGUE.start)
        self._near = skin[np.linalg.norm(kit.vertices[skin] - loops[SEAM].mean(axis=0), axis=1) < 5.0]
        self._influence = _influence(kit, self._near)
        self._close = self._sealing(head)

    def pose(self, head: HeadModel, expression: Mapping[str, float]) -> NDArray[np.float32]:
        """(26719, 3): the head with an expression as HeadModel.vertices takes it; lips apart or touching."""
        posed = head.vertices(expression)
        posed[self._near] += np.float32(expression.get("mouthClose", 0.0)) * self._close
        loops = self._loops(posed)
        low, high = loops[:, UPPER, 1].min(axis=0), loops[:, LOWER, 1].max(axis=0)
        crossing = np.maximum(high - low, 0)
        push = np.zeros((2 * SPOKES, 3))
        push[LOWER, 1] = -crossing / 2
        push[UPPER, 1] = crossing / 2
        push[[0, SPOKES]] = 0  # the corners belong to both lips
        posed[self._near] += (self._influence @ push).astype(np.float32)
        return posed

    def _loops(self, vertices: NDArray[np.floating]) -> Floats:
        """(loops, 2·SPOKES, 3) points of the lips' rounded edge."""
        points: Floats = np.einsum("vk,lvkc->lvc", self._weights, vertices[self._edges].astype(np.float64))
        return points

    def _sealing(self, head: HeadModel) -> NDArray[np.float32]:
        """What is to be added to mouthClose at 1, at the vertices near the lips.

        Where the lips should meet is a parabola through the middle of both, by least squares.
        """
        both = sum(head.displacements("jawOpen") + head.displacements("mouthClose"))
        moved = self._loops(np.asarray(both))[SEAM]
        place = np.linspace(-1.0, 1.0, SPOKES + 1)
        middle = (moved[UPPER] + moved[LOWER]) / 2
        fit = np.polynomial.polynomial.polyfit(place[2:-2], middle[2:-2], 2)
        seam = np.polynomial.polynomial.polyval(place, fit).T
        push = np.zeros((2 * SPOKES, 3))
        push[LOWER] = seam - moved[LOWER]
        push[UPPER] = seam - moved[UPPER]
        return (self._influence @ push).astype(np.float32)


def _influence(kit: FaceKit, near: NDArray[np.int64]) -> Floats:
    """(n, 2·SPOKES): how much of each spoke's push each vertex takes: that of the nearest place on the lips' edge.

    The edge is followed finely: where the lips touch, the other lip is nearer than the next spoke.
    """
    edges, weights = lip_edges(kit, FINER * SPOKES)
    loops = np.einsum("vk,lvkc->lvc", weights, kit.vertices[edges].astype(np.float64))
    distance, nearest = cKDTree(loops.reshape(-1, 3)).query(kit.vertices[near])
    reach = np.clip(1 - distance / LIP_REACH, 0, 1)
    share = reach * reach * (3 - 2 * reach)
    place = nearest % loops.shape[1]
    first, part = place // FINER, place % FINER / FINER
    rows = np.arange(len(near))
    influence = np.zeros((len(near), 2 * SPOKES))
    influence[rows, first] = share * (1 - part)
    influence[rows, (first + 1) % (2 * SPOKES)] = share * part
    return influence
