"""Random lip motion."""

from __future__ import annotations

import numpy as np

from engines.motion import COEFFICIENTS
from scripts.training.speech.random_motions import free, random_motion, speech


def test_random_motions_are_lip_motions() -> None:
    draw = np.random.default_rng(0)
    for motion in (random_motion(draw) for _ in range(50)):
        assert motion.coefficients.shape == (len(COEFFICIENTS),)
        assert motion.coefficients.dtype == np.float32
        assert motion.coefficients.min() >= 0
        assert motion.coefficients.max() <= 1
        assert abs(motion.visemes.sum() - 1) < 1e-5


def test_random_motions_close_open_and_use_every_coefficient() -> None:
    draw = np.random.default_rng(0)
    motions = [random_motion(draw) for _ in range(120)]
    openings = [motion.aperture for motion in motions]
    assert min(openings) < 0.005
    assert max(openings) > 0.15
    assert (np.max([motion.coefficients for motion in motions], axis=0) > 0.3).all()


def test_speech_has_a_frame_for_every_25th_of_a_second_and_moves_smoothly() -> None:
    track = np.stack([motion.coefficients for motion in speech(np.random.default_rng(1), 80)])
    assert track.shape == (80, len(COEFFICIENTS))
    assert np.abs(np.diff(track, axis=0)).max() < 0.8


def test_free_shapes_follow_each_other_on_straight_ways() -> None:
    track = np.stack([motion.coefficients for motion in free(np.random.default_rng(1), shapes=3, frames=4)])
    assert track.shape == (9, len(COEFFICIENTS))
    np.testing.assert_allclose(track[2], (track[0] + track[4]) / 2, atol=1e-6)
