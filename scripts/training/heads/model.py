"""The morphable head: neutral shape, identity and expressions of the ICT model. Knows nothing of pictures.

Units are the model's own, about centimetres; x to the head's left (right in the picture), y up, z forward.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from engines.motion import COEFFICIENTS
from scripts.training.heads.facekit_obj import NEUTRAL, read_shapes, read_wavefront

VERTEX_COUNT = 26_719

# Vertex ranges of the model's parts (its documentation).
FACE = slice(0, 9409)
NECK = slice(9409, 11248)
MOUTH_SOCKET = slice(11248, 13294)
EYE_SOCKETS = slice(13294, 14062)
GUMS_AND_TONGUE = slice(14062, 17039)
UPPER_TEETH = slice(17039, 19247)
LOWER_TEETH = slice(19247, 21451)
LEFT_EYE = slice(21451, 23021)
RIGHT_EYE = slice(23021, 24591)
LACRIMAL = slice(24591, 24999)
EYE_BLEND = slice(24999, 25047)
EYE_OCCLUSION = slice(25047, 25351)
LASHES = slice(25351, 26719)

# Indices into HeadModel.landmarks68 (Multi-PIE order).
OUTER_EYE_CORNERS = (36, 45)
OUTER_LIP = slice(48, 60)
INNER_LIP = slice(60, 68)

# How each tied coefficient is spelt in the model. It has no tongueOut: see HeadModel.tongue_out.
UNPAIRED: tuple[str, ...] = ("jawOpen", "mouthClose", "mouthFunnel", "mouthPucker", "mouthRollLower", "mouthRollUpper")
UNPAIRED += ("mouthShrugLower", "mouthShrugUpper")
ICT_SHAPES: dict[str, tuple[str, ...]] = {
    name: (name,) if name in UNPAIRED else (f"{name}_L", f"{name}_R") for name in COEFFICIENTS if name != "tongueOut"
}

# tongueOut at 1 carries the tip this far: up to the lower edge of the upper teeth and between the lips.
TONGUE_REACH = np.array([0.0, 0.55, 1.1], np.float32)


@dataclass(frozen=True, slots=True, eq=False)
class FaceKit:
    """The model's arrays as they come.

    vertices (V, 3); uv (T, 2); faces and face_uv (F, 4), fourth index −1 for a triangle; face_material (F,)
    indexes materials; identity (100, V, 3); expression maps a shape's name to its displacement (V, 3).
    """

    vertices: NDArray[np.float32]
    uv: NDArray[np.float32]
    faces: NDArray[np.int32]
    face_uv: NDArray[np.int32]
    face_material: NDArray[np.int32]
    materials: tuple[str, ...]
    identity: NDArray[np.float16]
    expression: dict[str, NDArray[np.float32]]
    landmarks68: NDArray[np.int64]


def load_facekit(folder: Path) -> FaceKit:
    """Read vertex_indices.json and either ict_facekit.npz or the model's own OBJ files.

    Raises:
        FileNotFoundError: the folder has neither.
        ValueError: what it has is not the ICT face model.
    """
    indices = folder / "vertex_indices.json"
    if not indices.is_file():
        raise FileNotFoundError(f"expected the face model at {indices}; name its folder (FaceXModel) with --facekit")
    landmarks = np.array(json.loads(indices.read_text(encoding="utf-8"))["idx_to_landmark_verts"], np.int64)
    archive, neutral = folder / "ict_facekit.npz", folder / NEUTRAL
    if archive.is_file():
        kit = _from_archive(archive, landmarks)
    elif neutral.is_file():
        kit = _from_objects(folder, landmarks)
    else:
        raise FileNotFoundError(f"expected {archive.name} or {NEUTRAL} in {folder}, found neither")
    if kit.vertices.shape != (VERTEX_COUNT, 3):
        raise ValueError(f"expected {VERTEX_COUNT} vertices in {folder}, found {len(kit.vertices)}")
    return kit


def _from_archive(path: Path, landmarks: NDArray[np.int64]) -> FaceKit:
    with np.load(path, allow_pickle=False) as arrays:
        names = [str(name) for name in arrays["expression_names"]]
        shapes = arrays["expression"].astype(np.float32)
        return FaceKit(
            vertices=arrays["vertices"],
            uv=arrays["uv"],
            faces=arrays["faces"],
            face_uv=arrays["face_uv"],
            face_material=arrays["face_material"].astype(np.int32),
            materials=tuple(str(name) for name in arrays["materials"]),
            identity=arrays["identity"],
            expression=dict(zip(names, shapes, strict=True)),
            landmarks68=landmarks,
        )


def _from_objects(folder: Path, landmarks: NDArray[np.int64]) -> FaceKit:
    mesh = read_wavefront(folder / NEUTRAL)
    identity, expression = read_shapes(folder, mesh.vertices)
    return FaceKit(
        vertices=mesh.vertices,
        uv=mesh.uv,
        faces=mesh.faces,
        face_uv=mesh.face_uv,
        face_material=mesh.face_material,
        materials=mesh.materials,
        identity=identity,
        expression=expression,
        landmarks68=landmarks,
    )


class HeadModel:
    """One person's head: an identity, posed by expressions. Lower teeth, gums and tongue follow jawOpen."""

    __slots__ = ("kit", "neutral", "tongue_out")

    def __init__(self, kit: FaceKit, identity: NDArray[np.float32] | None = None) -> None:
        """identity: (100,) coefficients; 0 is the mean head, N(0, 1) times 0.6 to 1 looks natural."""
        self.kit = kit
        self.neutral = kit.vertices.copy()
        if identity is not None:
            self.neutral += np.tensordot(identity, kit.identity.astype(np.float32), axes=1)
        self.tongue_out = _tongue_displacement(kit)

    @property
    def landmarks68(self) -> NDArray[np.int64]:
        return self.kit.landmarks68

    def vertices(self, expression: Mapping[str, float]) -> NDArray[np.float32]:
        """The head with an expression: (26719, 3) float32.

        expression: values by name, either the model's (mouthSmile_L) or a tied coefficient's (mouthSmile).

        Raises:
            KeyError: a name is neither.
        """
        posed = self.neutral.copy()
        for name, value in expression.items():
            for shape in self.displacements(name):
                posed += np.float32(value) * shape
        return posed

    def displacements(self, name: str) -> list[NDArray[np.float32]]:
        """The (26719, 3) displacements at value 1 whose sum is the named expression."""
        if name == "tongueOut":
            return [self.tongue_out]
        shapes = ICT_SHAPES.get(name, (name,))
        missing = [shape for shape in shapes if shape not in self.kit.expression]
        if missing:
            raise KeyError(f"the face model has no expression {missing}; it has {sorted(self.kit.expression)}")
        return [self.kit.expression[shape] for shape in shapes]


def _tongue_displacement(kit: FaceKit) -> NDArray[np.float32]:
    """tongueOut as a smooth push of the tongue's front, forward and up: the model has no such shape.

    The tongue is what moves with the jaw, lies between the rows of lower teeth and stands off the gums.
    """
    part = kit.vertices[GUMS_AND_TONGUE]
    jaw = np.linalg.norm(kit.expression["jawOpen"][GUMS_AND_TONGUE], axis=1)
    side = np.clip((1.6 - np.abs(part[:, 0])) / 0.6, 0, 1)  # the lower arch is 1.7 to 3 from the middle
    front = np.clip((part[:, 2] - 4.0) / 5.0, 0, 1)  # the root, behind z = 4, stays
    above = np.clip((part[:, 1] + 4.9) / 0.5, 0, 1)  # gums and floor of the mouth lie lower
    lower = np.clip((jaw - 1.0) / 0.5, 0, 1)  # the palate does not move with the jaw
    weight = side * front * above * lower
    push = np.zeros((VERTEX_COUNT, 3), np.float32)
    push[GUMS_AND_TONGUE] = (weight * weight * (3 - 2 * weight))[:, None] * TONGUE_REACH
    return push
