"""What is exactly true of a picture: projection, regions, files. Needs no renderer and no face model."""

from __future__ import annotations

import argparse
import json
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

pytest.importorskip("scipy", reason="heads need scipy: pip install -e .[render]")

from scripts.tools.render_heads import main, parse_seeds
from scripts.training.heads.appearance import Blazer, Cardigan, Glasses, Headscarf, Jumper
from scripts.training.heads.camera import Camera
from scripts.training.heads.ground_truth import (
    REGIONS,
    GroundTruth,
    RayHits,
    load_truth,
    projection,
    region_of,
    regions,
    save_truth,
)
from scripts.training.heads.styles import dressed, worn
from tests.scripts.training.heads.shapes import egg, landmarks
from tests.scripts.training.heads.test_worn import SCARF

GREY = (0.3, 0.3, 0.3)


def name_at(regions_seen: NDArray[np.uint8], row: int, column: int) -> str:
    return REGIONS[regions_seen[row, column]]


def test_the_camera_matrix_gives_the_camera_s_pixels() -> None:
    camera = Camera(1.0, 2.0, 110.0, 700.0, 256, 192)
    points = np.random.default_rng(0).uniform(-10, 10, (50, 3))
    flat = np.column_stack([points, np.ones(50)]) @ projection(camera).T
    np.testing.assert_allclose(flat[:, :2] / flat[:, 2:], camera.project(points), atol=1e-9)
    assert (flat[:, 2] > 0).all()


def hits() -> RayHits:
    """A row of pixels: nothing, an eye, and four places on two triangles of skin."""
    part = np.array([[-1, 0, 1, 1, 1, 1]], np.int16)
    triangle = np.array([[0, 5, 0, 0, 1, 1]])
    weights = np.array([[(0, 0, 0), (1, 0, 0), (1, 0, 0), (0, 0, 1), (0.2, 0.3, 0.5), (0, 1, 0)]], np.float64)
    return RayHits(("eye0", "skin"), part, triangle, weights)


def test_skin_is_skin_lips_or_mouth_by_the_place_that_is_hit() -> None:
    triangles = np.array([(0, 1, 2), (2, 3, 4)])
    lip = np.array([1.0, 1.0, -1.0, -1.0, -1.0])
    lining = np.array([0.0, 0.0, 0.0, 1.0, 1.0])
    seen = regions(hits(), triangles, lip, lining)
    assert [name_at(seen, 0, column) for column in range(6)] == ["background", "eyes", "skin", "lips", "mouth", "mouth"]


def test_the_lips_border_runs_through_triangles() -> None:
    weights = np.array([[(1 - part, part, 0.0) for part in (0.1, 0.45, 0.55, 0.9)]])
    across = RayHits(("skin",), np.zeros((1, 4), np.int16), np.zeros((1, 4), np.int64), weights)
    seen = regions(across, np.array([(0, 1, 1)]), np.array([0.5, -0.5]), np.zeros(2))
    assert [name_at(seen, 0, column) for column in range(4)] == ["skin", "skin", "lips", "lips"]


def test_everything_that_can_be_worn_has_its_region() -> None:
    for clothes in (Jumper(GREY, -14.6), Blazer(GREY, GREY, -14.0), Cardigan(GREY, GREY, -12.8)):
        assert {region_of(name) for name in dressed(clothes, 1)} == {"clothes"}
    assert {region_of(name) for name in worn(Glasses(GREY), landmarks())} == {"glasses"}
    from scripts.training.heads.styles import grown

    assert isinstance(SCARF, Headscarf)
    _, scarf = grown(SCARF, egg(), np.zeros(16_000), 1)
    assert {region_of(name) for name in scarf} == {"headwear"}


@pytest.mark.parametrize(
    ("shape", "region"),
    [("hair2", "hair"), ("backing", "hair"), ("upper_teeth", "teeth"), ("lower_teeth", "teeth"), ("flesh", "mouth"),
     ("eye1", "eyes"), ("brows", "facial hair"), ("lashes", "facial hair"), ("beard", "facial hair")],
)  # fmt: skip
def test_parts_of_the_body_have_their_regions(shape: str, region: str) -> None:
    assert region_of(shape) == region


def test_a_shape_without_a_region_is_refused() -> None:
    with pytest.raises(KeyError, match="monocle"):
        region_of("monocle")


def test_a_truth_is_read_as_it_was_written(tmp_path: Path) -> None:
    draw = np.random.default_rng(1)
    shapes = {"landmarks": (68, 2), "landmarks_head": (68, 3), "vertices": (30, 3), "coefficients": (54,)}
    floats = {name: draw.normal(size=shape).astype(np.float32) for name, shape in shapes.items()}
    camera, pose = projection(Camera()), np.eye(4)
    # A view of a larger array, as it comes: what is written does not depend on how it lies in memory.
    shown = draw.integers(0, len(REGIONS), (8, 9)).astype(np.uint8).T
    written = GroundTruth(**floats, camera=camera, head_pose=pose, regions=shown)
    save_truth(tmp_path / "a.safetensors", written, {"seed": "3"})
    found, metadata = load_truth(tmp_path / "a.safetensors")
    for name in GroundTruth.__slots__:
        np.testing.assert_array_equal(getattr(found, name), getattr(written, name))
    assert metadata["seed"] == "3"
    assert tuple(json.loads(metadata["regions"])) == REGIONS
    assert [path.name for path in tmp_path.iterdir()] == ["a.safetensors"]


def test_seeds_are_read_once_each_and_in_order() -> None:
    assert parse_seeds("3") == (3,)
    assert parse_seeds("0-3,2,9") == (0, 1, 2, 3, 9)


@pytest.mark.parametrize("text", ["", "a", "3-1", "-1", "1-", "1..3", "99999999999", "0-9999999", "٣"])
def test_other_seeds_are_refused(text: str) -> None:
    with pytest.raises(argparse.ArgumentTypeError, match="expected seeds such as"):
        parse_seeds(text)


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--size", "8"], "--size from 64"),
        (["--samples", "0"], "--samples from 1"),
        (["--poses", "0"], "--poses from 1"),
    ],
)
def test_what_cannot_be_rendered_is_refused(
    words: list[str], message: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit):
        main([str(tmp_path / "heads"), "--seeds", "0", *words])
    assert message in capsys.readouterr().err
    assert not (tmp_path / "heads").exists()


def test_a_file_is_not_taken_for_a_folder(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "heads").write_text("mine")
    with pytest.raises(SystemExit):
        main([str(tmp_path / "heads"), "--seeds", "0"])
    assert "expected a folder" in capsys.readouterr().err
    assert (tmp_path / "heads").read_text() == "mine"
