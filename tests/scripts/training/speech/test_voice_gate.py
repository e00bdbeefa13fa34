"""What the voice gate is fitted on: sounds without a voice, speech beside them, and which chunks are judged."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from scripts.training.speech.acoustics import RATE
from scripts.training.speech.music import alarm, drums, envelope, machine, melody, music, tone, whistle
from tests.scripts.training.speech.utterances import invented

pytest.importorskip("torch", reason="the gate is fitted with torch: pip install -e .[train]")
pytest.importorskip("scipy", reason="recordings are aligned with scipy: pip install -e .[train]")

from engines.speech.voice_gate import CHUNK, INPUTS, load_voice_gate
from scripts.training.speech.voice_gate import (
    FRAMES,
    PAUSE,
    SECONDS,
    SPEECH_WEIGHT,
    Gate,
    example,
    features,
    fit,
    joined,
    labels,
    loudness_db,
    spoilt,
    write,
)

Samples = NDArray[np.float32]
N = 2 * RATE


def spectrum_peak(x: Samples) -> float:
    """Hz of the strongest frequency."""
    return float(np.argmax(np.abs(np.fft.rfft(x * np.hanning(len(x))))) * RATE / len(x))


@pytest.mark.parametrize("make", [melody, drums, alarm, machine, whistle, music])
@pytest.mark.parametrize("seed", range(3))
def test_sounds_are_of_the_length_asked_finite_and_repeatable(
    make: Callable[[int, np.random.Generator], Samples], seed: int
) -> None:
    one, again = (make(N, np.random.default_rng(seed)) for _ in range(2))
    assert one.shape == (N,)
    assert one.dtype == np.float32
    assert np.isfinite(one).all()
    np.testing.assert_array_equal(one, again)


def test_music_is_as_loud_as_it_may_be() -> None:
    peaks = [float(np.abs(music(N, np.random.default_rng(seed))).max()) for seed in range(8)]
    assert max(peaks) == pytest.approx(1.0, abs=1e-4)


@pytest.mark.parametrize("seed", range(4))
def test_a_tone_has_its_peak_one_at_a_multiple_of_its_pitch_or_stiffer(seed: int) -> None:
    x = tone(np.full(RATE, 200.0), np.random.default_rng(seed))
    assert np.abs(x).max() == pytest.approx(1.0, abs=1e-3)
    assert spectrum_peak(x) < 7000


def test_an_envelope_rises_decays_to_its_sustain_and_ends() -> None:
    shape = envelope(RATE, attack=0.05, decay=0.1, sustain=0.4)
    assert shape[0] == 0.0
    assert shape[int(0.05 * RATE)] > 0.6
    assert shape[int(0.8 * RATE)] == pytest.approx(0.4, abs=0.01)
    assert shape[-1] < 0.01


def test_whistles_are_pure_and_lie_where_people_whistle() -> None:
    x = whistle(N, np.random.default_rng(1))
    assert 350 < spectrum_peak(x) < 4200


def test_loudness_is_in_decibels_of_each_chunk() -> None:
    x = np.concatenate([np.full(CHUNK, 0.1), np.zeros(CHUNK)]).astype(np.float32)
    np.testing.assert_allclose(loudness_db(x), [-20.0, -120.0], atol=0.01)


def test_speech_is_voiced_pauses_near_it_are_not_judged_and_music_far_from_it_is() -> None:
    n = SECONDS * RATE
    speech, noise = np.zeros(n, np.float32), np.full(n, 0.05, np.float32)
    speech[: 20 * CHUNK] = 0.2
    voice, weight = labels(speech, noise)
    assert voice.shape == weight.shape == (FRAMES,)
    assert voice[:20].all()
    assert not voice[20:].any()
    assert (weight[:20] == SPEECH_WEIGHT).all()
    assert (weight[20 : 20 + PAUSE] == 0).all()
    assert (weight[20 + PAUSE + 1 :] == 1).all()


def test_silence_is_not_judged() -> None:
    silent = np.zeros(SECONDS * RATE, np.float32)
    voice, weight = labels(silent, silent)
    assert not voice.any()
    assert not weight.any()


def test_utterances_fill_a_clip_with_pauses_between() -> None:
    x = joined([invented(3.0).samples], np.random.default_rng(0))
    level = loudness_db(x)
    assert len(x) == SECONDS * RATE
    assert 0.3 < (level > -40).mean() < 1.0
    assert np.abs(x).max() <= 1.0


@pytest.mark.parametrize("seed", range(5))
def test_examples_are_within_full_scale_and_have_a_label_a_chunk(seed: int) -> None:
    samples, voice, weight = example([invented(3.0).samples], np.random.default_rng(seed))
    assert samples.shape == (SECONDS * RATE,)
    assert np.abs(samples).max() <= 1
    assert set(np.unique(voice)) <= {0.0, 1.0}
    assert set(np.unique(weight)) <= {0.0, 1.0, SPEECH_WEIGHT}
    assert np.isfinite(spoilt(samples, np.random.default_rng(seed))).all()


def test_features_are_of_each_chunk_and_each_clip_by_itself() -> None:
    clips = np.stack([invented(1.0).samples[: 25 * CHUNK], np.zeros(25 * CHUNK, np.float32)])
    together = features(clips)
    assert together.shape == (2, 25, INPUTS)
    np.testing.assert_allclose(together[:1], features(clips[:1]), atol=1e-5)


def test_a_gate_learns_what_is_told_apart_and_is_written_for_the_product(tmp_path: Path) -> None:
    draw = np.random.default_rng(0)
    voice = np.repeat(draw.integers(0, 2, (96, 1)), 12, axis=1).astype(np.float32)
    inputs = draw.normal(0, 0.3, (96, 12, INPUTS)).astype(np.float32)
    inputs[..., 0] += 2 * voice - 1
    gate = fit(inputs, voice, np.ones_like(voice))
    import torch

    with torch.no_grad():
        found = gate(torch.from_numpy(inputs)).numpy() > 0
    assert (found[:, 4:] == voice[:, 4:].astype(bool)).mean() > 0.95
    assert isinstance(gate, Gate)
    write(gate, np.zeros(INPUTS, np.float32), np.ones(INPUTS, np.float32), ["nobody"], tmp_path / "gate.safetensors")
    assert load_voice_gate(tmp_path / "gate.safetensors") is not None
