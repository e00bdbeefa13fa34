"""What people have before or around their mouths, drawn onto a picture at the places that its landmarks give."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import cv2
import numpy as np
from numpy.typing import NDArray

from engines.face.enrolment.landmarks import FaceLandmarks

Picture = NDArray[np.uint8]
Floats = NDArray[np.float64]
Draw = Callable[[Picture, FaceLandmarks], Picture]


def spot(face: FaceLandmarks, across: float, down: float) -> Floats:
    """A place in pixels: inter-ocular distances from the middle of the lips."""
    lips = np.concatenate([face.curve("lip_outer_upper"), face.curve("lip_outer_lower")])
    ahead = (face.eye_corners[3] - face.eye_corners[0]) / face.interocular
    middle = (lips.max(axis=0) + lips.min(axis=0)) / 2
    return np.asarray(middle + face.interocular * (across * ahead + down * np.array([-ahead[1], ahead[0]])))


def grain(size: Sequence[int], step: float, seed: int) -> Floats:
    """(h, w, 1) smooth noise with spots of `step` pixels."""
    coarse = np.random.default_rng(seed).normal(size=[max(2, int(side / step)) for side in size[:2]])
    fine = cv2.resize(coarse, (size[1], size[0]), interpolation=cv2.INTER_CUBIC)
    return np.asarray(fine, np.float64)[..., None]


def filled(picture: Picture, outline: Sequence[Floats] | Floats, soft: float = 1.0) -> Floats:
    """(h, w, 1) in [0, 1]: inside the outline."""
    mask = np.zeros(picture.shape[:2], np.uint8)
    cv2.fillPoly(mask, [np.rint(np.array(outline)).astype(np.int32)], 255, cv2.LINE_AA)
    return np.asarray(cv2.GaussianBlur(mask.astype(np.float64) / 255, (0, 0), soft), np.float64)[..., None]


def laid(picture: Picture, mask: Floats, colour: Floats | tuple[int, int, int]) -> Picture:
    return np.clip(np.rint(picture + mask * (np.asarray(colour, np.float64) - picture)), 0, 255).astype(np.uint8)


def skin(picture: Picture, face: FaceLandmarks) -> Floats:
    x, y = spot(face, 0.35, -0.55).astype(int)
    return np.asarray(np.median(picture[y - 3 : y + 4, x - 3 : x + 4].reshape(-1, 3), axis=0))


def mask_of(pattern: Callable[[Picture, float], Floats]) -> Draw:
    """A mask from the bridge of the nose to the chin. pattern: its colours, (h, w, 3), by the inter-ocular distance."""

    def draw(picture: Picture, face: FaceLandmarks) -> Picture:
        jaw = face.curve("jaw")
        top = [spot(face, *at) for at in ((0.22, -0.52), (0.0, -0.62), (-0.22, -0.52))]
        folds = 1 + 0.1 * grain(picture.shape, 0.3 * face.interocular, 5)
        cloth = pattern(picture, face.interocular) * folds * min(1.1, skin(picture, face).mean() / 170)
        return laid(picture, filled(picture, [*jaw[3:14], *top]), cloth)

    return draw


def stripes(picture: Picture, unit: float) -> Floats:
    rows, columns = np.mgrid[: picture.shape[0], : picture.shape[1]]
    bright = np.sin(2 * np.pi * (0.8 * columns + 0.6 * rows) / (0.16 * unit)) > 0
    return np.where(bright[..., None], (215, 190, 70), (40, 60, 140))


def flowers(picture: Picture, unit: float) -> Floats:
    first, second = (grain(picture.shape, step * unit, seed) for step, seed in ((0.09, 6), (0.13, 15)))
    return np.where(second > 0.6, (200, 60, 90), np.where(first > 0.2, (60, 130, 70), (235, 225, 205)))


def dots(picture: Picture, unit: float) -> Floats:
    rows, columns = np.mgrid[: picture.shape[0], : picture.shape[1]] % round(0.16 * unit) - 0.08 * unit
    return np.where((np.hypot(rows, columns) < 0.045 * unit)[..., None], (250, 250, 250), (190, 70, 80))


def plain(picture: Picture, unit: float) -> Floats:
    return np.broadcast_to(np.array([150.0, 190.0, 215.0]), picture.shape)


def finger(picture: Picture, face: FaceLandmarks) -> Picture:
    """Upright before the lips, as one who asks for silence."""
    top, bottom, wide = spot(face, 0.02, -0.38), spot(face, -0.02, 0.9), 0.1 * face.interocular
    rows, columns = np.mgrid[: picture.shape[0], : picture.shape[1]]
    along = (bottom - top) / np.linalg.norm(bottom - top)
    aside = ((columns - top[0]) * along[1] - (rows - top[1]) * along[0]) / wide
    inside = (np.abs(aside) < 1) & (rows > top[1] - wide) & (rows < bottom[1])
    shadow = cv2.GaussianBlur((np.abs(aside - 0.5) < 1).astype(np.float64) * (rows > top[1]), (0, 0), wide / 2)[
        ..., None
    ]
    colour = skin(picture, face) * (1.05 - 0.35 * np.clip(np.abs(aside), 0, 1) ** 2)[..., None]
    return laid(laid(picture, 0.35 * shadow, (40, 20, 15)), inside[..., None].astype(np.float64), colour)


def microphone(picture: Picture, face: FaceLandmarks) -> Picture:
    """A ball of wire before the lower lip, and its handle."""
    centre, radius = spot(face, 0.03, 0.12), 0.25 * face.interocular
    rows, columns = np.mgrid[: picture.shape[0], : picture.shape[1]]
    away = np.hypot(columns - centre[0], rows - centre[1]) / radius
    wire = 0.5 + 0.5 * np.sin(columns / 1.2) * np.sin(rows / 1.2)
    handle = ((np.abs(columns - centre[0]) < 0.6 * radius) & (rows > centre[1]))[..., None].astype(np.float64)
    ball = (45 + 35 * wire + 80 * np.clip(1 - away, 0, 1) ** 2)[..., None] * np.ones(3)
    return laid(laid(picture, handle, (30, 30, 32)), (away < 1)[..., None].astype(np.float64), ball)


def lips(picture: Picture, face: FaceLandmarks) -> Floats:
    outer, inner = (
        np.concatenate([face.curve(f"lip_{name}_upper"), face.curve(f"lip_{name}_lower")[-2:0:-1]])
        for name in ("outer", "inner")
    )
    gap = filled(picture, inner, 0.7) if face.mouth_gap > 0.03 * face.interocular else np.zeros(1)
    return np.asarray(np.clip(filled(picture, outer) - gap, 0, 1))


def lipstick(colour: tuple[int, int, int]) -> Draw:
    def draw(picture: Picture, face: FaceLandmarks) -> Picture:
        mask, light = lips(picture, face), picture.mean(axis=2, keepdims=True)
        shade = light / max(float(np.median(light[mask > 0.5])), 1.0)
        return laid(picture, 0.85 * mask, np.array(colour) * np.clip(shade, 0.3, 1.6))

    return draw


def beard(colour: tuple[int, int, int]) -> Draw:
    """Full, with a moustache that leaves the lips free."""

    def draw(picture: Picture, face: FaceLandmarks) -> Picture:
        upper = [spot(face, across, down) for across, down in ((0.62, -0.05), (0.34, -0.02), (0.3, -0.2), (-0.3, -0.2))]
        outline = [spot(face, -0.62, -0.05), *face.curve("jaw")[3:14], *upper, spot(face, -0.34, -0.02)]
        free = np.clip(1 - 1.1 * lips(picture, face), 0, 1)
        hair = 1 + 0.22 * grain(picture.shape, max(1.5, 0.018 * face.interocular), 2)
        return laid(picture, 0.85 * filled(picture, outline, 0.03 * face.interocular) * free, np.array(colour) * hair)

    return draw


def sunglasses(picture: Picture, face: FaceLandmarks) -> Picture:
    result = picture.copy()
    for corners in (face.eye_corners[:2], face.eye_corners[2:]):
        x, y = corners.mean(axis=0).astype(int)
        size = (int(0.27 * face.interocular), int(0.2 * face.interocular))
        cv2.ellipse(result, (int(x), int(y)), size, 0, 0, 360, (15, 15, 18), -1, cv2.LINE_AA)
    return result


COVERING: dict[str, Draw] = {
    "striped mask": mask_of(stripes),
    "flowered mask": mask_of(flowers),
    "dotted mask": mask_of(dots),
    "surgical mask": mask_of(plain),
    "finger": finger,
    "microphone": microphone,
}
HARMLESS: dict[str, Draw] = {
    "nothing": lambda picture, face: picture,
    "red lipstick": lipstick((170, 25, 40)),
    "dark lipstick": lipstick((75, 20, 35)),
    "black beard": beard((38, 30, 26)),
    "grey beard": beard((150, 148, 145)),
    "sunglasses": sunglasses,
    "no colours": lambda picture, face: np.repeat(
        np.asarray(cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY), np.uint8)[..., None], 3, axis=2
    ),
    "a blur": lambda picture, face: np.asarray(cv2.GaussianBlur(picture, (0, 0), 0.013 * face.interocular), np.uint8),
    "dim light": lambda picture, face: (0.4 * picture).astype(np.uint8),
}
