"""The face model: identities, expressions and their names, and what is refused."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from engines.motion import COEFFICIENTS
from scripts.training.heads.model import (
    GUMS_AND_TONGUE,
    ICT_SHAPES,
    LASHES,
    LOWER_TEETH,
    OUTER_EYE_CORNERS,
    OUTER_LIP,
    TONGUE_REACH,
    UPPER_TEETH,
    VERTEX_COUNT,
    HeadModel,
    load_facekit,
)


def test_coefficients_of_both_sides_are_two_shapes_of_the_model() -> None:
    assert ICT_SHAPES["jawOpen"] == ("jawOpen",)
    assert ICT_SHAPES["mouthSmile"] == ("mouthSmile_L", "mouthSmile_R")
    assert set(ICT_SHAPES) | {"tongueOut"} == set(COEFFICIENTS)


def test_parts_and_landmarks_lie_where_their_names_say(head: HeadModel) -> None:
    neutral, marks = head.neutral, head.neutral[head.landmarks68]
    assert neutral.shape == (VERTEX_COUNT, 3)
    assert LASHES.stop == VERTEX_COUNT
    assert neutral[UPPER_TEETH, 1].mean() > neutral[LOWER_TEETH, 1].mean()
    right, left = marks[list(OUTER_EYE_CORNERS)]
    np.testing.assert_allclose(right * (-1, 1, 1), left, atol=0.05)
    assert marks[OUTER_LIP, 1].max() < marks[30, 1] < right[1]  # lips, nose, eyes


def test_an_expression_adds_its_displacements(head: HeadModel) -> None:
    posed = head.vertices({"jawOpen": 0.5, "mouthSmile": 0.25})
    smile = head.kit.expression["mouthSmile_L"] + head.kit.expression["mouthSmile_R"]
    np.testing.assert_allclose(posed, head.neutral + 0.5 * head.kit.expression["jawOpen"] + 0.25 * smile, atol=1e-5)


def test_the_neutral_head_is_not_changed_by_posing(head: HeadModel) -> None:
    before = head.neutral.copy()
    head.vertices({"jawOpen": 1.0})
    np.testing.assert_array_equal(head.neutral, before)
    np.testing.assert_array_equal(head.vertices({}), before)


def test_lower_teeth_follow_the_jaw_and_upper_teeth_do_not(head: HeadModel) -> None:
    moved = head.vertices({"jawOpen": 1.0}) - head.neutral
    assert moved[LOWER_TEETH, 1].max() < -0.5
    assert np.abs(moved[UPPER_TEETH]).max() < 1e-3


def test_the_tongue_comes_out_and_nothing_else_does(head: HeadModel) -> None:
    moved = head.vertices({"tongueOut": 1.0}) - head.neutral
    far = np.linalg.norm(moved, axis=1)
    outside = np.ones(VERTEX_COUNT, bool)
    outside[GUMS_AND_TONGUE] = False
    assert far[outside].max() == 0.0
    assert far.max() == pytest.approx(np.linalg.norm(TONGUE_REACH), rel=0.05)


def test_an_identity_is_a_sum_of_its_axes(head: HeadModel) -> None:
    coefficients = np.zeros(100, np.float32)
    coefficients[[0, 7]] = 1.0, -2.0
    person = HeadModel(head.kit, coefficients)
    axes = head.kit.identity[[0, 7]].astype(np.float32)
    np.testing.assert_allclose(person.neutral, head.kit.vertices + axes[0] - 2 * axes[1], atol=1e-4)


def test_an_unknown_expression_is_refused_with_those_that_there_are(head: HeadModel) -> None:
    with pytest.raises(KeyError, match=r"no expression \['grin'\]; it has .*jawOpen"):
        head.vertices({"grin": 1.0})


def test_a_folder_without_the_model_is_refused(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match="name its folder"):
        load_facekit(tmp_path)
    (tmp_path / "vertex_indices.json").write_text(json.dumps({"idx_to_landmark_verts": [0] * 68}))
    with pytest.raises(FileNotFoundError, match=r"expected ict_facekit\.npz or"):
        load_facekit(tmp_path)


def test_another_model_is_refused(tmp_path: Path) -> None:
    (tmp_path / "vertex_indices.json").write_text(json.dumps({"idx_to_landmark_verts": [0] * 68}))
    few = np.zeros((3, 3), np.float32)
    arrays = {
        "vertices": few, "uv": few[:, :2], "faces": np.zeros((1, 4), np.int32), "face_uv": np.zeros((1, 4), np.int32),
        "face_material": np.zeros(1), "materials": np.array(["skin"]), "identity": np.zeros((100, 3, 3), np.float16),
        "expression_names": np.array(["jawOpen"]), "expression": np.zeros((1, 3, 3)),
    }  # fmt: skip
    np.savez(tmp_path / "ict_facekit.npz", **arrays)  # type: ignore[arg-type]  # arrays by name
    with pytest.raises(ValueError, match=f"expected {VERTEX_COUNT} vertices .* found 3"):
        load_facekit(tmp_path)
