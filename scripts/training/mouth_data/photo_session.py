"""One person before one camera: pose, light, framing; frames, each with its ground truth.

Knows nothing of the Structurist and of files.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import TypeVar

import cv2
import numpy as np
from numpy.typing import NDArray

from scripts.training.heads.camera import Camera as Pinhole
from scripts.training.heads.camera import rigid_pose, transform
from scripts.training.heads.fields import ramp
from scripts.training.heads.model import INNER_LIP
from scripts.training.heads.mouth_mesh import Crop, face_crop
from scripts.training.mouth_data.backdrop import random_backdrop
from scripts.training.mouth_data.camera_model import Camera, random_camera, simulate_camera
from scripts.training.mouth_data.light import random_lighting
from scripts.training.mouth_data.person import Person
from scripts.training.mouth_data.region import Region
from scripts.training.mouth_data.shading import Shader
from scripts.training.mouth_data.texture import SkinTexture

PIVOT = np.array([0.0, -5.0, 0.0])  # where the neck carries the head
WINDOW = 1.125  # side of the picture in sides of the crop: room for the head to sway
SUPERSAMPLING = 2
METER = 4  # the light is metered on a picture this much smaller
LIPS = slice(48, 68)  # of the 68 landmarks

Floats = NDArray[np.float64]
Pixel = TypeVar("Pixel", np.uint8, np.float32)


@dataclass(frozen=True, slots=True)
class HeadPose:
    """The head's pose: degrees (see rigid_pose), and its shift in centimetres."""

    yaw: float = 0.0
    pitch: float = 0.0
    roll: float = 0.0
    x: float = 0.0
    y: float = 0.0


@dataclass(frozen=True, slots=True, eq=False)
class Picture:
    """image (P, P, 3) uint8; regions (R, R, 3) float32 in [0, 1] on the raster: lips, teeth, the mouth's inside;
    landmarks (20, 2) raster pixels: 48 to 67 of the 68."""

    image: NDArray[np.uint8]
    regions: NDArray[np.float32]
    landmarks: Floats


class PhotoSession:
    """raster: pixels of the side that is drawn; crop: the mouth's crop on the raster in the first head pose."""

    def __init__(
        self,
        region: Region,
        person: Person,
        skin: SkinTexture,
        draw: np.random.Generator,
        size: int,
        head_pose: HeadPose | None = None,
    ) -> None:
        """size: of the crops that are wanted, pixels; head_pose: the first one, random unless given."""
        self.region, self.person = region, person
        self.head = head = region.head(person.identity)
        self.raster = round(WINDOW * size * SUPERSAMPLING)
        self.head_pose = head_pose or random_head_pose(draw)
        self.rest = random_rest(draw)
        self._pinhole = Pinhole(y=-4.0, z=float(draw.uniform(55, 140)), focal=1000.0)
        self._offset, self._zoom = np.zeros(2), 1.0
        self.crop = self._frame(draw)
        self._scale = self._zoom * self._pinhole.focal / (self._pinhole.z - 10)  # raster pixels per centimetre
        self._light = random_lighting(draw)
        self._shader = Shader(region, person, skin, self._light, head.neutral[region.used, 1])
        self._backdrop = random_backdrop(draw, self.raster)
        self.camera = self._metered(random_camera(draw, (round(0.8 * WINDOW * size), self.raster + 1)))

    def view(self, points: NDArray[np.floating], head_pose: HeadPose | None = None) -> Floats:
        """(…, 3) points of the unturned head → (…, 2) raster pixels, in the first head pose unless given."""
        flat = self._pinhole.project(pose_points(points, head_pose or self.head_pose))
        return np.asarray((flat - self._offset) * self._zoom)

    def picture(self, expression: Mapping[str, float], head_pose: HeadPose, draw: np.random.Generator) -> Picture:
        """One frame. expression: as HeadModel.vertices takes it; draw: for the camera's noise."""
        posed, scene = self._posed(expression, head_pose)
        seen = self._shader.visible_surface(scene, self.view(posed[self.region.used], head_pose), self.raster)
        shaded = self._shader.shade(seen, scene, self._lips_front(posed, head_pose), self._scale)
        alpha = shaded.alpha[..., None]
        radiance = self._backdrop + alpha * (shaded.radiance - self._backdrop)
        marks = posed[self.head.landmarks68[LIPS]]
        return Picture(simulate_camera(self.camera, radiance, draw), shaded.regions, self.view(marks, head_pose))

    def plate(self, on_jaw: bool) -> NDArray[np.float32]:
        """(R, R, 4): one jaw's teeth and flesh at rest without skin, sRGB in [0, 255] and straight alpha [0, 255]."""
        region = self.region
        posed, scene = self._posed(self.rest, self.head_pose)
        first = region.triangles[:, 0]
        chosen = (region.part >= 1) & (region.part <= 2) & (region.jaw[first] == on_jaw)
        if not on_jaw:
            chosen &= region.mean[first, 1] > -2.9 - 1.0 * (region.part == 1)
        seen = self._shader.visible_surface(scene, self.view(posed[region.used]), self.raster, chosen)
        radiance = self._shader.shade_bare(seen, self._lips_front(posed, self.head_pose), self._scale)
        hit = seen.part >= 0
        if hit.any():
            radiance[~hit] = radiance[hit].mean(axis=0)
        clean = replace(self.camera, size=self.raster, shot_noise=0.0, read_noise=0.0, quality=0, blur=0.5)
        colour = simulate_camera(clean, radiance, np.random.default_rng(0))
        return np.dstack([colour, 255 * hit]).astype(np.float32)

    def cavity(self) -> NDArray[np.uint8]:
        """(3,): the dark behind teeth and tongue."""
        dim = np.broadcast_to(0.012 * self._light.above * (1.6, 0.8, 0.7), (8, 8, 3)).astype(np.float32)
        clean = replace(self.camera, size=8, shot_noise=0.0, read_noise=0.0, quality=0)
        return np.asarray(simulate_camera(clean, dim, np.random.default_rng(0))[4, 4])

    def _posed(
        self, expression: Mapping[str, float], head_pose: HeadPose
    ) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """All vertices of the unturned head, and the region's in the scene."""
        posed = self.region.lips.pose(self.head, expression)
        return posed, pose_points(posed[self.region.used], head_pose).astype(np.float32)

    def _lips_front(self, posed: NDArray[np.float32], head_pose: HeadPose) -> float:
        """z of the lips' front in the scene."""
        return float(pose_points(posed[self.head.landmarks68[INNER_LIP]], head_pose)[:, 2].max())

    def _frame(self, draw: np.random.Generator) -> Crop:
        """Point the camera: the crop, a little off as detected ones are, lies in the middle of the raster."""
        exact = face_crop(self.head, self.view)
        side = exact.side * draw.uniform(0.94, 1.06)
        middle = np.array([exact.x, exact.y]) + exact.side * (0.5 + draw.uniform(-0.03, 0.03, 2))
        self._offset = middle - WINDOW * side / 2
        self._zoom = self.raster / (WINDOW * side)
        edge = self.raster * (1 - 1 / WINDOW) / 2
        return Crop(edge, edge, self.raster / WINDOW)

    def _metered(self, camera: Camera) -> Camera:
        """Exposed as cameras do: most of the way to a middle grey, dark skin a little darker than light skin."""
        posed, scene = self._posed(self.rest, self.head_pose)
        small = self.raster // METER
        seen = self._shader.visible_surface(scene, self.view(posed[self.region.used]) / METER, small)
        shaded = self._shader.shade(seen, scene, self._lips_front(posed, self.head_pose), self._scale / METER)
        level = float(shaded.radiance[seen.part == 0].mean())
        return replace(camera, exposure=camera.exposure * (0.24 / max(level, 1e-3)) ** 0.7)


