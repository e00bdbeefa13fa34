"""Pictures of phones: HEIC and AVIF, and what to do where nothing reads them."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import cv2
import numpy as np
import pytest

from engines.face.enrolment.errors import MediaError
from engines.face.enrolment.media import open_media, read_image
from tests.engines.face.enrolment.faces import drawn, face

PICTURE = np.asarray(cv2.GaussianBlur(drawn(face()), (0, 0), 2), np.uint8)
HEADS = {
    "heic": b"\0\0\0\x18ftypheic\0\0\0\0mif1heic" + bytes(200),
    "avif": b"\0\0\0\x1cftypavif\0\0\0\0avifmif1miaf" + bytes(200),
}
GENERAL_AVIF = b"\0\0\0\x1cftypmif1\0\0\0\0mif1avifmiaf" + bytes(200)

with_heif = pytest.mark.skipif(
    not (importlib.util.find_spec("PIL") and importlib.util.find_spec("pillow_heif")),
    reason="Pillow and pillow-heif are not installed: pip install -e '.[heif]'",
)


@pytest.mark.parametrize("kind", ["heic", "avif"])
def test_without_the_library_the_fix_is_named(tmp_path: Path, kind: str) -> None:
    path = tmp_path / "IMG_0001.HEIC"
    path.write_bytes(HEADS[kind])
    with pytest.raises(MediaError) as error:
        open_media(path, tmp_path, installed=lambda module: None)
    missing = "PIL and pillow_heif" if kind == "heic" else "PIL"
    assert str(error.value) == (
        f"{path}: this is a {kind.upper()} picture, and {missing} to read it is not installed; "
        "install it with `pip install -e '.[heif]'`, or save the picture as JPEG"
    )


def test_an_avif_is_known_by_its_second_brand(tmp_path: Path) -> None:
    path = tmp_path / "p.avif"
    path.write_bytes(GENERAL_AVIF)
    assert open_media(path, tmp_path, installed=lambda module: object()).kind == "avif"


def save(path: Path, alpha: bool = False, orientation: int = 1) -> Path:
    from PIL import Image

    if path.suffix == ".heic":
        import pillow_heif

        pillow_heif.register_heif_opener()
    image = Image.fromarray(PICTURE)
    if alpha:
        image.putalpha(Image.fromarray(np.where(np.arange(512)[None] < 256, 0, 255).repeat(512, 0).astype(np.uint8)))
    exif = Image.Exif()
    exif[0x0112] = orientation
    exif[0x010F] = "SECRET CAMERA"
    image.save(path, quality=95, exif=exif)
    return path


@with_heif
@pytest.mark.parametrize("kind", ["heic", "avif"])
def test_a_phones_picture_is_read(tmp_path: Path, kind: str) -> None:
    found = read_image(open_media(save(tmp_path / f"p.{kind}"), tmp_path), (0, 0, 0))
    assert found.frames.shape == (1, 512, 512, 3)
    assert np.abs(found.frames[0].astype(int) - PICTURE).mean() < 2
    assert found.notes == ()


@with_heif
@pytest.mark.parametrize("kind", ["heic", "avif"])
def test_a_phones_picture_is_turned_upright(tmp_path: Path, kind: str) -> None:
    found = read_image(open_media(save(tmp_path / f"p.{kind}", orientation=6), tmp_path), (0, 0, 0)).frames[0]
    assert np.abs(found.astype(int) - np.rot90(PICTURE, -1)).mean() < 4


@with_heif
@pytest.mark.parametrize("kind", ["heic", "avif"])
def test_transparent_parts_become_the_background(tmp_path: Path, kind: str) -> None:
    found = read_image(open_media(save(tmp_path / f"p.{kind}", alpha=True), tmp_path), (10, 20, 240))
    np.testing.assert_allclose(found.frames[0, :, :240].mean(axis=(0, 1)), (10, 20, 240), atol=2)
    assert "transparent parts" in found.notes[0]


@with_heif
@pytest.mark.parametrize("kind", ["heic", "avif"])
def test_a_damaged_one_is_refused_with_the_fix(tmp_path: Path, kind: str) -> None:
    path = save(tmp_path / f"p.{kind}")
    path.write_bytes(path.read_bytes()[:900])
    with pytest.raises(MediaError, match=rf"the {kind.upper()} picture cannot be decoded .*; export it as JPEG"):
        read_image(open_media(path, tmp_path), (0, 0, 0))
