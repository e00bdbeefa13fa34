"""Measures how each coefficient opens and widens the canonical head's mouth. Knows no speech.

Usage: python -m scripts.training.speech.mouth_table ICT_FACEKIT_FOLDER [--out engines/speech/canonical_mouth.json]

The head is the neutral one of the ICT Face Model Light. Opening is the mean of the three vertical
gaps between the inner lips, width the distance of the outer corners, both in distances between the outer
corners of the eyes. The shapes are linear, so the table is exact.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from engines.motion import COEFFICIENTS

# Multi-PIE landmarks: inner upper lip and the inner lower lip facing it, mouth corners, outer eye corners.
UPPER_LIP, LOWER_LIP = (61, 62, 63), (67, 66, 65)
CORNERS = (48, 54)
EYES = (36, 45)


def load_shapes(folder: Path) -> dict[str, NDArray[np.float64]]:
    """The 68 landmarks of the neutral head and their displacement by each coefficient, (68, 3) each."""
    pack = np.load(folder / "ict_facekit.npz")
    marks = json.loads((folder / "vertex_indices.json").read_text())["idx_to_landmark_verts"]
    shapes = {"neutral": pack["vertices"][marks].astype(float)}
    names = [str(name) for name in pack["expression_names"]]
    for coefficient in COEFFICIENTS:
        tied = [i for i, name in enumerate(names) if name.removesuffix("_L").removesuffix("_R") == coefficient]
        shapes[coefficient] = pack["expression"][tied][:, marks].astype(float).sum(axis=0)
    return shapes


def opening(points: NDArray[np.float64]) -> float:
    return float((points[list(UPPER_LIP), 1] - points[list(LOWER_LIP), 1]).mean())


def width(points: NDArray[np.float64]) -> float:
    return float(points[CORNERS[1], 0] - points[CORNERS[0], 0])


def measure(folder: Path) -> dict[str, object]:
    """The table: resting opening and width, and the change of both by each coefficient at 1."""
    shapes = load_shapes(folder)
    eyes = float(np.linalg.norm(shapes["neutral"][EYES[0]] - shapes["neutral"][EYES[1]]))
    return {
        "head": "ICT Face Model Light, neutral",
        "unit": "distance between the outer corners of the eyes",
        "rest": {
            "aperture": round(opening(shapes["neutral"]) / eyes, 5),
            "width": round(width(shapes["neutral"]) / eyes, 5),
        },
        "aperture": {name: round(opening(shapes[name]) / eyes, 5) for name in COEFFICIENTS},
        "width": {name: round(width(shapes[name]) / eyes, 5) for name in COEFFICIENTS},
    }


def main() -> None:
    parser = argparse.ArgumentParser(allow_abbrev=False, description="measure the canonical mouth")
    parser.add_argument("folder", type=Path, help="folder with ict_facekit.npz and vertex_indices.json")
    parser.add_argument("--out", type=Path, default=Path("engines/speech/canonical_mouth.json"))
    args = parser.parse_args()
    args.out.write_text(json.dumps(measure(args.folder), indent=2) + "\n")
    print(args.out.read_text())


if __name__ == "__main__":
    main()
