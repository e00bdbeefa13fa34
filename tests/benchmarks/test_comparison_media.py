"""Clips side by side: a sheet of stills and a video."""

from __future__ import annotations

from pathlib import Path

import av
import cv2
import numpy as np
import pytest

from benchmarks.measuring.comparison_media import CAPTION, MOMENTS, SCALE, Shown, _moments, save_sheet, save_video

SIDE, FRAMES = 32, 6


def grey(values: list[int]) -> np.ndarray:
    """A picture of each grey: (T, S, S, 3)."""
    return np.stack([np.full((SIDE, SIDE, 3), value, np.uint8) for value in values])


@pytest.fixture
def shown() -> Shown:
    rest, truth = grey([100] * FRAMES), grey([100, 110, 130, 200, 140, 105])
    return [{"at rest": rest, "truth": truth, "warp": grey([50] * FRAMES)}]


def test_the_sheet_shows_the_widest_a_middling_and_the_narrowest_change(shown: Shown) -> None:
    widest, middling, narrowest = _moments(shown[0])
    assert (widest, narrowest) == (3, 0)
    assert middling in (1, 2, 4)


def test_rows_are_moments_and_columns_are_engines(shown: Shown, tmp_path: Path) -> None:
    save_sheet(tmp_path / "sheets" / "a.png", shown)
    sheet = cv2.imread(str(tmp_path / "sheets" / "a.png"))
    assert sheet is not None
    assert sheet.shape == (CAPTION + MOMENTS * SIDE, 3 * SIDE, 3)
    first = sheet[CAPTION : CAPTION + SIDE]
    assert first[:, SIDE : 2 * SIDE].mean() == pytest.approx(200, abs=1)
    assert first[:, 2 * SIDE :].mean() == pytest.approx(50, abs=1)
    assert sheet[:CAPTION].min() < 100  # names are written


def test_a_sheet_that_cannot_be_written_is_refused(shown: Shown, tmp_path: Path) -> None:
    (tmp_path / "a.png").mkdir()
    with pytest.raises(OSError, match="name a PNG file in a folder that exists"):
        save_sheet(tmp_path / "a.png", shown)


def test_the_video_has_every_frame_with_all_engines_beside_each_other(shown: Shown, tmp_path: Path) -> None:
    save_video(tmp_path / "a.mp4", shown)
    with av.open(str(tmp_path / "a.mp4")) as container:
        frames = [frame.to_ndarray(format="rgb24") for frame in container.decode(video=0)]
    assert len(frames) == FRAMES
    assert frames[0].shape == (SCALE * (CAPTION + SIDE), SCALE * 3 * SIDE, 3)
    truth = [float(frame[SCALE * CAPTION + 8 : -8, SCALE * SIDE + 8 : 2 * SCALE * SIDE - 8].mean()) for frame in frames]
    assert truth == pytest.approx([100, 110, 130, 200, 140, 105], abs=4)
