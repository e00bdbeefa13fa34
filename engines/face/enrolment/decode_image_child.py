"""The child process that decodes a picture into plain pixels; see media. Faces are found elsewhere.

Only pixels leave it: positions, camera names and thumbnails that the file holds stay behind. What the picture hides
behind its transparent parts stays behind as well.
"""

from __future__ import annotations

import io
from collections.abc import Iterator
from typing import Any

import cv2
import numpy as np

from engines.arrays import U8
from engines.face.enrolment.sandbox import answer

OPAQUE = 250  # of 255: what some encoders make of a picture without transparent parts


def main(request: dict[str, Any]) -> dict[str, Any]:
    """{"path", "kind", "out", "side", "background", "pixels"} → {"shape", "size", "times", "notes"}."""
    heif = request["kind"] in ("heic", "avif")
    rgb, alpha = _with_pillow(request) if heif else _with_opencv(request["path"])
    notes = []
    if alpha is not None and alpha.min() < OPAQUE:
        rgb = _composited(rgb, alpha, request["background"])
        colour = "#{:02x}{:02x}{:02x}".format(*request["background"])
        notes.append(
            f"the picture has transparent parts; they were filled with {colour} (--background sets the colour)"
        )
    frame = _shrunk(rgb, request["side"])
    np.ascontiguousarray(frame).tofile(request["out"])
    return {"shape": [1, *frame.shape], "size": [rgb.shape[1], rgb.shape[0]], "times": [0.0], "notes": notes}


def _with_opencv(path: str) -> tuple[U8, U8 | None]:
    """(h, w, 3) RGB, upright, and (h, w) alpha where there is one."""
    bgr = cv2.imread(path, cv2.IMREAD_COLOR)  # upright: OpenCV follows the EXIF orientation
    if bgr is None:
        raise ValueError("the picture cannot be decoded: it is damaged; export or download it again")
    rgb = np.asarray(bgr[..., ::-1], np.uint8)
    stored: Any = cv2.imread(path, cv2.IMREAD_UNCHANGED)  # with alpha, but as it lies in the file
    if stored is None or stored.ndim != 3 or stored.shape[2] != 4:
        return rgb, None
    if stored.dtype == np.uint16:
        stored = (stored >> 8).astype(np.uint8)

    def difference(turned: U8) -> float:
        return float(np.abs(turned[..., 2::-1].astype(np.int16) - rgb).mean())

    # The orientation is the one that gives the same colours.
    turned = min((way for way in _orientations(stored) if way.shape[:2] == rgb.shape[:2]), key=difference)
    return rgb, np.asarray(turned[..., 3], np.uint8)


def _orientations(image: Any) -> Iterator[Any]:
    """The eight ways of EXIF; the way that the picture lies in the file comes first."""
    for turns in range(4):
        yield np.rot90(image, turns)
        yield np.rot90(image, turns)[:, ::-1]


def _with_pillow(request: dict[str, Any]) -> tuple[U8, U8 | None]:
    """The same for HEIC and AVIF, in sRGB."""
    from PIL import Image as Pillow
    from PIL import ImageOps

    if request["kind"] == "heic":
        import pillow_heif

        pillow_heif.register_heif_opener()
    try:
        with Pillow.open(request["path"], formats=["HEIF" if request["kind"] == "heic" else "AVIF"]) as opened:
            width, height = opened.size
            if not 64 <= min(width, height) or width * height > request["pixels"]:
                most = request["pixels"] // 1_000_000
                raise ValueError(
                    f"{width}×{height} pixels; expected at least 64 on either side and {most} million in all"
                )
            image = ImageOps.exif_transpose(_srgb(opened))
    except (OSError, SyntaxError, RuntimeError) as error:
        raise ValueError(
            f"the {request['kind'].upper()} picture cannot be decoded ({error}); export it as JPEG"
        ) from error
    pixels = np.asarray(image.convert("RGBA"), np.uint8)
    return pixels[..., :3], pixels[..., 3]


def _srgb(image: Any) -> Any:
    """A phone's Display P3 as sRGB, by the profile in the file."""
    from PIL import ImageCms

    profile = image.info.get("icc_profile")
    if not profile or image.mode not in ("RGB", "RGBA"):
        return image
    try:
        source = ImageCms.ImageCmsProfile(io.BytesIO(profile))
        converted = ImageCms.profileToProfile(image, source, ImageCms.createProfile("sRGB"))
    except ImageCms.PyCMSError:
        return image  # an unreadable profile says nothing about the colours
    return converted


def _composited(rgb: U8, alpha: U8, background: list[int]) -> U8:
    part = alpha[..., None].astype(np.float32) / 255
    return np.asarray(np.rint(part * rgb + (1 - part) * np.array(background, np.float32)), np.uint8)


def _shrunk(image: U8, side: int) -> U8:
    longest = max(image.shape[:2])
    if longest <= side:
        return image
    size = (round(image.shape[1] * side / longest), round(image.shape[0] * side / longest))
    return np.asarray(cv2.resize(image, size, interpolation=cv2.INTER_AREA), np.uint8)


if __name__ == "__main__":
    answer(main)