def pose_points(points: NDArray[np.floating], head_pose: HeadPose) -> Floats:
    """Points of the unturned head in the scene: the head turns on its neck, whose foot stays."""
    rest = np.asarray(points, np.float64)
    turned = transform(
        rigid_pose(head_pose.yaw, head_pose.pitch, head_pose.roll, PIVOT, np.array([head_pose.x, head_pose.y, 0.0])),
        rest,
    )
    share = ramp(rest[..., 1] + 0.35 * (rest[..., 2] - 2.0), -13.5, -5.8)[..., None]
    return np.asarray(rest + share * (turned - rest))


def random_head_pose(draw: np.random.Generator) -> HeadPose:
    """Most people face the camera; some turn as far as 25°."""
    yaw = draw.uniform(-25, 25) if draw.random() < 0.5 else draw.normal(0, 6)
    return HeadPose(
        float(np.clip(yaw, -25, 25)), float(np.clip(draw.normal(0, 5), -12, 12)), float(draw.normal(0, 3.5))
    )


def with_sway(head_pose: HeadPose, draw: np.random.Generator) -> HeadPose:
    """The head pose a little later."""
    turn = draw.normal(0, (1.2, 1.0, 0.7))
    shift = draw.normal(0, 0.08, 2)
    return HeadPose(
        head_pose.yaw + turn[0],
        head_pose.pitch + turn[1],
        head_pose.roll + turn[2],
        head_pose.x + shift[0],
        head_pose.y + shift[1],
    )


def random_rest(draw: np.random.Generator) -> dict[str, float]:
    """Closed lips are not all the same: a trace of a smile, a little pressed, one corner higher."""
    smile = draw.uniform(0, 0.3) * float(draw.random() < 0.6)
    rest = {
        "mouthSmile_L": smile,
        "mouthSmile_R": smile * draw.uniform(0.8, 1.2),
        "mouthPress": draw.uniform(0, 0.25) * float(draw.random() < 0.4),
        "mouthFrown_L": draw.uniform(0, 0.25) * float(draw.random() < 0.2),
    }
    rest["mouthFrown_R"] = rest["mouthFrown_L"]
    return rest


def crop_image(picture: NDArray[Pixel], crop_to_pixels: Floats, size: int) -> NDArray[Pixel]:
    """The crop of a picture, (size, size, …): crop_to_pixels (2, 3) says where it lies. Pixels' centres lie at ½."""
    shrink = float(np.sqrt(abs(np.linalg.det(crop_to_pixels[:, :2])))) / size
    if shrink > 1.2:
        picture = np.asarray(cv2.GaussianBlur(picture, (0, 0), 0.4 * (shrink - 0.8)), picture.dtype)
    inverse = crop_to_pixels @ np.array([[1 / size, 0, 0.5 / size], [0, 1 / size, 0.5 / size], [0, 0, 1]])
    inverse[:, 2] -= 0.5
    flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    cropped = cv2.warpAffine(picture, inverse, (size, size), flags=flags, borderMode=cv2.BORDER_REPLICATE)
    return np.asarray(cropped, picture.dtype)
