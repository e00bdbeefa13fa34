"""Screenshots of the page: where they go and how heavy they may be."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest

pytest.importorskip("playwright", reason="the page is shown in Chromium by playwright: pip install -e .[dev]")

from scripts.tools.page_pictures import LARGEST, OUT, SHOTS, save


def png(width: int, height: int, noisy: bool) -> bytes:
    image = np.full((height, width, 3), 90, np.uint8)
    if noisy:
        image[:] = np.random.default_rng(0).integers(0, 255, image.shape)
    return bytes(cv2.imencode(".png", image)[1].tobytes())


def test_a_light_picture_keeps_its_size(tmp_path: Path) -> None:
    save(png(320, 200, noisy=False), tmp_path / "a.png")
    found = cv2.imread(str(tmp_path / "a.png"))
    assert found is not None
    assert found.shape == (200, 320, 3)


def test_a_heavy_one_is_made_smaller_until_it_is_light(tmp_path: Path) -> None:
    save(png(640, 400, noisy=True), tmp_path / "a.png")
    found = cv2.imread(str(tmp_path / "a.png"))
    assert found is not None
    assert (tmp_path / "a.png").stat().st_size <= LARGEST
    assert found.shape[1] < 640
    assert found.shape[1] / found.shape[0] == pytest.approx(1.6, abs=0.02)


def test_pictures_go_where_the_readme_looks_for_them() -> None:
    assert {f"{shot.name}.png" for shot in SHOTS} <= {path.name for path in OUT.iterdir()}
