"""From a scene to a picture: path tracing, denoising, light under the skin, tone. Knows nothing of time and of files.

Skin is traced as a matt surface; what light does below it is a blur of the light that falls on it, wider for red, and
its gloss is a second, cheap pass. Blurring light and not the picture keeps freckles, lips and lids sharp.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import cv2
import drjit as dr
import mitsuba as mi
import mitsuba_oidn
import numpy as np
from numpy.typing import NDArray

from scripts.training.heads.fields import ramp
from scripts.training.heads.materials import attribute
from scripts.training.heads.scene import Scene

EXPOSURE = 1.22
TEAR_REFLECTANCE = 0.09  # water's is 0.02; a little more keeps the eyes alive at this size
SPECKLE = 2.0  # times the middle value around: a pixel brighter than that is noise
PATH_DEPTH = 3  # dark hair swallows what comes later

SCATTER_LOBES = ((0.45, 0.5), (0.42, 1.2), (0.13, 2.5))  # weight and width, in parts of the mean way under the skin


@dataclass(frozen=True, slots=True)
class Quality:
    """Samples a pixel of the path tracer and of the pass for the skin's gloss."""

    paths: int
    gloss: int


@dataclass(frozen=True, slots=True, eq=False)
class Light:
    """Linear radiance (H, W, 3) before the backdrop, and alpha (H, W, 1)."""

    radiance: NDArray[np.float32]
    alpha: NDArray[np.float32]


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
    return Light(below_skin(matt, albedo, mask, scatter) + shine, _closed(np.clip(traced[..., 3], 0, 1)))


def fix_nonfinite(image: Any) -> NDArray[np.float32]:
    """(H, W, C) as float32; a pixel that is not finite, as rare paths through hair make, gets the mean of the finite
    ones round it. The filters behind would spread it to a black square."""
    pixels = np.array(image, np.float32)
    good = np.asarray(np.isfinite(pixels).all(axis=2))
    if good.all():
        return pixels
    filled = np.where(good[..., None], pixels, np.float32(0))
    share = cv2.blur(good.astype(np.float32), (5, 5))[..., None]
    around = cv2.blur(filled, (5, 5)).reshape(pixels.shape) / np.maximum(share, 1e-6)
    return np.asarray(np.where(good[..., None], pixels, around), np.float32)


def _closed(alpha: NDArray[np.float32]) -> NDArray[np.float32]:
    """Alpha (H, W) → (H, W, 1), without gaps a pixel wide, through which the bright room would twinkle; but those
    between the hairs that stand off the outline stay."""
    closed = cv2.morphologyEx(alpha, cv2.MORPH_CLOSE, np.ones((3, 3), np.uint8))
    inside = ramp(np.asarray(cv2.blur(alpha, (7, 7)), np.float32), 0.6, 0.9)
    return np.asarray(alpha + inside * (closed - alpha), np.float32)[..., None]


def despeckle(colour: NDArray[np.float32]) -> NDArray[np.float32]:
    """Without single bright pixels, which a few samples in hair make and which would flicker."""
    middle = cv2.medianBlur(np.ascontiguousarray(colour), 5)
    bright = colour.max(axis=2, keepdims=True)
    limit = SPECKLE * middle.max(axis=2, keepdims=True) + 0.06
    return np.where(bright > limit, colour * (limit / np.maximum(bright, 1e-6)), colour).astype(np.float32)


def denoise(
    colour: NDArray[np.float32], albedo: NDArray[np.float32], normal: NDArray[np.float32]
) -> NDArray[np.float32]:
    planes = (np.ascontiguousarray(plane) for plane in (colour, np.clip(albedo, 0, 1), np.clip(normal, -1, 1)))
    first, second, third = planes
    return np.asarray(mitsuba_oidn.denoise(first, albedo=second, normal=third, hdr=True), np.float32)


def below_skin(
    matt: NDArray[np.float32], albedo: NDArray[np.float32], mask: NDArray[np.float32], scatter: NDArray[np.floating]
) -> NDArray[np.float32]:
    """Spread the light on the skin by a narrow and a wide Gaussian a channel, within the skin."""
    light = np.asarray(matt / np.maximum(albedo, np.float32(0.02)), np.float32)
    result = matt.copy()
    for channel in range(3):
        plane = np.ascontiguousarray(light[..., channel])
        weight = np.ascontiguousarray(mask[..., 0])
        lobes = [part * _within(plane, weight, size * float(scatter[channel])) for part, size in SCATTER_LOBES]
        spread = np.sum(lobes, axis=0)
        result[..., channel] += weight * (albedo[..., channel] * spread - matt[..., channel])
    return result


def _within(plane: NDArray[np.float32], weight: NDArray[np.float32], sigma: float) -> NDArray[np.float32]:
    total = cv2.GaussianBlur(plane * weight, (0, 0), sigma)
    share = cv2.GaussianBlur(weight, (0, 0), sigma)
    return np.asarray(total / np.maximum(share, 1e-4), np.float32)


def compose_frame(light: Light, backdrop: NDArray[np.float32], exposure: float = 1.0) -> NDArray[np.uint8]:
    """Figure over backdrop, tone curve, slight vignette: (H, W, 3) uint8 sRGB."""
    radiance = (light.radiance * exposure + backdrop * (1 - light.alpha)) * EXPOSURE
    height, width = radiance.shape[:2]
    y, x = np.mgrid[0:height, 0:width]
    edge = ((x + 0.5) / width - 0.5) ** 2 + ((y + 0.5) / height - 0.5) ** 2
    radiance = radiance * (1 - 0.45 * edge)[..., None]
    return np.asarray(np.round(255 * np.clip(srgb(tone(radiance)), 0, 1)).astype(np.uint8))


def tone(radiance: NDArray[np.floating]) -> NDArray[np.floating]:
    """Straight for shadows and middle tones, a soft shoulder from 0.6 that reaches 1 at about 3."""
    knee = 0.6
    above = np.maximum(radiance - knee, 0)
    return np.asarray(np.minimum(radiance, knee) + (1 - knee) * (1 - np.exp(-above / (1 - knee) * 0.8)))


def srgb(linear: NDArray[np.floating]) -> NDArray[np.floating]:
    low = np.clip(linear, 0, None)
    return np.asarray(np.where(low <= 0.0031308, 12.92 * low, 1.055 * low ** (1 / 2.4) - 0.055))
