"""The canonical mouth: opening and width from coefficients, and lips that shut where p b m are believed."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from engines.motion import COEFFICIENTS, VISEMES
from engines.speech.mouth import (
    canonical_mouth,
    closed_mouth,
    lip_motion,
    rest_in_silence,
    round_fully,
    shut_at_closures,
    tuck_at_labiodentals,
)

FACEKIT = Path(__file__).parents[4] / "shared/ict_facekit"


def mouth(**values: float) -> np.ndarray:
    return np.array([values.get(name, 0.0) for name in COEFFICIENTS], np.float32)


def visemes(**values: float) -> np.ndarray:
    return np.array([values.get(name, 0.0) for name in VISEMES], np.float32)


def test_jaw_opens_and_close_closes() -> None:
    measure = canonical_mouth().measure
    assert measure(mouth(jawOpen=0.4))[0] == pytest.approx(0.13, abs=0.01)
    assert measure(mouth(jawOpen=0.4, mouthClose=0.4))[0] == 0


def test_pucker_narrows_and_stretch_widens() -> None:
    rest, narrow, wide = (
        canonical_mouth().measure(mouth(**v))[1] for v in ({}, {"mouthPucker": 1.0}, {"mouthStretch": 1.0})
    )
    assert narrow < rest - 0.05
    assert wide > rest + 0.05


def test_closed_mouth_is_at_rest_and_silent() -> None:
    motion = closed_mouth()
    assert motion.aperture == 0
    assert motion.visemes[VISEMES.index("sil")] == 1


@pytest.mark.parametrize(("belief", "opening"), [(0.1, 1.0), (0.275, 0.5), (0.9, 0.0)])
def test_lips_shut_as_far_as_p_b_m_are_believed(belief: float, opening: float) -> None:
    coefficients, sounds = mouth(jawOpen=0.3), visemes(PP=belief, aa=1 - belief)
    before = lip_motion(coefficients.copy(), sounds).aperture
    shut_at_closures(coefficients, sounds)
    assert lip_motion(coefficients, sounds).aperture == pytest.approx(opening * before, abs=1e-4)
    assert coefficients[COEFFICIENTS.index("jawOpen")] == np.float32(0.3)


@pytest.mark.parametrize(("belief", "tuck"), [(0.1, 0.0), (0.575, 0.325), (0.9, 0.65)])
def test_the_lower_lip_tucks_as_far_as_f_v_are_believed(belief: float, tuck: float) -> None:
    coefficients, sounds = mouth(jawOpen=0.3), visemes(FF=belief, aa=1 - belief)
    tuck_at_labiodentals(coefficients, sounds)
    assert coefficients[COEFFICIENTS.index("mouthRollLower")] == pytest.approx(tuck, abs=1e-6)


def test_a_tuck_leaves_room_for_the_breath() -> None:
    coefficients, sounds = mouth(jawOpen=0.3), visemes(FF=1.0)
    tuck_at_labiodentals(coefficients, sounds)
    assert lip_motion(coefficients, sounds).aperture == pytest.approx(0.018, abs=1e-4)


@pytest.mark.parametrize(
    ("closing", "tucking", "left"), [(0.5, 0.4, 0.20), (0.275, 0.1, 0.30), (0.4, 0.6, 0.20), (0.4, 0.8, 0.40)]
)
def test_lips_press_or_tuck_and_do_not_half_of_both(closing: float, tucking: float, left: float) -> None:
    coefficients, sounds = mouth(jawOpen=0.3, mouthRollLower=0.4), visemes(PP=closing, FF=tucking)
    shut_at_closures(coefficients, sounds)
    assert coefficients[COEFFICIENTS.index("mouthRollLower")] == pytest.approx(left, abs=1e-6)


def test_pressed_lips_are_no_more_rolled_in_than_they_were() -> None:
    coefficients = mouth(jawOpen=0.3, mouthRollLower=0.1)
    shut_at_closures(coefficients, visemes(PP=1.0))
    assert coefficients[COEFFICIENTS.index("mouthRollLower")] == np.float32(0.1)


@pytest.mark.parametrize(("heard", "shown"), [(0.0, 0.0), (0.4, 0.46), (0.95, 1.0)])
def test_lips_round_more_than_an_unsure_network_says(heard: float, shown: float) -> None:
    coefficients = mouth(jawOpen=0.3, mouthPucker=heard)
    round_fully(coefficients)
    np.testing.assert_allclose(coefficients, mouth(jawOpen=0.3, mouthPucker=shown), atol=1e-6)


@pytest.mark.parametrize(("silence", "jaw", "left"), [(0.9, 0.02, 0.0), (0.3, 0.02, 1.0), (0.9, 0.2, 1.0)])
def test_lips_hardly_parted_rest_in_silence(silence: float, jaw: float, left: float) -> None:
    coefficients, sounds = mouth(jawOpen=jaw), visemes(sil=silence, aa=1 - silence)
    before = lip_motion(coefficients.copy(), sounds).aperture
    rest_in_silence(coefficients, sounds)
    assert lip_motion(coefficients, sounds).aperture == pytest.approx(left * before, abs=1e-4)


def test_table_is_what_the_head_model_measures() -> None:
    if not FACEKIT.is_dir():
        pytest.skip("needs ICT-FaceKit beside the repository, in ../shared/ict_facekit")
    from scripts.training.speech.mouth_table import measure

    shipped = Path("engines/speech/canonical_mouth.json").read_text()
    assert measure(FACEKIT) == json.loads(shipped)
