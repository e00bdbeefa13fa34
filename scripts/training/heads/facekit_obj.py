"""The ICT face model as its authors ship it: a folder of Wavefront OBJ files. Knows nothing of what is in them.

generic_neutral_mesh.obj has the faces; identity000.obj and on, and one file named after each expression, are the whole
head with that shape at 1.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

NEUTRAL = "generic_neutral_mesh.obj"

Shapes = dict[str, NDArray[np.float32]]  # displacements (V, 3) by name


@dataclass(frozen=True, slots=True, eq=False)
class Wavefront:
    """vertices (V, 3), uv (T, 2); faces and face_uv (F, 4), fourth index −1 for a triangle; materials by face."""

    vertices: NDArray[np.float32]
    uv: NDArray[np.float32]
    faces: NDArray[np.int32]
    face_uv: NDArray[np.int32]
    face_material: NDArray[np.int32]
    materials: tuple[str, ...]


def read_wavefront(path: Path) -> Wavefront:
    """Raises ValueError: a face has other than three or four corners, or corners without texture coordinates."""
    vertices: list[list[str]] = []
    uv: list[list[str]] = []
    corners: list[tuple[list[int], list[int]]] = []
    face_material: list[int] = []
    materials: list[str] = []
    material = ""
    for number, line in enumerate(path.read_text(encoding="ascii").splitlines(), start=1):
        kind, _, rest = line.partition(" ")
        if kind == "v":
            vertices.append(rest.split()[:3])
        elif kind == "vt":
            uv.append(rest.split()[:2])
        elif kind == "usemtl":
            material = rest.strip()
        elif kind == "f":
            corners.append(_corners(rest, f"{path}:{number}"))
            if material not in materials:
                materials.append(material)
            face_material.append(materials.index(material))
    faces, face_uv = (np.array([pair[which] for pair in corners], np.int32) for which in (0, 1))
    return Wavefront(
        np.array(vertices, np.float32),
        np.array(uv, np.float32),
        faces,
        face_uv,
        np.array(face_material, np.int32),
        tuple(materials),
    )


def read_shapes(
    folder: Path, neutral: NDArray[np.float32]
) -> tuple[NDArray[np.float16], dict[str, NDArray[np.float32]]]:
    """Identity displacements (100, V, 3) in their order, and those of the expressions by name."""
    identity, expression = [], {}
    for path in sorted(folder.glob("*.obj")):
        if path.name == NEUTRAL:
            continue
        shape = read_vertices(path) - neutral
        if path.stem.startswith("identity"):
            identity.append(shape.astype(np.float16))
        else:
            expression[path.stem] = shape
    return np.array(identity), expression


def read_vertices(path: Path) -> NDArray[np.float32]:
    lines = path.read_text(encoding="ascii").splitlines()
    return np.array([line.split()[1:4] for line in lines if line.startswith("v ")], np.float32)


def _corners(text: str, place: str) -> tuple[list[int], list[int]]:
    """Zero-based vertex and texture indices of a face, four of each."""
    parts = [corner.split("/") for corner in text.split()]
    if len(parts) not in (3, 4) or any(len(part) < 2 or not part[1] for part in parts):
        raise ValueError(f"expected three or four corners v/vt at {place}, found {text!r}")
    vertex, texture = ([int(part[which]) - 1 for part in parts] for which in (0, 1))
    filler = [-1] * (4 - len(parts))
    return vertex + filler, texture + filler
