"""The log-mel front end: causal, the same in chunks as at once, level and channel taken out."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from engines.speech.features import FEATURES, MELS, LogMel, Normaliser, mel_filters, silence_invalid


def speechlike(seconds: float = 2.0, seed: int = 0) -> NDArray[np.float32]:
    """Noise whose level moves as syllables do."""
    n = int(16_000 * seconds)
    envelope = 0.5 - 0.5 * np.cos(2 * np.pi * 4 * np.arange(n) / 16_000)
    return (0.1 * envelope * np.random.default_rng(seed).standard_normal(n)).astype(np.float32)


def features(samples: NDArray[np.float32], chunk: int) -> NDArray[np.float32]:
    mel, normaliser = LogMel(), Normaliser()
    chunks = samples.reshape(-1, chunk)
    return np.concatenate([normaliser.step(mel.step(c)) for c in chunks])


def test_every_band_hears_something() -> None:
    filters = mel_filters()
    assert filters.shape == (257, MELS)
    assert (filters.sum(axis=0) > 0).all()


def test_chunk_by_chunk_equals_all_at_once() -> None:
    samples = speechlike()
    np.testing.assert_allclose(features(samples, 640), features(samples, len(samples)), atol=1e-4)


def test_features_are_causal() -> None:
    samples = speechlike()
    changed = samples.copy()
    changed[16_000:] = 0
    np.testing.assert_array_equal(features(samples, 640)[:100], features(changed, 640)[:100])


def test_a_batch_equals_its_members() -> None:
    pair = np.stack([speechlike(1, 1), speechlike(1, 2)])
    together = Normaliser((2,)).step(LogMel((2,)).step(pair))
    assert together.shape == (2, 100, FEATURES)
    np.testing.assert_allclose(together[1], features(pair[1], 16_000), atol=1e-4)


def test_level_is_taken_out() -> None:
    samples = speechlike(4)
    loud, soft = features(samples, 640)[200:], features(samples * np.float32(0.1), 640)[200:]
    heard = loud[:, MELS] > -2  # below, the floor of the logarithm keeps soft speech from falling as far
    np.testing.assert_allclose(loud[heard, 4:MELS], soft[heard, 4:MELS], atol=0.3)


def test_colour_is_taken_out() -> None:
    samples = speechlike(6)
    darker = np.convolve(samples, [0.5, 0.5])[: len(samples)].astype(np.float32)
    mean = [features(s, 640)[400:, :MELS].mean(axis=0) for s in (samples, darker)]
    np.testing.assert_allclose(mean[0][:36], mean[1][:36], atol=0.35)


def test_reset_forgets() -> None:
    mel, normaliser = LogMel(), Normaliser()
    first = normaliser.step(mel.step(speechlike()))
    mel.reset()
    normaliser.reset()
    np.testing.assert_array_equal(normaliser.step(mel.step(speechlike())), first)


def test_invalid_samples_become_silence_and_are_counted() -> None:
    samples, invalid = silence_invalid(np.array([0.1, np.nan, np.inf, -2], np.float32))
    np.testing.assert_array_equal(samples, np.array([0.1, 0, 0, -1], np.float32))
    assert invalid == 2
