"""Utterances on disk, and what resampling needs."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from scripts.training.speech.utterance import SAMPLE_RATE, fast_length, load, resample, save
from tests.scripts.training.speech.utterances import invented, measured


def test_a_shard_is_read_as_it_was_written(tmp_path: Path) -> None:
    written = [invented(0.6), invented(1.0, "espeak", "en-us+f2"), invented(0.4, voice="rms")]
    save(tmp_path / "shard000.npz", written)
    found = list(load(tmp_path / "shard000.npz"))
    assert [(u.synthesiser, u.voice) for u in found] == [(u.synthesiser, u.voice) for u in written]
    for one, other in zip(found, written, strict=True):
        np.testing.assert_allclose(one.samples, other.samples, atol=1 / 32767)
        for segment, wanted in zip(one.segments, other.segments, strict=True):
            assert segment.phone == wanted.phone
            times = (segment.start, segment.end, segment.release)
            assert times == pytest.approx((wanted.start, wanted.end, wanted.release), abs=1e-4)
    assert [path.name for path in tmp_path.iterdir()] == ["shard000.npz"]


def test_samples_beyond_full_scale_are_clipped_and_do_not_wrap(tmp_path: Path) -> None:
    save(tmp_path / "a.npz", [invented(0.4, level=2.0)])
    (found,) = load(tmp_path / "a.npz")
    loud = invented(0.4, level=2.0).samples
    assert found.samples[loud > 1].min() == 1.0
    assert found.samples[loud < -1].max() == -1.0


@pytest.mark.parametrize(("least", "length"), [(1, 1), (7, 8), (11, 12), (121, 125), (1000, 1000), (1001, 1024)])
def test_quick_transforms_have_no_prime_factor_above_five(least: int, length: int) -> None:
    assert fast_length(least) == length


def test_what_is_at_16_khz_stays_as_it_is() -> None:
    samples = invented(0.3).samples
    assert resample(samples, SAMPLE_RATE) is samples


def test_nothing_above_the_new_band_comes_back_lower() -> None:
    rate = 48_000
    high = np.sin(2 * np.pi * 11_000 * np.arange(rate) / rate).astype(np.float32)
    assert np.abs(resample(high, rate)[800:-800]).max() < 0.01


def test_resampling_is_linear() -> None:
    draw = np.random.default_rng(0)
    one, other = (draw.standard_normal(4410).astype(np.float32) for _ in range(2))
    together = resample(one + 2 * other, 44_100)
    np.testing.assert_allclose(together, resample(one, 44_100) + 2 * resample(other, 44_100), atol=1e-4)


def test_measured_lips_are_kept_beside_utterances_that_have_none(tmp_path: Path) -> None:
    written = [invented(0.6), measured(1.2), invented(0.4), measured(0.8)]
    save(tmp_path / "a.npz", written)
    found = list(load(tmp_path / "a.npz"))
    assert [u.lips is None for u in found] == [True, False, True, False]
    for one, other in zip(found, written, strict=True):
        if one.lips and other.lips:
            np.testing.assert_array_equal(one.lips.time, other.lips.time)
            np.testing.assert_array_equal(one.lips.opening, other.lips.opening)
            assert np.isnan(one.lips.rounding).all()
