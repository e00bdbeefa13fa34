"""Pictures of the inside of the mouth: either jaw with teeth and gums, lips and skin taken away. Knows no time."""

from __future__ import annotations

from typing import Any

import cv2
import mitsuba as mi
import numpy as np
from numpy.typing import NDArray

from scripts.training.heads.camera import Camera
from scripts.training.heads.figure import Figure
from scripts.training.heads.frame_pose import FramePose
from scripts.training.heads.image_filters import srgb, tone
from scripts.training.heads.materials import enamel, flesh
from scripts.training.heads.model import GUMS_AND_TONGUE, INNER_LIP, LOWER_TEETH, UPPER_TEETH
from scripts.training.heads.mouth_mesh import Crop
from scripts.training.heads.oral_cavity import faces_among, paint_oral_cavity
from scripts.training.heads.path_tracing import denoise
from scripts.training.heads.scene import lights, mesh, sensor
from scripts.training.heads.surface import subdivide

SIZE = 256  # of a plate, pixels
FINENESS = 3  # rendered pixels to a pixel of the portrait
UPPER_TEETH_EDGE = -2.9  # y on the mean head
JAW_MOVES = 1.0  # centimetres at jawOpen 1: what moves farther belongs to the lower jaw


def plates(figure: Figure, camera: Camera, crop: Crop, rest: FramePose, samples: int) -> dict[str, NDArray[np.uint8]]:
    """interior_upper and interior_lower, (SIZE, SIZE, 4) uint8 straight alpha over the crop."""
    jaw = np.linalg.norm(figure.model.kit.expression["jawOpen"], axis=1)
    # What hangs lower than the upper teeth and does not move with the jaw is the throat: that is left to the cavity.
    throat = figure.model.kit.vertices[:, 1] < UPPER_TEETH_EDGE
    return {
        "interior_upper": _plate(figure, camera, crop, rest, (UPPER_TEETH, (jaw < JAW_MOVES) & ~throat, samples)),
        "interior_lower": _plate(figure, camera, crop, rest, (LOWER_TEETH, jaw >= JAW_MOVES, samples)),
    }


def _plate(
    figure: Figure, camera: Camera, crop: Crop, rest: FramePose, part: tuple[slice, NDArray[np.bool_], int]
) -> NDArray[np.uint8]:
    teeth, on_jaw, samples = part
    head = figure.place(figure.model.vertices(rest.expression), rest)
    front = float(head[figure.model.landmarks68[INNER_LIP], 2].max())
    fine = Camera(
        camera.x, camera.y, camera.z, camera.focal * FINENESS, camera.width * FINENESS, camera.height * FINENESS
    )
    scene: dict[str, Any] = {
        "type": "scene",
        "sensor": sensor(fine),
        **lights(figure.appearance.lighting),
        "teeth": _surface(figure, head, np.arange(teeth.start, teeth.stop), front),
    }
    soft = np.arange(GUMS_AND_TONGUE.start, GUMS_AND_TONGUE.stop)
    scene["flesh"] = _surface(figure, head, soft[on_jaw[soft]], front)
    aovs = "albedo:albedo,normal:sh_normal"
    paths = {"type": "aov", "aovs": aovs, "img": {"type": "path", "max_depth": 4, "hide_emitters": True}}
    layers = np.array(mi.render(mi.load_dict(scene), spp=samples, integrator=mi.load_dict(paths)), np.float32)
    radiance = denoise(layers[..., :3], layers[..., 4:7], layers[..., 7:10])
    alpha = np.clip(layers[..., 3:4], 0, 1)
    straight = srgb(tone(radiance / np.maximum(alpha, 0.05)))
    return _cut(np.concatenate([np.clip(straight, 0, 1) * alpha, alpha], axis=2), crop)


def _cut(premultiplied: NDArray[np.floating], crop: Crop) -> NDArray[np.uint8]:
    """The crop's part of the fine picture, as a plate with straight alpha."""
    # Both pictures have their pixels' centres at ½.
    scale = crop.side * FINENESS / SIZE
    place = np.array([[scale, 0, crop.x * FINENESS + scale / 2 - 0.5], [0, scale, crop.y * FINENESS + scale / 2 - 0.5]])
    flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    plate = cv2.warpAffine(premultiplied.astype(np.float32), place, (SIZE, SIZE), flags=flags)
    alpha = plate[..., 3:4]
    colour = np.where(alpha > 1e-3, plate[..., :3] / np.maximum(alpha, 1e-3), 0)
    return np.asarray(np.round(255 * np.clip(np.concatenate([colour, alpha], axis=2), 0, 1)).astype(np.uint8))


def _surface(figure: Figure, head: NDArray[np.float64], chosen: NDArray[np.int64], front: float) -> Any:
    """The faces among chosen vertices, subdivided and painted, darker towards the throat."""
    kit = figure.model.kit
    fine = subdivide(faces_among(kit, chosen), len(chosen), 1)
    vertices = fine.matrix @ head[chosen]
    albedo = fine.matrix @ paint_oral_cavity(figure.model, head, chosen, front)
    is_tooth = chosen[0] >= UPPER_TEETH.start
    return mesh(vertices, fine.triangles, enamel() if is_tooth else flesh(), np.clip(albedo, 0.002, 0.9))
