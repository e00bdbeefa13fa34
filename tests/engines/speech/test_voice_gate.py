"""The voice gate: what has no voice leaves the mouth at rest, and speech moves it."""

from __future__ import annotations

import wave
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from safetensors.numpy import load_file, save_file

from benchmarks.measuring.music import voiceless
from engines.speech.api import LipEncoder
from engines.speech.features import FEATURES
from engines.speech.lips import motions
from engines.speech.loader import load_lip_encoder
from engines.speech.trained import TrainedEncoder
from engines.speech.voice_gate import CHUNK, TONALITY, WEIGHTS, Tonality, load_voice_gate

SHARED = Path(__file__).parents[4] / "shared"
RESTING = (
    *("guitar", "strings", "flute", "piano_chords", "electric_piano", "bells", "telephone_rings", "mobile_ringtone"),
    *("dialling", "two_tone_siren", "alarm_clock", "engine", "humming_mains", "whistling"),
)


def recording(name: str) -> NDArray[np.float32]:
    if not (SHARED / name).exists():
        pytest.skip(f"needs {name} in ../shared beside the repository")
    with wave.open(str(SHARED / name)) as file:
        return np.frombuffer(file.readframes(file.getnframes()), np.int16) * np.float32(1 / 32768)


def openings(encoder: LipEncoder, samples: NDArray[np.float32]) -> NDArray[np.float64]:
    return np.array([row.aperture for row in motions(encoder, samples)])


def noise(seconds: float) -> NDArray[np.float32]:
    x: NDArray[np.float32] = (0.1 * np.random.default_rng(0).standard_normal(int(16_000 * seconds))).astype(np.float32)
    return x


def open_share(samples: NDArray[np.float32], lookahead: int = 2) -> float:
    return float(np.mean([row.aperture > 0.02 for row in motions(load_lip_encoder(lookahead), samples)]))


@pytest.fixture(scope="module")
def sounds() -> dict[str, NDArray[np.float32]]:
    return voiceless()


@pytest.mark.parametrize("kind", RESTING)
def test_the_mouth_rests_on_sound_without_a_voice(kind: str, sounds: dict[str, NDArray[np.float32]]) -> None:
    assert open_share(sounds[kind]) <= 0.05


def test_a_ringing_telephone_leaves_the_mouth_at_rest() -> None:
    assert open_share(recording("faults/phone_rings.wav")) <= 0.05


def test_speech_opens_the_mouth_as_if_there_were_no_gate() -> None:
    encoder = load_lip_encoder(2)
    assert isinstance(encoder, TrainedEncoder)
    always = replace(encoder.gate, out_bias=np.array([50], np.float32))
    speech = recording("speech/sense_and_sensibility_01_austen_64kb-0880.wav")
    gated, ungated = (openings(e, speech) for e in (encoder, replace(encoder, gate=always)))
    assert gated.mean() == pytest.approx(ungated.mean(), rel=0.02)
    assert np.corrcoef(gated, ungated)[0, 1] > 0.98


def test_music_under_speech_takes_no_opening_from_it() -> None:
    speech, played = recording("speech/sense_and_sensibility_01_austen_64kb-0870.wav"), voiceless()["guitar"][8000:]
    level = speech.std() / played.std() * 10 ** (-10 / 20)
    mixed = speech + np.float32(level) * np.resize(played, len(speech))
    encoder = load_lip_encoder(2)
    assert openings(encoder, mixed).mean() == pytest.approx(openings(encoder, speech).mean(), rel=0.1)


def test_a_batch_gives_what_a_stream_gives() -> None:
    chunks = noise(1.0)[: 24 * CHUNK].reshape(3, 8, CHUNK)
    batch, streams = Tonality((3,)), [Tonality() for _ in range(3)]
    for i in range(8):
        together = batch.step(chunks[:, i])
        assert together.shape == (3, TONALITY)
        for row, stream, chunk in zip(together, streams, chunks[:, i], strict=True):
            np.testing.assert_allclose(row, stream.step(chunk), atol=1e-5)


def test_a_steady_tone_is_like_its_past_and_noise_is_not() -> None:
    tone = (0.1 * np.sin(2 * np.pi * 440 * np.arange(16_000) / 16_000)).astype(np.float32)
    alike = slice(15, 35)  # after deviation, height and change of level of five bands
    steady, changing = last_tonality(tone)[alike], last_tonality(noise(1.0))[alike]
    assert steady.reshape(4, 5)[:, 0].min() > 0.9  # 40 to 320 ms before, in the band of the tone
    assert np.abs(changing).mean() < 0.4


def last_tonality(samples: NDArray[np.float32]) -> NDArray[np.float32]:
    tonality = Tonality()
    return [tonality.step(chunk) for chunk in samples.reshape(-1, CHUNK)][-1]


def test_reset_forgets_the_past() -> None:
    gate = load_voice_gate().open()
    mel = np.zeros((4, FEATURES), np.float32)
    chunks = noise(1.0).reshape(-1, CHUNK)
    first = [gate.step(chunk, mel) for chunk in chunks]
    gate.reset()
    assert [gate.step(chunk, mel) for chunk in chunks] == first


def test_weights_say_where_they_come_from() -> None:
    assert b"made_by" in WEIGHTS.read_bytes()[:2000]
    assert WEIGHTS.stat().st_size < 100_000


def test_missing_weights_are_named() -> None:
    with pytest.raises(FileNotFoundError, match=r"nowhere\.safetensors"):
        load_voice_gate(Path("nowhere.safetensors"))


def test_weights_for_other_features_are_refused(tmp_path: Path) -> None:
    arrays = load_file(WEIGHTS)
    arrays["input_weight"] = arrays["input_weight"][:, :-1].copy()
    save_file(arrays, tmp_path / "other.safetensors")
    with pytest.raises(ValueError, match="fit it again"):
        load_voice_gate(tmp_path / "other.safetensors")
