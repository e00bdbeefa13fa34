"""The part of the head model that a mouth's crop shows: triangles, parts, and where texture lies. Knows no person."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from scripts.training.heads.fields import lip_distance
from scripts.training.heads.lip_contact import Lips
from scripts.training.heads.model import GUMS_AND_TONGUE, MOUTH_SOCKET, OUTER_LIP, FaceKit, HeadModel
from scripts.training.heads.mouth_mesh import MouthMesh, build_mouth_mesh

BOX_LOW, BOX_HIGH = np.array([-13.0, -17.5, -6.0]), np.array([13.0, 5.0, 14.0])  # centimetres

# Texture lies on a cylinder around the head's axis, so that cheeks are not stretched: across by arc, down by y.
TEXTURE_HEIGHT, TEXTURE_WIDTH = 512, 640
AXIS_Z, RADIUS = 1.0, 9.0
ARC, TOP, BOTTOM = 14.5, 5.0, -17.5  # centimetres: half the width; rows

SKIN, TEETH, FLESH, SOCKET = 0, 1, 2, 3
JAW_MOVES = 1.0  # centimetres at jawOpen 1: what moves farther belongs to the lower jaw
UPPER_TEETH_EDGE = -2.9  # y on the mean head; what hangs lower and does not move with the jaw is the throat

Floats = NDArray[np.float32]


@dataclass(frozen=True, slots=True, eq=False)
class Region:
    """used: indices (n,) into the head's vertices; all else is by these n vertices or by triangle.

    triangles (T, 3) int32; part (T,): SKIN, TEETH, FLESH or SOCKET; texture (n, 2): texture pixels; lip (n,): signed
    distance in centimetres to the lips' border, negative within; tongue, jaw (n,) bool; mean (n, 3): the mean head.
    """

    kit: FaceKit
    mesh: MouthMesh
    lips: Lips
    used: NDArray[np.int64]
    triangles: NDArray[np.int32]
    part: NDArray[np.int32]
    texture: Floats
    lip: Floats
    tongue: NDArray[np.bool_]
    jaw: NDArray[np.bool_]
    mean: Floats

    def head(self, identity: Floats) -> HeadModel:
        """The head of an identity, (100,) coefficients."""
        head = HeadModel(self.kit)
        head.neutral += (identity @ self.kit.identity.reshape(len(identity), -1)).reshape(head.neutral.shape)
        return head


def build_region(kit: FaceKit) -> Region:
    """Once for all identities; takes about a second."""
    kit = replace(kit, identity=kit.identity.astype(np.float32))
    faces, part = _faces(kit)
    used, triangles = np.unique(faces, return_inverse=True)
    mean = kit.vertices[used]
    head = HeadModel(kit)
    contour = kit.vertices[kit.landmarks68[OUTER_LIP]].astype(np.float64)
    distance = lip_distance(mean.astype(np.float64), contour)
    outside = (mean[:, 2] < 7.0) | (used >= MOUTH_SOCKET.start)
    jaw = np.linalg.norm(kit.expression["jawOpen"][used], axis=1) >= JAW_MOVES
    return Region(
        kit=kit,
        mesh=build_mouth_mesh(kit),
        lips=Lips(head),
        used=used,
        triangles=triangles.reshape(-1, 3).astype(np.int32),
        part=part,
        texture=texture_place(mean),
        lip=np.where(outside, 9.0, distance).astype(np.float32),
        tongue=np.linalg.norm(head.tongue_out[used], axis=1) > 0.02,
        jaw=jaw,
        mean=mean,
    )


def texture_place(points: NDArray[np.floating]) -> Floats:
    """(n, 3) points of the mean head → (n, 2) pixels of its texture."""
    x, y, z = points.T
    arc = RADIUS * np.arctan2(x, np.maximum(z - AXIS_Z, 0.5))
    across = (arc / ARC + 1) / 2 * TEXTURE_WIDTH
    down = (TOP - y) / (TOP - BOTTOM) * TEXTURE_HEIGHT
    return np.stack([across, down], axis=1).astype(np.float32)


def _faces(kit: FaceKit) -> tuple[NDArray[np.int64], NDArray[np.int32]]:
    """Triangles (T, 3) of the head's vertices and their parts (T,)."""
    middle = kit.vertices[kit.faces[:, :3]].mean(axis=1)
    inside = ((middle > BOX_LOW) & (middle < BOX_HIGH)).all(axis=1)
    materials = [("M_Face", SKIN), ("M_BackHead", SKIN), ("M_Teeth", TEETH), ("M_GumsTongue", FLESH)]
    chosen, parts = [], []
    for material, part in materials:
        some = kit.faces[inside & (kit.face_material == kit.materials.index(material))].astype(np.int64)
        both = np.concatenate([some[:, :3], some[some[:, 3] >= 0][:, [0, 2, 3]]])
        in_socket = (both >= MOUTH_SOCKET.start).any(axis=1) & (both < GUMS_AND_TONGUE.start).any(axis=1)
        chosen.append(both)
        parts.append(np.where(in_socket & (part == SKIN), SOCKET, part))
    return np.concatenate(chosen), np.concatenate(parts).astype(np.int32)
