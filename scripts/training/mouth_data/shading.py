"""Light on a mouth: from what every pixel shows to its radiance. Knows no coefficients and no camera's faults.

A rasteriser's picture: lamps with soft shadows, wrapped for what light does below the skin (red goes farthest), gloss,
creases darkened by depth, and a mouth that is darker the farther in and the less open.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from scripts.training.mouth_data.light import Lighting
from scripts.training.mouth_data.person import Person
from scripts.training.mouth_data.radiance import Lamps, Surface, shine_on
from scripts.training.mouth_data.raster import FARTHEST, ZBuffer, interpolate, normals, rasterise
from scripts.training.mouth_data.region import FLESH, SKIN, SOCKET, TEETH, Region
from scripts.training.mouth_data.texture import SkinTexture

WRAP = np.array([0.40, 0.24, 0.16], np.float32)  # of red, green and blue light round a shadow's edge
THROAT = 2.2  # centimetres behind the lips at which light has fallen to a third
LIT_FRONT = 0.5  # centimetres behind the lips that are as light as the lips
SHADOW_SIZE, SHADOW_TEXEL = 192, 0.14  # pixels, centimetres
SHADOW_BIAS, SHADOW_SLOPE = 0.12, 0.22  # centimetres; the latter for each unit of slope away from the lamp
CREASE_BLUR, CREASE_DEPTH = 0.45, 0.7  # centimetres
SOCKET_COLOUR = np.array([0.20, 0.055, 0.05], np.float32)
TEETH_ROUGHNESS, FLESH_ROUGHNESS, LIP_ROUGHNESS, CLOTH_ROUGHNESS = 0.3, 0.38, 0.38, 0.9
WET, DIM_WET = 1.3, 0.35  # gloss of teeth and flesh, and of the cheeks' inner side

Floats = NDArray[np.float32]


@dataclass(frozen=True, slots=True, eq=False)
class VisibleSurface:
    """One rasterised pose: by pixel, (H, W) or (H, W, C).

    part: −1 for the backdrop; normal: unit; position: in the scene; lip: signed distance to the lips' border;
    texture: texture pixels; tongue in [0, 1]; height: y on the person's own head at rest.
    """

    z_buffer: ZBuffer
    part: NDArray[np.int32]
    normal: Floats
    position: Floats
    lip: Floats
    texture: Floats
    tongue: Floats
    height: Floats


@dataclass(frozen=True, slots=True, eq=False)
class Shaded:
    """radiance (H, W, 3) linear; alpha (H, W): the head; regions (H, W, 3) in [0, 1]: lips, teeth, inside."""

    radiance: Floats
    alpha: Floats
    regions: Floats


class Shader:
    """Rasterises and shades poses of one person in one light. neutral (n,): height of the vertices at rest."""

    __slots__ = ("_casts", "_lamps", "_light", "_neutral", "_person", "_region", "_skin")

    def __init__(
        self, region: Region, person: Person, skin: SkinTexture, light: Lighting, neutral: NDArray[np.floating]
    ) -> None:
        self._region, self._person, self._skin, self._light = region, person, skin, light
        self._neutral = neutral
        self._casts = region.triangles[region.part == SKIN]
        self._lamps = _lamps(light)

    def visible_surface(
        self, scene: Floats, pixels: NDArray[np.float64], size: int, chosen: NDArray[np.bool_] | None = None
    ) -> VisibleSurface:
        """scene (n, 3): the region's vertices; pixels (n, 2): where the camera shows them; chosen (T,): triangles."""
        region = self._region
        triangles = region.triangles if chosen is None else region.triangles[chosen]
        parts = region.part if chosen is None else region.part[chosen]
        seen = rasterise(np.column_stack([pixels, scene[:, 2]]), triangles, size, size)
        normal = normals(scene, region.triangles)
        values = np.column_stack([normal, scene, region.lip, region.texture, region.tongue, self._neutral])
        plane = interpolate(seen, triangles, values)
        part = np.where(seen.triangle >= 0, parts[np.maximum(seen.triangle, 0)], -1).astype(np.int32)
        length = np.maximum(np.sqrt(np.einsum("hwc,hwc->hw", plane[..., :3], plane[..., :3])), np.float32(1e-6))
        unit = plane[..., :3] / length[..., None]
        return VisibleSurface(
            seen, part, unit, plane[..., 3:6], plane[..., 6], plane[..., 7:9], plane[..., 9], plane[..., 10]
        )

    def shade(self, seen: VisibleSurface, scene: Floats, lips_front: float, scale: float) -> Shaded:
        """scene (n, 3): the vertices, for shadows; lips_front: their z; scale: pixels per centimetre."""
        surface, lip = self._surface(seen, scene, scale)
        radiance = np.zeros(seen.normal.shape, np.float32)
        shine_on(surface, self._lamps, radiance)
        inside = seen.part >= TEETH
        light = _openness(inside, scale) * _depth_light(seen, lips_front)
        radiance[inside] *= light[inside, None]
        regions = np.stack([lip * (seen.part == SKIN), seen.part == TEETH, inside], axis=2).astype(np.float32)
        return Shaded(radiance, surface.hit.astype(np.float32), regions)

    def shade_bare(self, seen: VisibleSurface, lips_front: float, scale: float) -> Floats:
        """(H, W, 3) radiance of teeth, gums and tongue with the lips taken away, as the Structurist's plates are."""
        shape = seen.part.shape
        albedo, roughness = np.zeros((*shape, 3), np.float32), np.full(shape, FLESH_ROUGHNESS, np.float32)
        self._flesh(seen, albedo, roughness)
        ones, flat = np.ones(shape, np.float32), np.zeros((*shape, 2), np.float32)
        hit = (seen.part >= 0).astype(np.uint8)
        surface = Surface(hit, albedo, seen.normal, flat, roughness, ones, _crease(seen, scale), ones)
        radiance = np.zeros((*shape, 3), np.float32)
        shine_on(surface, self._lamps, radiance)
        return np.asarray(radiance * _depth_light(seen, lips_front)[..., None], np.float32)

    def _surface(self, seen: VisibleSurface, scene: Floats, scale: float) -> tuple[Surface, Floats]:
        """Everything that light meets, and the lips' share of every pixel."""
        person = self._person
        x, y = seen.texture[..., 0] - np.float32(0.5), seen.texture[..., 1] - np.float32(0.5)
        albedo = np.asarray(cv2.remap(self._skin.colour, x, y, cv2.INTER_LINEAR), np.float32)
        relief = np.asarray(cv2.remap(self._skin.surface, x, y, cv2.INTER_LINEAR), np.float32)
        streaks = relief[..., 3]
        edge = np.float32(person.lip_edge)
        lip = np.clip((edge * (np.float32(0.5) + np.float32(0.2) * streaks) - seen.lip) / edge, 0, 1)
        lip = lip * lip * (3 - 2 * lip)
        red = person.lips.astype(np.float32) * (1 + np.float32(0.12) * streaks)[..., None]
        albedo += lip[..., None] * (red - albedo)
        slope = relief[..., :2] * (1 - lip)[..., None]
        slope[..., 0] += np.float32(0.22) * streaks * lip
        roughness = relief[..., 2] + lip * (np.float32(LIP_ROUGHNESS) - relief[..., 2])
        dry, wet = np.float32(0.25 + 0.9 * person.gloss), np.float32(0.3 + 2.2 * person.lip_gloss)
        gloss = dry + lip * (wet - dry)
        self._flesh(seen, albedo, roughness)
        gloss[seen.part >= TEETH], gloss[seen.part == SOCKET] = WET, DIM_WET
        dressed = (seen.height < person.neckline) & (seen.part == SKIN)
        albedo[dressed], roughness[dressed] = person.clothes, CLOTH_ROUGHNESS
        hit = (seen.part >= 0).astype(np.uint8)
        lit = self._lit_share(seen, scene)
        return Surface(hit, albedo, seen.normal, slope, roughness, gloss, _crease(seen, scale), lit), lip

    def _flesh(self, seen: VisibleSurface, albedo: Floats, roughness: Floats) -> None:
        person = self._person
        teeth, flesh = seen.part == TEETH, seen.part == FLESH
        albedo[teeth] = person.enamel
        tongue = np.clip(seen.tongue[flesh] * 2 - 0.5, 0, 1)[:, None]
        albedo[flesh] = person.gum + tongue * (person.tongue - person.gum)
        albedo[seen.part == SOCKET] = SOCKET_COLOUR
        roughness[teeth], roughness[flesh] = TEETH_ROUGHNESS, FLESH_ROUGHNESS

    def _lit_share(self, seen: VisibleSurface, scene: Floats) -> Floats:
        """Part of the key's light that reaches each pixel, by a shadow map."""
        axes, centre = _axes(self._light.key.towards), scene.mean(axis=0)
        middle = SHADOW_SIZE / 2
        place = (scene - centre) @ axes.T
        pixels = place[:, :2] / SHADOW_TEXEL + middle
        shadow = rasterise(np.column_stack([pixels, place[:, 2]]), self._casts, SHADOW_SIZE, SHADOW_SIZE)
        here = (seen.position - centre.astype(np.float32)) @ axes.T.astype(np.float32)
        spot = here[..., :2] / np.float32(SHADOW_TEXEL) + np.float32(middle - 0.5)
        x, y = np.ascontiguousarray(spot[..., 0]), np.ascontiguousarray(spot[..., 1])
        near = cv2.remap(shadow.depth, x, y, cv2.INTER_NEAREST, borderMode=cv2.BORDER_CONSTANT, borderValue=-1e9)
        facing = np.clip(seen.normal @ axes[2].astype(np.float32), np.float32(0.12), 1)
        slope = np.sqrt(1 - facing * facing) / facing
        lit = (here[..., 2] > near - (SHADOW_BIAS + np.float32(SHADOW_SLOPE) * slope)).astype(np.float32)
        hit = (seen.part >= 0).astype(np.float32)
        blur = self._light.shadow_blur
        weight = cv2.GaussianBlur(hit, (0, 0), blur)
        return np.asarray(cv2.GaussianBlur(lit * hit, (0, 0), blur) / np.maximum(weight, np.float32(1e-3)), np.float32)


