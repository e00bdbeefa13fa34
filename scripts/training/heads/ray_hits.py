"""What every pixel's centre shows: shape, triangle and place on it, by one ray each. Knows no light."""

from __future__ import annotations

import mitsuba as mi
import numpy as np

from scripts.training.heads.camera import Camera
from scripts.training.heads.ground_truth import RayHits
from scripts.training.heads.scene import Scene


def first_hits(scene: Scene, camera: Camera) -> RayHits:
    """The first surface behind the centre of each pixel of the camera's picture."""
    y, x = np.mgrid[0 : camera.height, 0 : camera.width].astype(np.float64) + 0.5
    way = np.stack([x.ravel() - camera.width / 2, camera.height / 2 - y.ravel(), np.full(x.size, -camera.focal)])
    way /= np.linalg.norm(way, axis=0)
    ray = mi.Ray3f(mi.Point3f(camera.x, camera.y, camera.z), mi.Vector3f(*way.astype(np.float32)))
    hit = scene.scene.ray_intersect_preliminary(ray, coherent=True)
    valid = np.array(hit.is_valid())
    names: list[str] = []
    part = np.full(x.size, -1, np.int16)
    for shape in scene.scene.shapes():
        if shape.is_emitter():
            continue
        part[valid & np.array(hit.shape == mi.ShapePtr(shape))] = len(names)
        names.append(shape.id())
    seen = part >= 0
    uv = np.stack([np.array(hit.prim_uv.x), np.array(hit.prim_uv.y)], axis=1)
    weights = np.stack([1 - uv.sum(axis=1), uv[:, 0], uv[:, 1]], axis=1)
    size = (camera.height, camera.width)
    return RayHits(
        names=tuple(names),
        part=part.reshape(size),
        triangle=np.where(seen, np.array(hit.prim_index), 0).astype(np.int64).reshape(size),
        weights=np.where(seen[:, None], weights, 0).reshape(*size, 3),
    )
