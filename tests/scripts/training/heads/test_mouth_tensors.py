"""The mouth's mesh on the face model: rings, movements and the crop of a portrait."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

pytest.importorskip("scipy", reason="heads need scipy: pip install -e .[render]")

from engines.motion import COEFFICIENTS
from scripts.training.heads.camera import Camera, frame_face
from scripts.training.heads.model import OUTER_EYE_CORNERS, OUTER_LIP, HeadModel
from scripts.training.heads.mouth_mesh import (
    SPOKES,
    Crop,
    MouthMesh,
    build_mouth_mesh,
    canonical_mouth,
    face_crop,
    mouth_tensors,
)
from scripts.training.heads.mouth_surface import EDGE_LOOPS, front_surface, lip_edges

AROUND = 2 * SPOKES
JAW, SMILE = COEFFICIENTS.index("jawOpen"), COEFFICIENTS.index("mouthSmile")


@pytest.fixture(scope="module")
def mesh(head: HeadModel) -> MouthMesh:
    return build_mouth_mesh(head.kit)


@pytest.fixture(scope="module")
def camera(head: HeadModel) -> Camera:
    return frame_face(head.neutral[head.landmarks68[list(OUTER_EYE_CORNERS)]], 110.0, 126.0, 212.0)


@pytest.fixture(scope="module")
def crop(head: HeadModel, camera: Camera) -> Crop:
    return face_crop(head, camera.project)


@pytest.fixture(scope="module")
def tensors(head: HeadModel, mesh: MouthMesh, camera: Camera, crop: Crop) -> dict[str, NDArray[np.generic]]:
    return mouth_tensors(mesh, head, camera.project, crop)


def test_edge_loops_run_round_the_lips_from_corner_to_corner(head: HeadModel) -> None:
    pairs, weights = lip_edges(head.kit, SPOKES)
    assert pairs.shape == (len(EDGE_LOOPS), AROUND, 3)
    np.testing.assert_allclose(weights.sum(axis=1), 1.0)
    points = np.einsum("vk,lvkc->lvc", weights, head.kit.vertices[pairs].astype(np.float64))
    left, right = points[:, 0], points[:, SPOKES]
    assert (left[:, 0] < right[:, 0]).all()
    upper, lower = points[:, SPOKES // 2], points[:, SPOKES + SPOKES // 2]
    assert (upper[:, 1] >= lower[:, 1] - 0.05).all()


def test_points_before_the_face_lie_on_its_foremost_surface(head: HeadModel) -> None:
    targets = np.array([(0.0, 0.0), (3.0, -2.0), (-3.0, -2.0)])
    corners, weights = front_surface(head.kit, targets)
    points = np.einsum("vk,vkc->vc", weights, head.kit.vertices[corners].astype(np.float64))
    np.testing.assert_allclose(points[:, :2], targets, atol=1e-4)
    np.testing.assert_allclose(points[1, 2], points[2, 2], atol=0.05)
    assert points[:, 2].min() > 5


def test_what_is_beside_the_face_is_refused(head: HeadModel) -> None:
    with pytest.raises(ValueError, match="expected the face at"):
        front_surface(head.kit, np.array([(60.0, 0.0)]))


def test_rings_grow_from_the_lips_outwards(head: HeadModel, mesh: MouthMesh) -> None:
    points = mesh.positions(head.neutral).reshape(mesh.rings, AROUND, 3)
    width = np.ptp(points[..., 0], axis=1)
    assert (np.diff(width) >= -1e-6).all()
    np.testing.assert_allclose(mesh.weights.sum(axis=1), 1.0)


def test_displacements_are_carried_as_positions_are(head: HeadModel, mesh: MouthMesh) -> None:
    move = head.kit.expression["jawOpen"]
    together = mesh.positions(head.neutral + move)
    np.testing.assert_allclose(together, mesh.positions(head.neutral) + mesh.positions(move), atol=1e-4)


def test_the_crop_follows_the_size_of_the_face(head: HeadModel, camera: Camera, crop: Crop) -> None:
    twice = face_crop(head, lambda points: 2 * camera.project(points))
    assert twice.side == pytest.approx(2 * crop.side)
    lips = crop.from_pixels(camera.project(head.neutral[head.landmarks68[OUTER_LIP]]))
    assert lips[:, 0].mean() == pytest.approx(0.5, abs=0.01)
    assert 0.3 < lips[:, 1].mean() < 0.5  # there is more chin than nose


def test_tensors_have_the_shapes_of_their_format(tensors: dict[str, NDArray[np.generic]]) -> None:
    count = len(tensors["mesh"])
    assert tensors["basis"].shape == (len(COEFFICIENTS), count, 2)
    assert tensors["triangles"].max() == count - 1
    assert tensors["inner_upper"].shape == tensors["inner_lower"].shape == (SPOKES + 1,)
    assert tensors["jaw"].shape == (len(COEFFICIENTS), 2)
    assert 0.5 < float(tensors["interocular"]) < 1.0


def test_the_lips_meet_at_rest_and_part_with_the_jaw(tensors: dict[str, NDArray[np.generic]]) -> None:
    mesh, jaw = np.asarray(tensors["mesh"], np.float64), np.asarray(tensors["basis"], np.float64)[JAW]
    upper, lower = tensors["inner_upper"].astype(int), tensors["inner_lower"].astype(int)
    np.testing.assert_allclose(mesh[upper], mesh[lower], atol=1e-6)
    gap = (mesh + 0.5 * jaw)[lower, 1] - (mesh + 0.5 * jaw)[upper, 1]
    assert gap[SPOKES // 2] > 0.05
    assert gap[0] == pytest.approx(0.0, abs=0.01)


def test_a_smile_moves_the_corners_out_and_up(tensors: dict[str, NDArray[np.generic]]) -> None:
    smile = np.asarray(tensors["basis"], np.float64)[SMILE]
    left, right = smile[0], smile[SPOKES]
    assert left[0] < 0 < right[0]
    assert left[1] < 0
    assert right[1] < 0


def test_the_border_of_the_crop_stands_still(tensors: dict[str, NDArray[np.generic]]) -> None:
    assert not np.asarray(tensors["basis"])[:, -AROUND:].any()


def test_the_canonical_mouth_has_depth_and_its_lips_part_downwards(head: HeadModel, mesh: MouthMesh) -> None:
    rest, moves = canonical_mouth(mesh, head, lambda points: points * (1.0, -1.0, 1.0))
    assert rest.shape == (mesh.rings * AROUND, 3)
    assert moves.shape == (len(COEFFICIENTS), *rest.shape)
    assert np.ptp(rest[:, 2]) > 2
    lower = SPOKES + SPOKES // 2
    assert moves[JAW, lower, 1] > 0.5 > abs(moves[JAW, SPOKES // 2, 1])
