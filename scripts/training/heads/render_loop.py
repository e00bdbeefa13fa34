"""Traces a loop: every few frames whole, between them the eyes alone, the rest made of its neighbours.

Finished pictures stay in a folder, so that a stopped run goes on where it was; what is traced depends on no other run.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from scripts.training.heads.backdrop import paint_room
from scripts.training.heads.camera import Camera
from scripts.training.heads.figure import Figure
from scripts.training.heads.idle import Idle
from scripts.training.heads.image_filters import Light, compose_frame
from scripts.training.heads.interpolation import interpolate, key_numbers
from scripts.training.heads.motion_vectors import eye_region, motion_vectors
from scripts.training.heads.path_tracing import Quality, trace
from scripts.training.heads.scene import Box, Scene, sensor

PAD = 24  # pixels round the eyes that denoising and the light under the skin look at
FAINT = 0.004  # of the eyes' region: less is nothing in 8 bits

Picture = NDArray[np.uint8]


@dataclass(frozen=True, slots=True, eq=False)
class LoopShot:
    """What is traced and how. scatter: see path_tracing.trace; step: every how many frames a whole one is traced; work:
    the folder of finished pictures."""

    figure: Figure
    camera: Camera
    loop: Idle
    scatter: NDArray[np.floating]
    samples: int
    step: int
    work: Path


def render_loop(shot: LoopShot) -> list[Picture]:
    """All frames of the loop, (H, W, 3) uint8 sRGB."""
    loop, camera = shot.loop, shot.camera
    frame_poses = [loop.frame_pose(number) for number in range(loop.frames)]
    keys = key_numbers(loop.frames, shot.step)
    region = eye_region(shot.figure, camera, frame_poses)
    tracer = _LoopTracer(shot, _box(region))
    whole: dict[int, Picture] = {}
    eyes: dict[int, Picture] = {}
    key = 0
    for number in range(loop.frames):
        if number in keys:
            key = number
            whole[number] = eyes[number] = tracer.whole(number)
        else:
            eyes[number] = tracer.eyes(number, key)
    made = interpolate(whole, motion_vectors(shot.figure, camera, frame_poses))
    if len(keys) == loop.frames:
        return made
    return [_put(picture, eyes[number], region) for number, picture in enumerate(made)]


def _box(region: NDArray[np.float32]) -> Box:
    """The region's place in the picture, with the pad."""
    height, width = region.shape
    rows, columns = np.flatnonzero((region > FAINT).any(axis=1)), np.flatnonzero((region > FAINT).any(axis=0))
    left, top = max(0, int(columns[0]) - PAD), max(0, int(rows[0]) - PAD)
    return Box(left, top, min(width, int(columns[-1]) + 1 + PAD) - left, min(height, int(rows[-1]) + 1 + PAD) - top)


def _put(picture: Picture, eyes: Picture, region: NDArray[np.float32]) -> Picture:
    share = region[..., None]
    return np.round(picture + share * (eyes.astype(np.float32) - picture)).astype(np.uint8)


class _LoopTracer:
    """Traces pictures that the folder does not have yet."""

    __slots__ = ("_box", "_carrying", "_room", "_scene", "_shot")

    def __init__(self, shot: LoopShot, box: Box) -> None:
        appearance, camera = shot.figure.appearance, shot.camera
        self._shot, self._box = shot, box
        self._room = paint_room(appearance.room, camera.width, camera.height, appearance.seed)
        self._scene: Scene | None = None
        self._carrying = -1  # the frame at which hair and clothes are

    def whole(self, number: int) -> Picture:
        path = self._shot.work / f"{number:04d}.png"
        if not path.exists():
            start = time.perf_counter()
            self._move(number)
            self._save(path, self._trace(None))
            self._say(f"frame {number + 1}", start)
        return _read(path)

    def eyes(self, number: int, key: int) -> Picture:
        """A picture of which only the box counts; hair and clothes stay where the key has them."""
        path = self._shot.work / f"{number:04d}-eyes.png"
        camera, box = self._shot.camera, self._box
        if not path.exists():
            start = time.perf_counter()
            if self._carrying != key:
                self._move(key)
            self._scene_at(number).move_face(self._shot.figure.pose(self._shot.loop.frame_pose(number)))
            self._save(path, self._trace(box)[box.rows, box.columns])
            self._say(f"eyes of frame {number + 1}", start)
        picture = np.zeros((camera.height, camera.width, 3), np.uint8)
        picture[box.rows, box.columns] = _read(path)
        return picture

    def _move(self, number: int) -> None:
        self._scene_at(number).move(self._shot.figure.pose(self._shot.loop.frame_pose(number)))
        self._carrying = number

    def _scene_at(self, number: int) -> Scene:
        if self._scene is None:
            pose = self._shot.figure.pose(self._shot.loop.frame_pose(number))
            self._scene = Scene(self._shot.figure, self._shot.camera, pose, str(self._shot.work))
        return self._scene

    def _trace(self, box: Box | None) -> Picture:
        """The whole picture (H, W, 3); with a box, what lies outside it is room."""
        shot, appearance, camera = self._shot, self._shot.figure.appearance, self._shot.camera
        scene = self._scene_at(0)
        quality = Quality(shot.samples, max(4, shot.samples * 2 // 3))
        if box is None:
            light = trace(scene, quality, shot.scatter, appearance.seed)
        else:
            part = trace(scene, quality, shot.scatter, appearance.seed, sensor(camera, box))
            light = Light(
                np.zeros((camera.height, camera.width, 3), np.float32),
                np.zeros((camera.height, camera.width, 1), np.float32),
            )
            light.radiance[box.rows, box.columns] = part.radiance
            light.alpha[box.rows, box.columns] = part.alpha
        return compose_frame(light, self._room, appearance.lighting.exposure)

    def _save(self, path: Path, picture: Picture) -> None:
        # Renamed when whole: a stopped run leaves no half picture.
        fresh = self._shot.work / "next.png"
        cv2.imwrite(str(fresh), picture[..., ::-1])
        fresh.rename(path)

    def _say(self, what: str, start: float) -> None:
        print(f"{what} of {self._shot.loop.frames}: {time.perf_counter() - start:.1f} s", flush=True)


def _read(path: Path) -> Picture:
    image = cv2.imread(str(path))
    if image is None:
        raise ValueError(f"expected a picture in {path}, found none that can be read; delete it and start again")
    return np.asarray(image[..., ::-1], np.uint8)
