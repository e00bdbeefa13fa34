"""Fitting phones to measured lips: the blend is that of the labels, and unknown phones keep what is published."""

from __future__ import annotations

import json
from dataclasses import fields, replace
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("torch", reason="fitting needs torch: pip install -e .[train]")

from scripts.training.speech.curves import RATE, articulate, loudness_effort, smooth
from scripts.training.speech.fit_phones import (
    LEAST_OPENING,
    PUBLISHED_BLEND,
    correlations,
    fit,
    measured_lips,
    published,
)
from scripts.training.speech.lip_blend import PHONE_NAMES, blended_opening, blended_width, padded, values_of
from scripts.training.speech.lip_track import WIDE_MM, LipTrack
from scripts.training.speech.phone_targets import PATH, BlendValues, PhoneTarget, phone_targets
from scripts.training.speech.phones import BILABIALS, PHONES, PUBLISHED, ROUNDED, SILENCE, fitted
from scripts.training.speech.utterance import PERSON, Segment, Utterance


def utterance(draw: np.random.Generator, phones: str, lips: LipTrack | None = None) -> Utterance:
    """Phones of random length after a silence, a pause among them, with noise of changing loudness."""
    segments, now = [], 0.2
    for phone in phones:
        length = float(draw.uniform(0.05, 0.15))
        if phone != SILENCE:
            segments.append(Segment(now, now + length, phone, now + 0.7 * length))
        now += length if phone != SILENCE else 0.3
    samples = (draw.standard_normal(round(16000 * (now + 0.3))) * 0.1).astype(np.float32)
    samples *= np.linspace(0.2, 1, len(samples), dtype=np.float32)
    return Utterance(samples, tuple(segments), PERSON, "talker", lips)


def spoken_by(phones: dict[str, PhoneTarget], blend: BlendValues, letters: str, count: int) -> list[Utterance]:
    """Utterances of a talker whose lips do exactly what the values say, at 25 frames a second."""
    draw = np.random.default_rng(3)
    said = [utterance(draw, "".join(draw.choice(list(letters), 12))) for _ in range(count)]
    times = [np.arange(0.02, len(u.samples) / 16000, 0.04, dtype=np.float32) for u in said]
    laid = padded(said, times)
    openings = blended_opening(laid, values_of(phones, blend)).numpy()
    widths = blended_width(laid, values_of(phones, blend)).numpy()
    return [
        replace(u, lips=LipTrack(t, row[: len(t)] / WIDE_MM, wide[: len(t)], np.zeros(len(t), np.float32)))
        for u, t, row, wide in zip(said, times, openings, widths, strict=True)
    ]


def test_the_blend_in_torch_is_that_of_the_labels() -> None:
    said = utterance(np.random.default_rng(0), "bɪnblu_ætfətuʃaɪpmiwɔvɾ")
    frames = int(np.ceil(len(said.samples) / 160))
    motion = articulate(said.segments, frames, loudness_effort(said.samples, frames))
    told = phone_targets()
    t = (np.arange(frames) / RATE).astype(np.float32)
    blended = blended_opening(padded([said, said], [t, t[:50]]), values_of(told.phones, told.blend)).numpy()
    assert motion.opening.max() > 3
    np.testing.assert_allclose(smooth(blended[0]), motion.opening, atol=2e-3)
    np.testing.assert_allclose(blended[1, :50], blended[0, :50], atol=1e-5)


def test_the_fit_finds_the_targets_that_lips_follow() -> None:
    truth = dict(published())
    truth["a"] = replace(truth["a"], opening=8.0)
    truth["u"] = replace(truth["u"], opening=2.0)
    truth["i"] = replace(truth["i"], opening=8.5)
    lips = measured_lips([spoken_by(truth, PUBLISHED_BLEND, "auitsk", 30)])
    phones, blend = fit(lips, steps=80)
    before = correlations(lips, values_of(published(), PUBLISHED_BLEND))[0]
    assert phones["u"].opening < 3.2
    assert phones["i"].opening > 7.5
    assert phones["a"].opening < 10.5
    assert correlations(lips, values_of(phones, blend))[0] > max(before, 0.95)


