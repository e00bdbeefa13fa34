"""What is exactly true of a picture of a figure: landmarks, mesh, coefficients, camera, regions. Knows no renderer.

The points are those of the surfaces that are drawn; a pixel's region is what the ray through its centre meets first.
"""

from __future__ import annotations

import json
import os
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from safetensors import safe_open
from safetensors.numpy import save_file

from scripts.training.heads.camera import Camera, transform
from scripts.training.heads.eyes import SCLERA_SIZE
from scripts.training.heads.fields import lip_distance
from scripts.training.heads.figure import SKIN_SIZE, Figure, Pose
from scripts.training.heads.frame_pose import FramePose
from scripts.training.heads.model import ICT_SHAPES, OUTER_LIP, FaceKit
from scripts.training.heads.oral_cavity import lining_share

# A region's number is its place here.
REGIONS = (
    "background",
    "skin",
    "lips",
    "teeth",
    "mouth",  # gums, tongue, and the lining of the cheeks
    "eyes",
    "hair",
    "facial hair",  # brows, lashes, beard
    "clothes",
    "glasses",
    "headwear",
)
# Which region a shape of the scene is, by its name up to the first underscore or digit. The skin's is by the place hit.
SHAPES = {
    "upper": "teeth",
    "lower": "teeth",
    "flesh": "mouth",
    "eye": "eyes",
    "hair": "hair",
    "backing": "hair",
    "brows": "facial hair",
    "lashes": "facial hair",
    "beard": "facial hair",
    "jumper": "clothes",
    "cardigan": "clothes",
    "blouse": "clothes",
    "shirt": "clothes",
    "coat": "clothes",
    "lapel": "clothes",
    "leaf": "clothes",
    "frame": "glasses",
    "hood": "headwear",
    "wrap": "headwear",
    "band": "headwear",
}
FRONT = 7.0  # z of the mean head: no lips lie behind it


@dataclass(frozen=True, slots=True, eq=False)
class RayHits:
    """part (H, W): indices into the shapes' names, −1 where nothing is hit; triangle (H, W) of that shape; weights
    (H, W, 3) of the triangle's corners."""

    names: tuple[str, ...]
    part: NDArray[np.int16]
    triangle: NDArray[np.int64]
    weights: NDArray[np.float64]


@dataclass(frozen=True, slots=True, eq=False)
class GroundTruth:
    """landmarks (68, 2): pixels; landmarks_head (68, 3): the same points in the skull's space; vertices (26719, 3): all
    of the model's, in the scene; coefficients (C,): by the names of coefficient_names; camera (3, 4): homogeneous
    points of the scene to pixels times their depth; head_pose (4, 4): the skull's space to the scene; regions (H, W):
    indices into REGIONS."""

    landmarks: NDArray[np.float32]
    landmarks_head: NDArray[np.float32]
    vertices: NDArray[np.float32]
    coefficients: NDArray[np.float32]
    camera: NDArray[np.float64]
    head_pose: NDArray[np.float64]
    regions: NDArray[np.uint8]


def ground_truth(figure: Figure, camera: Camera, frame_pose: FramePose, pose: Pose, hits: RayHits) -> GroundTruth:
    """pose: the figure's in that frame; hits: those of the camera's picture of it."""
    marks = pose.skin[figure.model.landmarks68]
    skull = figure.head_pose(frame_pose)
    return GroundTruth(
        landmarks=camera.project(marks).astype(np.float32),
        landmarks_head=transform(np.linalg.inv(skull), marks).astype(np.float32),
        vertices=drawn_vertices(figure, frame_pose, pose),
        coefficients=coefficients(figure.model.kit, frame_pose),
        camera=projection(camera),
        head_pose=skull,
        regions=regions(hits, figure.triangles, *skin_fields(figure)),
    )


def coefficient_names(kit: FaceKit) -> tuple[str, ...]:
    """The model's expressions, sorted, and tongueOut."""
    return (*sorted(kit.expression), "tongueOut")


