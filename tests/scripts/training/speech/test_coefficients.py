"""Millimetres to coefficients, and the table of the canonical mouth that they are solved with."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from engines.motion import COEFFICIENTS
from engines.speech.mouth import canonical_mouth
from scripts.training.speech.coefficients import EYE_CORNERS, coefficients
from scripts.training.speech.curves import Articulation
from scripts.training.speech.mouth_table import (
    CORNERS,
    EYES,
    LOWER_LIP,
    UPPER_LIP,
    load_shapes,
    measure,
    opening,
    width,
)


def still(frames: int = 1, /, **tracks: float) -> Articulation:
    names = ("opening", "jaw", "rounding", "spreading", "tongue", "press", "tuck")
    values = {name: np.full(frames, tracks.get(name, 0.0), np.float32) for name in names}
    return Articulation(**values, viseme=np.zeros(frames, np.uint8))


def aperture(rows: np.ndarray) -> np.ndarray:
    """Millimetres that coefficients open the canonical head's lips by."""
    return np.asarray(EYE_CORNERS * rows @ canonical_mouth().change[:, 0])


@pytest.mark.parametrize("millimetres", [0.0, 2.0, 6.0, 10.0])
@pytest.mark.parametrize("jaw", [0.0, 4.0, 8.0])
def test_lips_open_as_far_as_asked_with_any_jaw(millimetres: float, jaw: float) -> None:
    rows = coefficients(still(opening=millimetres, jaw=jaw))
    assert aperture(rows)[0] == pytest.approx(millimetres, abs=0.15)


@pytest.mark.parametrize(("name", "coefficient"), [("rounding", "mouthPucker"), ("tongue", "tongueOut")])
def test_articulators_have_their_coefficients(name: str, coefficient: str) -> None:
    column = COEFFICIENTS.index(coefficient)
    off, half, full = (coefficients(still(**{name: value}))[0, column] for value in (0.0, 0.5, 1.0))
    assert off == 0 < half < full <= 1


def test_tucked_lips_roll_the_lower_one_in_more_than_pressed_lips() -> None:
    column = COEFFICIENTS.index("mouthRollLower")
    tucked, pressed = coefficients(still(tuck=1.0))[0, column], coefficients(still(press=1.0))[0, column]
    assert tucked > 2 * pressed > 0


def test_all_values_are_within_their_range() -> None:
    rows = coefficients(still(5, opening=30.0, jaw=40.0, rounding=1.0, spreading=1.0, tongue=1.0, press=1.0, tuck=1.0))
    assert rows.shape == (5, len(COEFFICIENTS))
    assert rows.min() >= 0
    assert rows.max() <= 1


def model(folder: Path) -> Path:
    """A face of 68 vertices: lips 4 apart, mouth 10 wide, eyes 20 apart; jawOpen lowers the lower lip by 2."""
    points = np.zeros((68, 3))
    points[list(UPPER_LIP), 1], points[list(LOWER_LIP), 1] = 2.0, -2.0
    points[CORNERS[0], 0], points[CORNERS[1], 0] = -5.0, 5.0
    points[EYES[0], 0], points[EYES[1], 0] = -10.0, 10.0
    jaw, left, right = (np.zeros((68, 3)) for _ in range(3))
    jaw[list(LOWER_LIP), 1] = -2.0
    left[CORNERS[1], 0], right[CORNERS[0], 0] = 1.0, -1.0
    names = ["jawOpen", "mouthStretch_L", "mouthStretch_R"]
    np.savez(folder / "ict_facekit.npz", vertices=points, expression=np.stack([jaw, left, right]),
             expression_names=np.array(names))  # fmt: skip
    (folder / "vertex_indices.json").write_text(json.dumps({"idx_to_landmark_verts": list(range(68))}))
    return folder


def test_openings_and_widths_are_measured_in_eye_distances(tmp_path: Path) -> None:
    table = measure(model(tmp_path))
    assert table["rest"] == {"aperture": 0.2, "width": 0.5}
    apertures, widths = table["aperture"], table["width"]
    assert isinstance(apertures, dict)
    assert isinstance(widths, dict)
    assert apertures["jawOpen"] == 0.1
    assert widths["mouthStretch"] == 0.1  # both sides together
    assert apertures["mouthPucker"] == widths["jawOpen"] == 0.0


def test_shapes_of_both_sides_are_one_coefficient(tmp_path: Path) -> None:
    shapes = load_shapes(model(tmp_path))
    assert set(shapes) == {"neutral", *COEFFICIENTS}
    assert width(shapes["mouthStretch"]) == 2.0
    assert opening(shapes["neutral"] + 0.5 * shapes["jawOpen"]) == 5.0
