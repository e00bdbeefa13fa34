"""Every presenter that ships is whole, and its mouth does what its coefficients say."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import engines
from engines.face.avatar import FaceAvatar, load_avatar
from engines.face.geometry import MouthGeometry
from engines.face.structurist import StructureFrames
from tests.engines.face.tiny_avatar import motion

FOLDERS = sorted(path.parent for path in (Path(engines.__path__[0]) / "presenters").glob("*/avatar.json"))
MEGABYTES = 3  # of compressed media a presenter may weigh


@pytest.fixture(scope="module", params=FOLDERS, ids=lambda folder: folder.name)
def presenter(request: pytest.FixtureRequest) -> FaceAvatar:
    return load_avatar(request.param)


def test_it_says_who_it_is(presenter: FaceAvatar) -> None:
    manifest = presenter.manifest
    assert manifest.ai_generated
    assert all((manifest.title, manifest.description, manifest.licence, manifest.credit, manifest.consent))
    assert (manifest.width, manifest.height, manifest.frame_rate) == (512, 512, 25)


@pytest.mark.parametrize("folder", FOLDERS, ids=lambda folder: folder.name)
def test_it_is_light(folder: Path) -> None:
    assert sum(path.stat().st_size for path in folder.iterdir()) <= MEGABYTES * 1e6


def test_the_loop_has_no_jump(presenter: FaceAvatar) -> None:
    loop = np.stack(list(presenter.loop)).astype(np.int16)
    steps = np.array([np.abs(loop[i] - loop[i - 1]).mean() for i in range(len(loop))])  # the first is last → first
    assert steps[0] <= 2 * np.median(steps) + 0.5


def test_a_mouth_at_rest_is_the_loop(presenter: FaceAvatar) -> None:
    shape = MouthGeometry(presenter.face).pose(motion().coefficients)
    assert not shape.gaps.any()
    np.testing.assert_array_equal(shape.vertices, presenter.face.mesh)


def test_the_jaw_opens_the_mouth_monotonically(presenter: FaceAvatar) -> None:
    geometry = MouthGeometry(presenter.face)
    areas = [geometry.pose(motion(jawOpen=value).coefficients).gaps.sum() for value in np.linspace(0, 1, 11)]
    assert (np.diff(areas) > 0).all()


@pytest.mark.parametrize("jaw", [0.1, 0.3, 0.6])
def test_mouth_close_seals_a_lowered_jaw(presenter: FaceAvatar, jaw: float) -> None:
    gaps = MouthGeometry(presenter.face).pose(motion(jawOpen=jaw, mouthClose=jaw).coefficients).gaps
    assert gaps.max() < 0.003 * presenter.face.interocular  # a sixth of a pixel


def test_rounding_narrows_and_stretching_widens(presenter: FaceAvatar) -> None:
    geometry = MouthGeometry(presenter.face)
    corners = presenter.face.inner_upper[[0, -1]]

    def width(**coefficients: float) -> float:
        left, right = geometry.pose(motion(**coefficients).coefficients).vertices[corners, 0]
        return float(right - left)

    assert width(mouthPucker=0.8) < 0.9 * width() < width() < width(mouthStretch=0.8)
    assert width(mouthSmile=0.5) > width()


def test_a_speaking_mesh_does_not_fold(presenter: FaceAvatar) -> None:
    """Of the triangles that hold half a pixel of the picture or more."""
    face, geometry = presenter.face, MouthGeometry(presenter.face)

    def areas(**coefficients: float) -> np.ndarray[tuple[int, ...], np.dtype[np.float32]]:
        corners = geometry.pose(motion(**coefficients).coefficients).vertices[face.triangles]
        first, second = corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0]
        return np.asarray(first[:, 0] * second[:, 1] - first[:, 1] * second[:, 0])

    still = areas()
    for pose in (
        {"jawOpen": 0.8},
        {"jawOpen": 0.4, "mouthFunnel": 0.5},
        {"jawOpen": 0.15, "mouthPucker": 0.7},
        {"jawOpen": 0.15, "mouthStretch": 0.5, "mouthSmile": 0.2},
    ):
        folded = (areas(**pose) * np.sign(still) < -3e-5) & (np.abs(still) > 3e-5)
        assert not folded.any(), pose


def test_open_lips_show_the_inside(presenter: FaceAvatar) -> None:
    frames = StructureFrames(presenter.face)
    still, spoken = (
        frames.draw(presenter.loop[0], presenter.face.alignment[0], motion(jawOpen=value)).astype(int)
        for value in (0, 0.6)
    )
    seam = presenter.face.mesh[presenter.face.inner_upper].mean(axis=0)
    x, y = int(128 * seam[0]), int(128 * (seam[1] + 0.3 * presenter.face.jaw[0, 1]))
    assert spoken[y - 3 : y + 4, x - 6 : x + 7].mean() < 0.7 * still[y - 3 : y + 4, x - 6 : x + 7].mean()
