"""Light on a mouth: from what every pixel shows to its radiance. Knows no coefficients and no camera's faults.

A rasteriser's picture: lamps with soft shadows, wrapped for what light does below the skin (red goes farthest), gloss,
creases darkened by depth, and a mouth that is darker the farther in and the less open.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from scripts.mouths.light import Lamp, Lighting
from scripts.mouths.person import Person
from scripts.mouths.raster import FARTHEST, Cover, cover, interpolate, normals
from scripts.mouths.region import FLESH, SKIN, SOCKET, TEETH, Region
from scripts.mouths.texture import SkinTexture

WRAP = np.array([0.40, 0.24, 0.16], np.float32)  # of red, green and blue light round a shadow's edge
THROAT = 2.2  # centimetres behind the lips at which light has fallen to a third
SHADOW_SIZE, SHADOW_TEXEL, SHADOW_BIAS = 192, 0.14, 0.22  # pixels, centimetres, centimetres
CREASE_BLUR, CREASE_DEPTH = 0.45, 0.7  # centimetres
SOCKET_COLOUR = np.array([0.20, 0.055, 0.05], np.float32)
WATER_EDGE = 0.35  # gloss of a wet surface seen from the front, for the lips' inner side

Floats = NDArray[np.float32]


@dataclass(frozen=True, slots=True, eq=False)
class Seen:
    """One rasterised pose: by pixel, (H, W) or (H, W, C).

    normal towards the viewer, position in the scene, lip distance and the parts' masks.
    """

    cover: Cover
    part: NDArray[np.int32]  # −1 for the backdrop
    normal: Floats
    position: Floats
    lip: Floats
    texture: Floats
    tongue: Floats


@dataclass(frozen=True, slots=True, eq=False)
class Shaded:
    """radiance (H, W, 3) linear; alpha (H, W): the head; regions (H, W, 3) in [0, 1]: lips, teeth, inside."""

    radiance: Floats
    alpha: Floats
    regions: Floats


def look_at(
    region: Region, scene: Floats, pixels: Floats, size: int, triangles: NDArray[np.bool_] | None = None
) -> Seen:
    """scene (n, 3): the region's vertices in the scene; pixels (n, 2) and their z give what is seen; triangles: which."""
    chosen = region.triangles if triangles is None else region.triangles[triangles]
    parts = region.part if triangles is None else region.part[triangles]
    seen = cover(np.column_stack([pixels, scene[:, 2]]).astype(np.float32), chosen, size, size)
    normal = normals(scene, region.triangles)
    values = np.column_stack([normal, scene, region.lip, region.texture, region.tongue]).astype(np.float32)
    plane = interpolate(seen, chosen, values)
    hit = seen.triangle >= 0
    part = np.where(hit, parts[np.maximum(seen.triangle, 0)], -1)
    towards = plane[..., :3] / np.maximum(np.linalg.norm(plane[..., :3], axis=2, keepdims=True), 1e-6)
    towards = towards * np.where(towards[..., 2:] < 0, -1, 1)
    return Seen(seen, part.astype(np.int32), towards, plane[..., 3:6], plane[..., 6], plane[..., 7:9], plane[..., 9])


