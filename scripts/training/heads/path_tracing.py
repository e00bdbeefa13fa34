"""From a scene to radiance: path tracing and denoising. Knows nothing of time and of files.

Skin is traced as a matt surface; what light does below it is a blur of the light that falls on it, wider for red, and
its gloss is a second, cheap pass. Blurring light and not the picture keeps freckles, lips and lids sharp.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import drjit as dr
import mitsuba as mi
import mitsuba_oidn
import numpy as np
from numpy.typing import NDArray

from scripts.training.heads.image_filters import Light, below_skin, close_gaps, despeckle, fix_nonfinite
from scripts.training.heads.materials import attribute
from scripts.training.heads.scene import Scene

TEAR_REFLECTANCE = 0.09  # water's is 0.02; a little more keeps the eyes alive at this size
PATH_DEPTH = 3  # dark hair swallows what comes later


@dataclass(frozen=True, slots=True)
class Quality:
    """Samples a pixel of the path tracer and of the pass for the skin's gloss."""

    paths: int
    gloss: int


class FirstHit(mi.SamplingIntegrator):
    """What the first surface tells: the gloss of skin under direct light as its colour, and as further channels
    the albedo, the normal and where skin is seen."""

    def __init__(self, skin: Any, eyes: Sequence[Any]) -> None:
        super().__init__(mi.Properties())
        self.skin = mi.ShapePtr(skin)
        self.eyes = [mi.ShapePtr(eye) for eye in eyes]
        self.gloss = mi.load_dict(
            {"type": "principled", "base_color": 0.0, "roughness": attribute("roughness"), "specular": 0.5}
        )

    def sample(
        self, scene: Any, sampler: Any, ray: Any, medium: Any = None, active: Any = True
    ) -> tuple[Any, Any, list[Any]]:
        surface = scene.ray_intersect(ray, active)
        hit = active & surface.is_valid()
        skin = hit & (surface.shape == self.skin)
        to_light, weight = scene.sample_emitter_direction(surface, sampler.next_2d(skin), True, skin)
        towards = surface.to_local(to_light.d)
        gloss = dr.select(skin, self.gloss.eval(mi.BSDFContext(), surface, towards, skin) * weight, 0.0)
        gloss += self._reflection(scene, surface, hit)
        albedo = dr.select(hit, surface.bsdf(ray).eval_diffuse_reflectance(surface, hit), 0.0)
        normal = dr.select(hit, surface.sh_frame.n, 0.0)
        return gloss, hit, [*albedo, *normal, dr.select(skin, mi.Float(1), mi.Float(0))]

    def _reflection(self, scene: Any, surface: Any, hit: Any) -> Any:
        """The softboxes mirrored in the film of tears: a mirror, for a narrow lobe would be noise."""
        eye = hit & ((surface.shape == self.eyes[0]) | (surface.shape == self.eyes[1]))
        mirrored = surface.spawn_ray(surface.to_world(mi.reflect(surface.wi)))
        beyond = scene.ray_intersect(mirrored, eye)
        lamp = eye & beyond.is_valid()
        return dr.select(lamp, beyond.emitter(scene).eval(beyond, lamp) * TEAR_REFLECTANCE, 0.0)

    def aov_names(self) -> list[str]:
        return ["albedo.R", "albedo.G", "albedo.B", "normal.X", "normal.Y", "normal.Z", "skin"]


def trace(
    scene: Scene,
    quality: Quality,
    scatter: NDArray[np.floating],
    seed: int,
    view: Mapping[str, Any] | None = None,
) -> Light:
    """scatter: (3,) standard deviations in pixels of the light's way under the skin. The same seed for every frame
    keeps what noise is left in place, so that a loop does not flicker. view: a sensor beside the scene's own."""
    through = {} if view is None else {"sensor": mi.load_dict(dict(view))}
    paths = mi.load_dict({"type": "path", "max_depth": PATH_DEPTH, "hide_emitters": True})
    traced = fix_nonfinite(mi.render(scene.scene, spp=quality.paths, integrator=paths, seed=seed, **through))
    first = FirstHit(scene.skin, scene.eyes)
    layers = fix_nonfinite(mi.render(scene.scene, spp=quality.gloss, integrator=first, seed=seed, **through))
    gloss, albedo, normal, mask = layers[..., :3], layers[..., 4:7], layers[..., 7:10], layers[..., 10:]
    matt = denoise(despeckle(traced[..., :3]), albedo, normal)
    shine = denoise(gloss, albedo, normal)
    return Light(below_skin(matt, albedo, mask, scatter) + shine, close_gaps(np.clip(traced[..., 3], 0, 1)))


def denoise(
    colour: NDArray[np.float32], albedo: NDArray[np.float32], normal: NDArray[np.float32]
) -> NDArray[np.float32]:
    planes = (np.ascontiguousarray(plane) for plane in (colour, np.clip(albedo, 0, 1), np.clip(normal, -1, 1)))
    first, second, third = planes
    return np.asarray(mitsuba_oidn.denoise(first, albedo=second, normal=third, hdr=True), np.float32)