def coefficients(kit: FaceKit, frame_pose: FramePose) -> NDArray[np.float32]:
    """(C,) values of a frame's expression, in the order of coefficient_names; tied ones are given to both sides."""
    names = coefficient_names(kit)
    values = dict.fromkeys(names, 0.0)
    for name, value in frame_pose.expression.items():
        for shape in (name,) if name in values else ICT_SHAPES[name]:
            values[shape] += value
    return np.array([values[name] for name in names], np.float32)


def projection(camera: Camera) -> NDArray[np.float64]:
    """(3, 4): P with P·(x, y, z, 1) = w·(column, row, 1), the pixels that Camera.project gives."""
    inner = np.array([[camera.focal, 0, -camera.width / 2], [0, -camera.focal, -camera.height / 2], [0, 0, -1.0]])
    return np.hstack([inner, -inner @ np.array([[camera.x], [camera.y], [camera.z]])])


def drawn_vertices(figure: Figure, frame_pose: FramePose, pose: Pose) -> NDArray[np.float32]:
    """(26719, 3) of the model in the scene. Skin, eyeballs, teeth, gums and tongue are where they are drawn, on the
    subdivided surfaces; what is not drawn (the model's own lashes and the shells of its eyes) is where it puts it."""
    expression = frame_pose.expression
    head = figure.inside.head(expression) if figure.inside else figure.model.vertices(expression)
    vertices = figure.place(head, frame_pose)
    vertices[:SKIN_SIZE] = pose.skin[:SKIN_SIZE]  # subdivision keeps the coarse vertices first
    for ball, eye in zip(figure.eyeballs, pose.eyes, strict=True):
        vertices[ball.vertices] = eye[:SCLERA_SIZE]
    for name, points in pose.inside.items():
        part = figure.inside.parts[name].vertices if figure.inside else slice(0)
        vertices[part] = points[: part.stop - part.start]
    return vertices.astype(np.float32)


def skin_fields(figure: Figure) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """At the vertices (V,) of the fine skin: the signed distance to the lips' border, negative within, and how much
    they line the mouth."""
    model = figure.model
    contour = model.neutral[model.landmarks68[OUTER_LIP]].astype(np.float64)
    distance = np.where(figure.rest[:, 2] > FRONT, lip_distance(figure.rest, contour), 9.0)
    return distance, lining_share(figure.surface, SKIN_SIZE)


def regions(
    hits: RayHits, triangles: NDArray[np.integer], lip: NDArray[np.float64], lining: NDArray[np.float64]
) -> NDArray[np.uint8]:
    """(H, W) indices into REGIONS. triangles: (T, 3) of the skin; lip, lining: see skin_fields."""
    result = np.zeros(hits.part.shape, np.uint8)
    for index, name in enumerate(hits.names):
        here = hits.part == index
        if name != "skin":
            result[here] = REGIONS.index(region_of(name))
            continue
        corners, weights = triangles[hits.triangle[here]], hits.weights[here]
        kind = np.full(len(corners), REGIONS.index("skin"), np.uint8)
        kind[(lip[corners] * weights).sum(axis=1) < 0] = REGIONS.index("lips")
        kind[(lining[corners] * weights).sum(axis=1) > 0.5] = REGIONS.index("mouth")
        result[here] = kind
    return result


def region_of(shape: str) -> str:
    """The region of a shape other than the skin.

    Raises:
        KeyError: it has none yet.
    """
    stem = shape.rstrip("0123456789").partition("_")[0]
    if stem not in SHAPES:
        raise KeyError(
            f"expected a shape with a region, {sorted(SHAPES)}; {shape!r} has none: give it one in ground_truth.py"
        )
    return SHAPES[stem]


def save_truth(path: Path, true: GroundTruth, metadata: dict[str, str]) -> None:
    """Write it whole or not at all."""
    fresh = path.with_name(path.name + ".part")
    tensors = {name: np.ascontiguousarray(getattr(true, name)) for name in GroundTruth.__slots__}
    save_file(tensors, fresh, metadata | {"regions": json.dumps(REGIONS)})
    os.replace(fresh, path)


def load_truth(path: Path) -> tuple[GroundTruth, dict[str, str]]:
    """What save_truth wrote, and the metadata."""
    with safe_open(path, "numpy") as file:
        return GroundTruth(**{name: file.get_tensor(name) for name in GroundTruth.__slots__}), file.metadata()