class Shader:
    """Shades poses of one person in one light; scale: pixels per centimetre."""

    __slots__ = ("_light", "_person", "_region", "_scale", "_skin")

    def __init__(self, region: Region, person: Person, skin: SkinTexture, light: Lighting, scale: float) -> None:
        self._region, self._person, self._skin, self._light, self._scale = region, person, skin, light, scale

    def shade(self, seen: Seen, scene: Floats, lips_front: float, neutral: Floats) -> Shaded:
        """scene (n, 3): the vertices, for shadows; lips_front: their z; neutral (H, W): height on the person at rest."""
        albedo, normal, roughness, lip = self._skin_at(seen)
        self._flesh(seen, albedo, roughness)
        dressed = (neutral < self._person.neckline) & (seen.part == SKIN) & (seen.lip > 3)
        albedo[dressed] = self._person.clothes
        roughness[dressed] = 0.9
        inside = seen.part >= TEETH
        lit = self._lit_share(seen, scene)
        crease = self._crease(seen)
        behind = np.clip(lips_front - seen.position[..., 2] - 0.5, 0, None)
        open_light = np.where(inside, self._openness(inside) * np.exp(-behind / THROAT), 1).astype(np.float32)
        diffuse = self._diffuse(normal, lit, crease)
        shine = self._shine(normal, lit, roughness, self._strength(seen, lip))
        radiance = (albedo * diffuse + shine) * open_light[..., None]
        hit = seen.part >= 0
        regions = np.stack([lip * (seen.part == SKIN), seen.part == TEETH, inside], axis=2).astype(np.float32)
        return Shaded(radiance.astype(np.float32), hit.astype(np.float32), regions)

    def shade_bare(self, seen: Seen, lips_front: float) -> Floats:
        """(H, W, 3) radiance of teeth, gums and tongue with the lips taken away, as the Structurist's plates are."""
        albedo, roughness = np.zeros(seen.normal.shape, np.float32), np.full(seen.part.shape, 0.4, np.float32)
        self._flesh(seen, albedo, roughness)
        everywhere = np.ones(seen.part.shape, np.float32)
        diffuse = self._diffuse(seen.normal, everywhere, self._crease(seen))
        behind = np.clip(lips_front - seen.position[..., 2] - 0.5, 0, None)
        return np.asarray(albedo * diffuse * np.exp(-behind / THROAT)[..., None], np.float32)

    def _skin_at(self, seen: Seen) -> tuple[Floats, Floats, Floats, Floats]:
        """Albedo, bent normal, roughness and the lips' share at every pixel."""
        x, y = seen.texture[..., 0] - 0.5, seen.texture[..., 1] - 0.5
        albedo = cv2.remap(self._skin.colour, x, y, cv2.INTER_LINEAR)
        surface = cv2.remap(self._skin.surface, x, y, cv2.INTER_LINEAR)
        streaks = cv2.remap(self._skin.streaks, x, y, cv2.INTER_LINEAR)
        edge = self._person.lip_edge
        lip = np.clip((edge * (0.5 + 0.35 * streaks) - seen.lip) / edge, 0, 1)
        lip = lip * lip * (3 - 2 * lip)
        # Deep between the lips their dry red turns into wet mucosa.
        red = self._person.lips * (1 + 0.12 * streaks)[..., None]
        albedo += lip[..., None] * (red.astype(np.float32) - albedo)
        slope = surface[..., :2] * (1 - lip)[..., None]
        slope[..., 0] += 0.22 * streaks * lip
        return albedo, _bend(seen.normal, slope), surface[..., 2] * (1 - lip) + 0.38 * lip, lip

    def _flesh(self, seen: Seen, albedo: Floats, roughness: Floats) -> None:
        person = self._person
        teeth, flesh = seen.part == TEETH, seen.part == FLESH
        albedo[teeth] = person.enamel
        tongue = np.clip(seen.tongue[flesh] * 2 - 0.5, 0, 1)[:, None]
        albedo[flesh] = person.gum + tongue * (person.tongue - person.gum)
        albedo[seen.part == SOCKET] = SOCKET_COLOUR
        roughness[teeth], roughness[flesh] = 0.3, 0.38

    def _strength(self, seen: Seen, lip: Floats) -> Floats:
        """How much each pixel mirrors."""
        person = self._person
        strength = (0.25 + 0.9 * person.gloss) * (1 - lip) + (0.3 + 2.2 * person.lip_gloss) * lip
        strength = np.where(seen.part >= TEETH, 1.3, strength)
        return np.where(seen.part == SOCKET, WATER_EDGE, strength).astype(np.float32)

    def _diffuse(self, normal: Floats, lit: Floats, crease: Floats) -> Floats:
        light = self._light
        up = (0.5 + 0.5 * normal[..., 1])[..., None]
        total = (light.below + (light.above - light.below) * up) * crease[..., None] ** (1.3, 1.6, 1.7)
        total += _wrapped(normal, light.key) * lit[..., None] ** (0.8, 1.0, 1.1) * crease[..., None] ** 0.5
        total += _wrapped(normal, light.fill) * crease[..., None]
        total += _wrapped(normal, light.rim) * crease[..., None]
        return total.astype(np.float32)

    def _shine(self, normal: Floats, lit: Floats, roughness: Floats, strength: Floats) -> Floats:
        power = 2 / np.maximum(roughness, 0.15) ** 4 - 2
        total = np.zeros(normal.shape, np.float32)
        for lamp, share in (
            (self._light.key, lit),
            (self._light.fill, np.float32(1)),
            (self._light.rim, np.float32(1)),
        ):
            half = lamp.towards + (0, 0, 1)
            half = (half / np.linalg.norm(half)).astype(np.float32)
            facing = np.clip(normal @ lamp.towards.astype(np.float32), 0, 1)
            lobe = np.clip(normal @ half, 1e-3, 1) ** power * (power + 8) / 25
            total += (0.04 * strength * share * lobe * facing)[..., None] * lamp.colour.astype(np.float32)
        return total

    def _lit_share(self, seen: Seen, scene: Floats) -> Floats:
        """Part of the key's light that reaches each pixel, by a shadow map."""
        axes = _axes(self._light.key.towards)
        centre = scene.mean(axis=0)
        place = (scene - centre) @ axes.T
        pixels = place[:, :2] / SHADOW_TEXEL + SHADOW_SIZE / 2
        shadow = cover(np.column_stack([pixels, place[:, 2]]), self._region.triangles, SHADOW_SIZE, SHADOW_SIZE)
        here = (seen.position - centre.astype(np.float32)) @ axes.T.astype(np.float32)
        x, y = here[..., 0] / SHADOW_TEXEL + SHADOW_SIZE / 2 - 0.5, here[..., 1] / SHADOW_TEXEL + SHADOW_SIZE / 2 - 0.5
        near = cv2.remap(shadow.depth, x, y, cv2.INTER_NEAREST, borderMode=cv2.BORDER_CONSTANT, borderValue=-1e9)
        lit = (here[..., 2] > near - SHADOW_BIAS).astype(np.float32)
        hit = (seen.part >= 0).astype(np.float32)
        blur = self._light.shadow_blur
        weight = cv2.GaussianBlur(hit, (0, 0), blur)
        return np.asarray(cv2.GaussianBlur(lit * hit, (0, 0), blur) / np.maximum(weight, 1e-3), np.float32)

    def _crease(self, seen: Seen) -> Floats:
        """Ambient light in folds: how far a pixel lies behind its neighbourhood (Luft et al. 2006)."""
        hit = (seen.part >= 0).astype(np.float32)
        depth = np.where(seen.cover.depth > FARTHEST / 2, seen.cover.depth, 0).astype(np.float32)
        sigma = CREASE_BLUR * self._scale
        around = cv2.GaussianBlur(depth, (0, 0), sigma) / np.maximum(cv2.GaussianBlur(hit, (0, 0), sigma), 1e-3)
        return np.exp(-np.clip(around - depth, 0, 2) / CREASE_DEPTH).astype(np.float32)

    def _openness(self, inside: NDArray[np.bool_]) -> Floats:
        """Light that comes through the opening: little beside the lips, least below the upper one."""
        opening = inside.astype(np.float32)
        sky = cv2.GaussianBlur(opening, (0, 0), 0.35 * self._scale)
        lowered = np.roll(sky, int(0.12 * self._scale), axis=0)
        return np.asarray(np.clip(0.18 + 1.25 * lowered, 0, 1), np.float32)


def _bend(normal: Floats, slope: Floats) -> Floats:
    """Normals of a surface with relief: slope (H, W, 2) across and down."""
    x, y, z = normal[..., 0], normal[..., 1], normal[..., 2]
    length = np.maximum(np.hypot(x, z), 1e-3)
    across = np.stack([z / length, np.zeros_like(x), -x / length], axis=2)
    down = np.stack([x * y / length, -length, z * y / length], axis=2)
    bent = normal - slope[..., :1] * across - slope[..., 1:] * down
    return np.asarray(bent / np.linalg.norm(bent, axis=2, keepdims=True).clip(1e-6), np.float32)


def _wrapped(normal: Floats, lamp: Lamp) -> NDArray[np.floating]:
    facing = (normal @ lamp.towards.astype(np.float32))[..., None]
    return np.clip((facing + WRAP) / (1 + WRAP), 0, 1) * lamp.colour.astype(np.float32)


def _axes(towards: NDArray[np.float64]) -> NDArray[np.float64]:
    """(3, 3): rows right, down and towards a lamp."""
    right = np.cross((0.0, 1.0, 0.0), towards)
    right /= np.linalg.norm(right)
    return np.stack([right, np.cross(right, towards), towards])
