"""Labels: rules where nothing was measured, the measured lips where they were, and what is known of each frame."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from engines.motion import COEFFICIENTS, VISEMES
from engines.speech.mouth import canonical_mouth
from scripts.training.speech.coefficients import EYE_CORNERS, coefficients
from scripts.training.speech.curves import articulate
from scripts.training.speech.excerpt import SHORTEST, excerpt
from scripts.training.speech.labels import (
    ALL,
    NARROWEST_MM,
    OPENING,
    SHAPE,
    UNKNOWN_EDGE,
    VISEME,
    WIDTH,
    Labels,
    PlacedUtterance,
    label,
)
from scripts.training.speech.lip_track import WIDE_MM
from scripts.training.speech.phones import STOPS
from scripts.training.speech.utterance import SAMPLE_RATE, Utterance
from tests.scripts.training.speech.utterances import invented, measured

FRAMES = 300
START = 0.5


def labels_of(utterance: Utterance) -> Labels:
    samples = np.zeros(FRAMES * 160, np.float32)
    first = int(START * SAMPLE_RATE)
    samples[first : first + len(utterance.samples)] = utterance.samples
    moved = tuple(
        replace(s, start=s.start + START, end=s.end + START, release=s.release + START) for s in utterance.segments
    )
    end = START + len(utterance.samples) / SAMPLE_RATE
    return label([PlacedUtterance(START, end, moved, utterance.lips)], samples, FRAMES)


def opening_mm(labels: Labels) -> np.ndarray:
    return np.asarray(canonical_mouth().measure(labels.coefficients)[:, 0] * EYE_CORNERS)


def test_by_rules_everything_is_known() -> None:
    assert (labels_of(invented(2.0)).known == ALL).all()


def test_the_opening_is_the_measured_one() -> None:
    utterance = measured(2.0)
    labels = labels_of(utterance)
    inside = (labels.known & OPENING) > 0
    when = np.flatnonzero(inside) / 100 - START
    assert utterance.lips is not None
    wanted = WIDE_MM * np.interp(when, utterance.lips.time, utterance.lips.opening)
    parted = wanted > NARROWEST_MM
    assert parted.sum() > 50
    np.testing.assert_allclose(opening_mm(labels)[inside][parted], wanted[parted], atol=0.6)


def test_lips_that_no_closing_sound_shuts_stay_a_little_open() -> None:
    labels = labels_of(measured(2.0))
    closing = np.isin(labels.viseme, [VISEMES.index(name) for name in ("PP", "FF", "sil")])
    known = (labels.known & OPENING) > 0
    assert opening_mm(labels)[known & ~closing].min() > 0.9 * NARROWEST_MM
    assert opening_mm(labels)[known & closing].min() < 0.3 * NARROWEST_MM


def test_the_width_follows_the_measured_one() -> None:
    labels = labels_of(measured(2.0))
    known = (labels.known & WIDTH) > 0
    width = canonical_mouth().measure(labels.coefficients)[:, 1]
    assert np.corrcoef(width[known], opening_mm(labels)[known])[0, 1] > 0.7  # as it was made


def test_edges_of_an_excerpt_and_unmeasured_frames_are_not_known() -> None:
    utterance = measured(2.0)
    assert utterance.lips is not None
    lips = replace(utterance.lips, opening=utterance.lips.opening.copy())
    lips.opening[20:30] = np.nan
    known = labels_of(replace(utterance, lips=lips)).known
    assert (known[int(100 * START) : int(100 * (START + UNKNOWN_EDGE)) - 1] == 0).all()
    assert known[int(100 * (START + 1.0))] == VISEME  # within the gap, the phones are still known
    assert known[int(100 * (START + 0.5))] == ALL
    assert known[0] == ALL  # the rest before it is a rule's


def test_without_phones_the_opening_moves_the_jaw_and_no_viseme_is_known() -> None:
    utterance = replace(measured(2.0), segments=())
    labels = labels_of(utterance)
    middle = slice(int(100 * (START + 0.2)), int(100 * (START + 1.5)))
    assert ((labels.known[middle] & VISEME) == 0).all()
    assert ((labels.known[middle] & (OPENING | SHAPE)) == OPENING | SHAPE).all()
    jaw = labels.coefficients[middle, COEFFICIENTS.index("jawOpen")]
    assert np.corrcoef(jaw, opening_mm(labels)[middle])[0, 1] > 0.95


@pytest.mark.parametrize("beyond", [-0.05, -0.02, 0.0, 0.03, 0.05])
def test_corners_are_drawn_to_the_wanted_width(beyond: float) -> None:
    motion = articulate(invented(2.0).segments, 200, np.ones(200, np.float32))
    values = coefficients(motion, np.full(200, beyond, np.float32))
    mouth = canonical_mouth()
    found = mouth.measure(values)[:, 1] - mouth.rest[1]
    lips = ("mouthUpperUp", "mouthLowerDown", "mouthClose")  # set after the corners
    moved = values[:, [COEFFICIENTS.index(n) for n in lips]] @ mouth.change[[COEFFICIENTS.index(n) for n in lips], 1]
    np.testing.assert_allclose(found - moved, beyond, atol=2e-3)


def test_excerpts_begin_and_end_at_closures() -> None:
    whole = measured(2.4)
    closures = {round(s.start, 3) for s in whole.segments if s.phone in STOPS} | {0.0, 2.4}
    draw = np.random.default_rng(0)
    lengths = set()
    for _ in range(20):
        part = excerpt(whole, draw)
        length = len(part.samples) / SAMPLE_RATE
        assert length >= SHORTEST - 1e-6
        assert part.segments[0].start == pytest.approx(0.0, abs=1e-9)
        assert part.lips is not None
        assert part.lips.time.max() < length
        lengths.add(round(length, 3))
    assert len(lengths) > 2
    assert len(closures) > 3


def test_an_utterance_without_phones_stays_whole() -> None:
    whole = replace(measured(2.4), segments=())
    assert excerpt(whole, np.random.default_rng(0)) is whole
