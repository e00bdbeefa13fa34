"""Rendering a presenter: its options, its camera and what is written, without a renderer."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("scipy", reason="heads need scipy: pip install -e .[render]")

from engines.face.avatar import load_avatar
from scripts.tools.render_presenter import EYE_ROW, EYE_SPAN, parse_arguments, portrait_camera, work_folder
from scripts.training.heads.figure import Figure
from scripts.training.heads.frame_pose import FramePose
from scripts.training.heads.idle import idle
from scripts.training.heads.model import OUTER_EYE_CORNERS
from scripts.training.heads.mouth_mesh import composite_mask
from scripts.training.heads.people import APPEARANCES
from scripts.training.heads.presenter import crop_of, geometry, without_shimmer, write

pytestmark = pytest.mark.slow  # of a figure, which takes some seconds, once


def test_a_presenter_is_named_and_its_frames_are_kept_by_what_changes_them(tmp_path: Path) -> None:
    first = parse_arguments(["kofi", "--work", str(tmp_path)])
    finer = parse_arguments(["kofi", "--work", str(tmp_path), "--samples", "24"])
    assert work_folder(first).parent == tmp_path
    assert work_folder(first).name.startswith("kofi-200-")
    assert work_folder(first) != work_folder(finer)


def test_an_unknown_presenter_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        parse_arguments(["nobody"])
    told = capsys.readouterr().err
    assert all(name in told for name in APPEARANCES)


def test_the_camera_frames_the_resting_face(figure: Figure) -> None:
    camera = portrait_camera(figure)
    model = figure.model
    right, left = camera.project(model.neutral[model.landmarks68[list(OUTER_EYE_CORNERS)]])
    assert np.linalg.norm(left - right) == pytest.approx(EYE_SPAN, rel=0.01)
    assert (left[1] + right[1]) / 2 == pytest.approx(EYE_ROW, abs=0.5)


def test_the_crop_is_a_square_round_the_mouth(figure: Figure) -> None:
    camera = portrait_camera(figure)
    crop = crop_of(figure, camera, FramePose())
    lips = crop.from_pixels(camera.project(figure.model.neutral[figure.model.landmarks68[48:60]]))
    assert lips.min() > 0.1
    assert lips.max() < 0.9
    assert lips[:, 0].mean() == pytest.approx(0.5, abs=0.03)


def test_the_alignment_of_every_frame_follows_the_lips_closely(figure: Figure) -> None:
    camera, loop = portrait_camera(figure), idle(50, 25, 3)
    rest = FramePose(expression=loop.rest)
    tensors, residual = geometry(figure, camera, rest, [loop.frame_pose(number) for number in range(0, 50, 10)])
    assert tensors["alignment"].shape == (5, 2, 3)
    lips, all_of_it = residual
    assert lips < 0.8  # pixels
    assert lips <= all_of_it < 3.0


def test_eyes_that_blink_are_spared_from_the_mean_over_time(figure: Figure) -> None:
    camera = portrait_camera(figure)
    poses = [FramePose(expression={"eyeBlink_L": float(number == 3)}) for number in range(8)]
    frames = [np.full((512, 512, 3), 200 if number == 3 else 100, np.uint8) for number in range(8)]
    steadied = without_shimmer(frames, figure, camera, poses)
    column, row = camera.project(figure.model.neutral[figure.model.landmarks68[36:42]]).mean(axis=0).astype(int)
    assert steadied[3][row, column, 0] > 190
    assert 130 < steadied[3][500, 10, 0] < 145  # 6/16 of 100 more


def test_a_written_avatar_is_loaded_as_it_was(figure: Figure, tmp_path: Path) -> None:
    camera, loop = portrait_camera(figure), idle(4, 25, 3)
    rest = FramePose(expression=loop.rest)
    face, _ = geometry(figure, camera, rest, [loop.frame_pose(number) for number in range(4)])
    size = composite_mask().shape[0]
    face |= {f"interior_{jaw}": np.zeros((size, size, 4), np.uint8) for jaw in ("upper", "lower")}
    face["cavity"] = np.array((30, 12, 11), np.uint8)
    frames = [np.full((512, 512, 3), 60 + 40 * number, np.uint8) for number in range(4)]
    write(tmp_path / "kofi", APPEARANCES["kofi"], frames, face, crf=20)
    avatar = load_avatar(tmp_path / "kofi")
    assert (avatar.manifest.name, avatar.manifest.frames, avatar.manifest.ai_generated) == ("kofi", 4, True)
    assert [round(float(frame.mean())) for frame in avatar.loop] == pytest.approx([60, 100, 140, 180], abs=3)
    np.testing.assert_allclose(avatar.face.alignment, face["alignment"], atol=1e-6)
