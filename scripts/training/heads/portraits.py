"""Pictures of a person drawn from a seed, and the truth of each. Knows no command line."""

from __future__ import annotations

import json
import os
from dataclasses import asdict
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray
from safetensors.numpy import save_file

from scripts.training.heads.appearance import Appearance
from scripts.training.heads.backdrop import paint_room
from scripts.training.heads.camera import Camera, frame_face
from scripts.training.heads.fields import ramp
from scripts.training.heads.figure import Figure
from scripts.training.heads.ground_truth import coefficient_names, ground_truth, save_truth
from scripts.training.heads.image_filters import compose_frame
from scripts.training.heads.model import NECK, OUTER_EYE_CORNERS, FaceKit, HeadModel
from scripts.training.heads.path_tracing import Quality, trace
from scripts.training.heads.people.random_person import frame_pose, framing, random_appearance
from scripts.training.heads.ray_hits import first_hits
from scripts.training.heads.scene import Scene
from scripts.training.heads.wearables import neck_share

DISTANCE = 110.0  # centimetres from the eyes to the camera
SLOPE = 6.0  # centimetres by which the model's shoulders are lowered


class PortraitRenderer:
    """One person before one camera. strands: a folder that the renderer's strand files are written to for loading."""

    def __init__(self, kit: FaceKit, seed: int, size: int, samples: int, strands: Path) -> None:
        self._seed, self._strands, self._samples = seed, strands, samples
        self.appearance = random_appearance(seed)
        self.figure = Figure(fitted(kit, self.appearance), self.appearance, talks=True)
        self.camera = seed_camera(self.figure.model, seed, size)
        self._room = paint_room(self.appearance.room, size, size, self.appearance.seed)
        self._scene: Scene | None = None

    def take(self, number: int, stem: Path) -> None:
        """Write the picture of that number, stem.png, and before it the truth, stem.safetensors; each whole."""
        appearance, camera, seen = self.appearance, self.camera, frame_pose(self.appearance, self._seed, number)
        pose = self.figure.pose(seen)
        if self._scene is None:
            self._scene = Scene(self.figure, camera, pose, str(self._strands))
        self._scene.move(pose)  # a new scene has its hairs at rest
        scatter = np.array(appearance.skin.scatter) * camera.focal / DISTANCE
        quality = Quality(self._samples, max(4, self._samples * 2 // 3))
        picture = compose_frame(
            trace(self._scene, quality, scatter, appearance.seed), self._room, appearance.lighting.exposure
        )
        true = ground_truth(self.figure, camera, seen, pose, first_hits(self._scene, camera))
        metadata = {
            "coefficients": json.dumps(coefficient_names(self.figure.model.kit)),
            "seed": str(self._seed),
            "pose": str(number),
            "appearance": json.dumps(asdict(appearance)),
            "frame_pose": json.dumps(asdict(seen)),
        }
        save_truth(stem.with_name(stem.name + ".safetensors"), true, metadata)
        _save_picture(stem, picture)


def fitted(kit: FaceKit, appearance: Appearance) -> HeadModel:
    """The head on the mean neck, which clothes are cut for, with shoulders low enough to stay below them."""
    model = HeadModel(kit, appearance.identity.coefficients())
    share = neck_share(kit.vertices.astype(np.float64))[:, None]
    model.neutral = (kit.vertices + share * (model.neutral - kit.vertices)).astype(np.float32)
    neck = model.neutral[NECK]
    neck[:, 1] -= SLOPE * ramp(np.abs(neck[:, 0]), 3.5, 7.5) * ramp(neck[:, 1], -6.5, -10.5)
    return model


def seed_camera(model: HeadModel, seed: int, size: int) -> Camera:
    """The camera of a seed, whose picture has size pixels a side."""
    (span, row), usual = framing(seed), Camera()
    corners = model.neutral[model.landmarks68[list(OUTER_EYE_CORNERS)]]
    whole = frame_face(corners, DISTANCE, span * usual.width, row * usual.height)
    return Camera(whole.x, whole.y, whole.z, whole.focal * size / whole.width, size, size)


def save_mesh(kit: FaceKit, path: Path) -> None:
    """The model's faces (F, 4), fourth index −1 for a triangle, and the vertices that are landmarks (68,)."""
    fresh = path.with_name(path.name + ".part")
    save_file({"faces": np.ascontiguousarray(kit.faces), "landmarks68": kit.landmarks68}, fresh)
    os.replace(fresh, path)


def _save_picture(stem: Path, picture: NDArray[np.uint8]) -> None:
    written, encoded = cv2.imencode(".png", picture[..., ::-1])
    if not written:
        raise ValueError(f"could not encode the picture of {stem}")
    fresh = stem.with_name(stem.name + ".png.part")
    fresh.write_bytes(encoded.tobytes())
    os.replace(fresh, stem.with_name(stem.name + ".png"))
