"""Reading the face model's OBJ files."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from scripts.training.heads.facekit_obj import NEUTRAL, read_shapes, read_wavefront

SHEET = """v 0 0 0
v 1 0 0
v 1 1 0
v 0 1 0
vt 0.0 0.0
vt 1.0 0.0
usemtl M_Face
f 1/1/1 2/2/2 3/1/3 4/2/4
usemtl M_Teeth
f 1/1 2/2 3/2
"""


def test_quads_and_triangles_with_their_materials(tmp_path: Path) -> None:
    path = tmp_path / NEUTRAL
    path.write_text(SHEET, encoding="ascii")
    mesh = read_wavefront(path)
    assert mesh.faces.tolist() == [[0, 1, 2, 3], [0, 1, 2, -1]]
    assert mesh.face_uv.tolist() == [[0, 1, 0, 1], [0, 1, 1, -1]]
    assert [mesh.materials[index] for index in mesh.face_material] == ["M_Face", "M_Teeth"]


def test_shapes_are_displacements_from_the_neutral_head(tmp_path: Path) -> None:
    for name in (NEUTRAL, "identity000.obj", "jawOpen.obj"):
        text = SHEET if name == NEUTRAL else SHEET.replace("v 1 1 0", "v 1 1 2")
        (tmp_path / name).write_text(text, encoding="ascii")
    identity, expression = read_shapes(tmp_path, read_wavefront(tmp_path / NEUTRAL).vertices)
    assert identity.shape == (1, 4, 3)
    assert expression["jawOpen"][2].tolist() == [0, 0, 2]
    assert np.abs(expression["jawOpen"]).sum() == 2


def test_a_face_of_five_corners_is_refused(tmp_path: Path) -> None:
    path = tmp_path / NEUTRAL
    path.write_text("v 0 0 0\nvt 0 0\nf 1/1 1/1 1/1 1/1 1/1\n", encoding="ascii")
    with pytest.raises(ValueError, match="three or four corners"):
        read_wavefront(path)
