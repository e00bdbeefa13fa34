"""Whatever the coefficients, a frame comes out, and outside the mask it is the loop's."""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from numpy.typing import NDArray

from engines.face.composite import Windows, blend, mask_in_window
from engines.face.geometry import MouthGeometry
from engines.face.structurist import Structurist
from engines.motion import COEFFICIENTS, VISEMES, LipMotion
from tests.engines.face import tiny_avatar as tiny

AVATAR = tiny.avatar()
WINDOWS = Windows(AVATAR)
STRUCTURIST = Structurist(AVATAR.face, WINDOWS.height, WINDOWS.width, tiny.CROP[2])
GEOMETRY = MouthGeometry(AVATAR.face)

unit = st.floats(0, 1, width=32)
coefficients = arrays(np.float32, len(COEFFICIENTS), elements=unit)


@settings(max_examples=40, deadline=None)
@given(coefficients, st.integers(0, tiny.FRAMES - 1))
def test_outside_the_mask_every_motion_leaves_the_loop(values: NDArray[np.float32], frame: int) -> None:
    still, picture = AVATAR.loop[frame], AVATAR.loop[frame].copy()
    to_window = WINDOWS.to_window(AVATAR, frame)
    motion = LipMotion(values, 0.0, 0.0, np.eye(len(VISEMES), dtype=np.float32)[0])
    drawn = STRUCTURIST.draw(still, AVATAR.face.alignment[frame], to_window, motion)
    mask = mask_in_window(AVATAR.face.mask, to_window, *drawn.shape[:2])
    left, top = WINDOWS.origin(frame)
    blend(picture, drawn, mask, (left, top))
    changed = (picture != still).any(axis=2)
    inside = np.zeros_like(changed)
    inside[top : top + mask.shape[0], left : left + mask.shape[1]] = mask > 0
    assert not (changed & ~inside).any()


@settings(max_examples=60, deadline=None)
@given(coefficients)
def test_lips_never_cross(values: NDArray[np.float32]) -> None:
    shape = GEOMETRY.pose(values)
    assert np.isfinite(shape.vertices).all()
    assert (shape.vertices[AVATAR.face.inner_lower, 1] >= shape.vertices[AVATAR.face.inner_upper, 1]).all()
    assert (shape.lower[:, 1] >= shape.upper[:, 1]).all()


@settings(max_examples=30, deadline=None)
@given(coefficients)
def test_more_jaw_never_closes_the_mouth(values: NDArray[np.float32]) -> None:
    wider = values.copy()
    wider[0] = min(1.0, values[0] + 0.1)
    assert GEOMETRY.pose(wider).gaps.sum() >= GEOMETRY.pose(values).gaps.sum() - 1e-5
