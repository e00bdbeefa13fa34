"""A camera's faults, the same for a whole photo session: resolution, blur, colour, noise, JPEG. Knows no faces."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True, slots=True, eq=False)
class Camera:
    """size: pixels of a picture's side; blur and motion: deviations in pixels; gains (3,); noise: of 255; quality of
    JPEG, 0 for none."""

    size: int
    exposure: float
    blur: float
    gains: NDArray[np.float64]
    contrast: float
    saturation: float
    shot_noise: float
    read_noise: float
    quality: int


def random_camera(draw: np.random.Generator, sizes: tuple[int, int]) -> Camera:
    poor = draw.random()
    return Camera(
        size=int(draw.integers(*sizes)),
        exposure=float(np.exp(draw.normal(0, 0.22))),
        blur=draw.uniform(0.2, 0.5) + 0.8 * draw.random() * float(poor < 0.25),
        gains=np.exp(draw.normal(0, 0.045, 3)),
        contrast=draw.uniform(0.85, 1.2),
        saturation=draw.uniform(0.75, 1.2),
        shot_noise=draw.uniform(0, 3.5) * float(draw.random() < 0.6),
        read_noise=draw.uniform(0, 3.0) * float(draw.random() < 0.6),
        quality=int(draw.integers(45, 98)) * int(draw.random() < 0.6),
    )


def simulate_camera(camera: Camera, radiance: NDArray[np.float32], draw: np.random.Generator) -> NDArray[np.uint8]:
    """(H, H, 3) linear radiance → (size, size, 3) uint8 sRGB; draw gives this picture's own noise."""
    small = cv2.resize(radiance, (camera.size, camera.size), interpolation=cv2.INTER_AREA)
    blurred = np.asarray(cv2.GaussianBlur(small, (0, 0), camera.blur), np.float32)
    exposed = blurred * (camera.exposure * camera.gains).astype(np.float32)
    picture = _srgb(_shoulder(exposed))
    grey = cv2.transform(picture, np.full((1, 3), 1 / 3, np.float32))[..., None]
    picture = grey + np.float32(camera.saturation) * (picture - grey)
    picture = np.float32(255) * (np.float32(0.45) + np.float32(camera.contrast) * (picture - np.float32(0.45)))
    if camera.read_noise or camera.shot_noise:
        picture += _grain(camera, picture, draw)
    whole = np.round(np.clip(picture, 0, 255)).astype(np.uint8)
    return _through_jpeg(whole, camera.quality) if camera.quality else whole


def _grain(camera: Camera, picture: NDArray[np.float32], draw: np.random.Generator) -> NDArray[np.float32]:
    """Noise that grows with light, mostly the same in all colours."""
    deviation = np.sqrt(camera.read_noise**2 + camera.shot_noise**2 * np.clip(picture, 0, 255) / np.float32(255))
    grain = draw.standard_normal((*picture.shape[:2], 4), np.float32)
    return np.asarray(deviation * (np.float32(0.7) * grain[..., 3:] + np.float32(0.5) * grain[..., :3]), np.float32)


def _srgb(linear: NDArray[np.float32]) -> NDArray[np.float32]:
    low = np.clip(linear, 0, None)
    curve = np.float32(1.055) * cv2.pow(low, 1 / 2.4) - np.float32(0.055)
    return np.where(low <= 0.0031308, np.float32(12.92) * low, curve)


def _shoulder(radiance: NDArray[np.float32]) -> NDArray[np.float32]:
    """Straight up to 0.6, then softly towards 1."""
    above = np.maximum(radiance - np.float32(0.6), 0)
    return np.asarray(np.minimum(radiance, np.float32(0.6)) + np.float32(0.4) * (1 - np.exp(-2 * above)))


def _through_jpeg(picture: NDArray[np.uint8], quality: int) -> NDArray[np.uint8]:
    coded = cv2.imencode(".jpg", picture[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, quality])[1]
    decoded = cv2.imdecode(coded, cv2.IMREAD_COLOR)
    assert decoded is not None, "what OpenCV has just encoded it decodes"
    return np.asarray(decoded[..., ::-1], np.uint8, order="C")
