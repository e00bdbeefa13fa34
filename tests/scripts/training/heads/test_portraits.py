"""A rendered head and its ground truth, traced with Mitsuba: small and coarse."""

from __future__ import annotations

import json
from pathlib import Path

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

pytest.importorskip("mitsuba", reason="portraits are traced with Mitsuba: pip install -e .[render]")
pytest.importorskip("mitsuba_oidn", reason="portraits are denoised: pip install -e .[render]")
pytest.importorskip("scipy", reason="heads need scipy: pip install -e .[render]")

from scripts.tools.render_heads import RenderSettings, _settle, render
from scripts.training.heads.ground_truth import REGIONS, GroundTruth, load_truth

pytestmark = pytest.mark.slow
SIZE, SEED = 96, 7

Portrait = tuple[NDArray[np.uint8], GroundTruth, dict[str, str]]


@pytest.fixture(scope="module")
def folder(facekit: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    settings = RenderSettings(tmp_path_factory.mktemp("heads"), facekit, (SEED,), SIZE, 1, 1)
    _settle(settings)
    render(settings, threads=2)
    return settings.folder


@pytest.fixture(scope="module")
def portrait(folder: Path) -> Portrait:
    image = cv2.imread(str(folder / f"{SEED:06d}-000.png"))
    assert image is not None
    return np.asarray(image, np.uint8), *load_truth(folder / f"{SEED:06d}-000.safetensors")


def test_the_image_and_its_truth_are_of_the_size_asked(portrait: Portrait) -> None:
    image, truth, metadata = portrait
    assert image.shape == (SIZE, SIZE, 3)
    assert truth.regions.shape == (SIZE, SIZE)
    assert (metadata["seed"], metadata["pose"]) == (str(SEED), "0")
    assert {"identity", "skin", "hair"} <= set(json.loads(metadata["appearance"]))


def test_skin_background_and_clothes_are_seen(portrait: Portrait) -> None:
    _, truth, _ = portrait
    shares = {name: float((truth.regions == number).mean()) for number, name in enumerate(REGIONS)}
    assert min(shares["background"], shares["skin"], shares["clothes"]) > 0.03
    assert shares["eyes"] > 0


def test_landmarks_lie_where_the_rays_meet_the_face(portrait: Portrait) -> None:
    _, truth, _ = portrait
    nose = truth.landmarks[30]
    assert REGIONS[truth.regions[int(nose[1]), int(nose[0])]] == "skin"
    homogeneous = np.append(truth.landmarks_head[30], 1.0) @ (truth.camera @ truth.head_pose).T
    np.testing.assert_allclose(homogeneous[:2] / homogeneous[2], nose, atol=0.05)


def test_finished_images_are_kept(folder: Path, facekit: Path) -> None:
    path = folder / f"{SEED:06d}-000.png"
    before = path.stat().st_mtime_ns
    render(RenderSettings(folder, facekit, (SEED,), SIZE, 1, 1), threads=2)
    assert path.stat().st_mtime_ns == before
