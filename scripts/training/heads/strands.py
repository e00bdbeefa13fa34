"""Strands of hair as control points of cubic B-splines, and what they are bound to. Knows no style."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True, slots=True, eq=False)
class Strands:
    """points (N, K, 3) control points; radius (N, K), tapering to the tip."""

    points: NDArray[np.float64]
    radius: NDArray[np.float64]

    def padded(self, points: NDArray[np.float64]) -> NDArray[np.float64]:
        """(N, K + 4, 4) points and radii with doubled ends, so that the spline reaches root and tip."""
        whole = np.concatenate([points, self.radius[..., None]], axis=2)
        first, last = whole[:, :1], whole[:, -1:]
        return np.concatenate([first, first, whole, last, last], axis=1)

    def split(self, parts: int) -> list[Strands]:
        """Consecutive bundles of nearly equal size."""
        points, radii = np.array_split(self.points, parts), np.array_split(self.radius, parts)
        return [Strands(some, width) for some, width in zip(points, radii, strict=True)]

    def text(self) -> str:
        """The renderer's file format: a line x y z radius for each point, a blank line between strands."""
        lines = []
        for strand in self.padded(self.points):
            lines += [f"{x:.4f} {y:.4f} {z:.4f} {r:.4f}" for x, y, z, r in strand]
            lines.append("")
        return "\n".join(lines)


def taper(count: int, points: int, root: float, tip: float) -> NDArray[np.float64]:
    """(count, points) radii that shrink along the strand."""
    return np.tile(np.linspace(root, tip, points), (count, 1))


def join(parts: list[Strands]) -> Strands:
    """One bundle of strands that have as many points each."""
    return Strands(np.concatenate([part.points for part in parts]), np.concatenate([part.radius for part in parts]))