def _crease(seen: VisibleSurface, scale: float) -> Floats:
    """How far each pixel lies behind its neighbourhood, in units of CREASE_DEPTH (Luft et al. 2006)."""
    hit = (seen.part >= 0).astype(np.float32)
    depth = np.where(seen.z_buffer.depth > FARTHEST / 2, seen.z_buffer.depth, 0).astype(np.float32)
    sigma = CREASE_BLUR * scale
    around = cv2.GaussianBlur(depth, (0, 0), sigma) / np.maximum(cv2.GaussianBlur(hit, (0, 0), sigma), 1e-3)
    return np.asarray(np.clip(around - depth, 0, 2) / np.float32(CREASE_DEPTH), np.float32)


def _depth_light(seen: VisibleSurface, lips_front: float) -> Floats:
    """What is left of the light behind the lips."""
    behind = np.clip(np.float32(lips_front - LIT_FRONT) - seen.position[..., 2], 0, None)
    return np.asarray(np.exp(-behind / np.float32(THROAT)), np.float32)


def _openness(inside: NDArray[np.bool_], scale: float) -> Floats:
    """Light that comes through the opening: little beside the lips, least below the upper one."""
    sky = cv2.GaussianBlur(inside.astype(np.float32), (0, 0), 0.35 * scale)
    lowered = np.roll(sky, int(0.12 * scale), axis=0)
    return np.asarray(np.clip(np.float32(0.18) + np.float32(1.25) * lowered, 0, 1), np.float32)


def _lamps(light: Lighting) -> Lamps:
    lamps = (light.key, light.fill, light.rim)
    towards = np.stack([lamp.towards for lamp in lamps])
    half = towards + np.array([0.0, 0.0, 1.0])
    half /= np.linalg.norm(half, axis=1, keepdims=True)
    colour = np.stack([lamp.colour for lamp in lamps])
    arrays = (towards, colour, half, WRAP, light.above, light.below)
    return Lamps(*(np.ascontiguousarray(array, np.float32) for array in arrays))


def _axes(towards: NDArray[np.float64]) -> NDArray[np.float64]:
    """(3, 3): rows right, down and towards a lamp."""
    right = np.cross((0.0, 1.0, 0.0), towards)
    right /= np.linalg.norm(right)
    return np.stack([right, np.cross(right, towards), towards])