def test_a_phone_without_samples_keeps_its_published_value_but_for_its_class() -> None:
    lips = measured_lips([spoken_by(published(), PUBLISHED_BLEND, "ai", 5)])
    phones, _ = fit(lips, steps=30)
    assert phones["θ"].opening == pytest.approx(PUBLISHED["θ"].opening, abs=1e-3)
    assert phones["θ"].weight == pytest.approx(PUBLISHED["θ"].weight, abs=1e-3)
    ratio = phones["ɑ"].opening / PUBLISHED["ɑ"].opening
    assert phones["æ"].opening == pytest.approx(ratio * PUBLISHED["æ"].opening, abs=2e-3)


def test_talkers_count_alike_however_much_they_said() -> None:
    much, little = (spoken_by(published(), PUBLISHED_BLEND, "ait", count) for count in (12, 2))
    weight = measured_lips([much, little]).weight
    assert float(weight.sum()) == pytest.approx(1, abs=1e-4)
    assert float(weight[:12].sum()) == pytest.approx(0.5, abs=1e-4)


def test_nothing_to_fit_is_an_error() -> None:
    with pytest.raises(ValueError, match="expected utterances"):
        measured_lips([[utterance(np.random.default_rng(0), "ata")]])


def test_the_shipped_values_are_complete_and_possible() -> None:
    told = phone_targets()
    assert set(told.phones) == set(PHONE_NAMES)
    for name, target in told.phones.items():
        assert all(np.isfinite(getattr(target, field.name)) for field in fields(PhoneTarget))
        assert target.opening == 0 if name in BILABIALS else target.opening >= LEAST_OPENING
        assert target.weight > 0
        assert target.width_weight > 0
        assert target.rounding >= 0.65 if name in ROUNDED else 0 <= target.rounding <= 1
    for field in fields(BlendValues):
        assert getattr(told.blend, field.name) > 0


def test_the_shipped_values_say_where_they_are_from() -> None:
    told = json.loads(PATH.read_text(encoding="utf-8"))
    assert "CC BY 4.0" in told["provenance"]["licence"]
    assert "zenodo.3625687" in told["provenance"]["corpus"]
    assert not set(told["provenance"]["talkers"]) & set(told["provenance"]["left_out"])
    for name, row in told["phones"].items():
        assert row["published"]["opening"] == PUBLISHED[name].opening
        assert row["n"] >= 0
    for name in told["provenance"]["left_out"]:
        assert told["correlation"][name]["opening_after"] > told["correlation"][name]["opening_before"]


def test_a_missing_phone_is_named() -> None:
    told = phone_targets()
    with pytest.raises(ValueError, match="'w'"):
        fitted(replace(told, phones={name: value for name, value in told.phones.items() if name != "w"}))


def test_w_is_nearly_closed_and_not_closed() -> None:
    segments = [Segment(0.5, 0.65, "a", 0.65), Segment(0.65, 0.75, "w", 0.75), Segment(0.75, 0.9, "a", 0.9)]
    motion = articulate(segments, 140, np.ones(140, np.float32))
    assert 1.2 < motion.opening[65:76].min() < 4
    assert motion.press[65:76].max() == 0


def test_u_rounds_visibly_between_consonants() -> None:
    segments = [Segment(0.5, 0.58, "t", 0.56), Segment(0.58, 0.7, "u", 0.7), Segment(0.7, 0.78, "t", 0.76)]
    motion = articulate(segments, 130, np.ones(130, np.float32))
    assert 0.75 * motion.rounding[58:70].max() > 0.3
    assert PHONES["u"].rounding > 0.5


@pytest.mark.parametrize("missing", ["opening", "weight", "spreading"])
def test_a_file_that_lacks_a_value_is_an_error(tmp_path: Path, missing: str) -> None:
    told = json.loads(PATH.read_text(encoding="utf-8"))
    del told["phones"]["a"][missing]
    path = tmp_path / "targets.json"
    path.write_text(json.dumps(told), encoding="utf-8")
    with pytest.raises(ValueError, match=missing):
        phone_targets(path)
