"""What the installed synthesisers say: sound, and phones at its times."""

from __future__ import annotations

import ctypes.util
import shutil
import wave
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from scripts.training.speech import festival, flite
from scripts.training.speech.corpus import SHORTEST, Shard, seconds, shards, synthesise
from scripts.training.speech.espeak import Espeak
from scripts.training.speech.phones import BILABIALS, SILENCE, VOWELS
from scripts.training.speech.utterance import SAMPLE_RATE, Utterance, load
from scripts.training.speech.voices import own_variant

pytestmark = pytest.mark.slow
needs_flite = pytest.mark.skipif(shutil.which("flite") is None, reason="needs flite: apt-get install flite")
needs_festival = pytest.mark.skipif(
    shutil.which("festival") is None or not list(festival.VOICE_FOLDER.glob("*/*")),
    reason="needs festival and a voice: apt-get install festival festvox-kallpc16k",
)


@pytest.fixture(scope="module")
def speaker() -> Iterator[Espeak]:
    if ctypes.util.find_library("espeak-ng") is None:
        pytest.skip("needs espeak-ng: apt-get install espeak-ng")
    speaker = Espeak({"own0": own_variant(0)})
    yield speaker
    speaker.close()


def loudness(utterance: Utterance, phones: frozenset[str]) -> float:
    """Root mean square of the sound in the middle of such phones."""
    parts = [
        utterance.samples[int((s.start + 0.3 * (s.end - s.start)) * SAMPLE_RATE) : int(s.end * SAMPLE_RATE)]
        for s in utterance.segments
        if s.phone in phones
    ]
    return float(np.sqrt(np.mean(np.concatenate(parts) ** 2)))


def closed(utterance: Utterance) -> float:
    """Root mean square of the sound between the start and the burst of p and b."""
    parts = [
        utterance.samples[int(s.start * SAMPLE_RATE) : int(s.release * SAMPLE_RATE)]
        for s in utterance.segments
        if s.phone in ("p", "b") and s.release > s.start + 0.02
    ]
    return float(np.sqrt(np.mean(np.concatenate(parts) ** 2)))


def check(utterance: Utterance) -> None:
    """Phones follow each other through the sound; vowels are loud, closures quiet."""
    starts = [s.start for s in utterance.segments]
    assert starts == sorted(starts)
    assert all(s.start <= s.release <= s.end for s in utterance.segments)
    assert utterance.segments[-1].end <= len(utterance.samples) / SAMPLE_RATE + 0.1
    assert {s.phone for s in utterance.segments} & BILABIALS
    assert closed(utterance) < 0.5 * loudness(utterance, VOWELS)


def test_espeak_says_what_it_is_told_in_a_voice_of_our_own(speaker: Espeak) -> None:
    utterance = speaker.say("a paper map about apples", "en+own0", 150, 50, 50)
    check(utterance)
    assert [p for word in speaker.words() for p in word if p in BILABIALS] == ["p", "p", "m", "p", "b", "p"]
    assert len(speaker.words()) >= 4


def test_espeak_speaks_slower_when_asked(speaker: Espeak) -> None:
    fast, slow = (len(speaker.say("tomorrow morning", "en-us", speed, 50, 50).samples) for speed in (240, 100))
    assert slow > 1.4 * fast


def test_espeak_refuses_voices_that_there_are_not(speaker: Espeak) -> None:
    with pytest.raises(ValueError, match="has no voice 'xx-nowhere'"):
        speaker.say("hello", "xx-nowhere", 150, 50, 50)


@needs_flite
def test_flite_says_what_it_is_told(tmp_path: Path) -> None:
    utterance = flite.say("a paper map about apples", "slt", 1.0, 160, tmp_path / "a.wav")
    check(utterance)
    assert (utterance.synthesiser, utterance.voice) == ("flite", "slt")
    slow = flite.say("a paper map about apples", "slt", 1.4, 160, tmp_path / "a.wav")
    assert len(slow.samples) > 1.2 * len(utterance.samples)


@needs_festival
def test_festival_says_many_lines_in_one_run(tmp_path: Path) -> None:
    voice = festival.installed_voices()[0]
    lines = [festival.Line("a paper map", 1.0), festival.Line('say "bubble" \\ now', 1.3)]
    first, second = festival.say_all(voice, lines, tmp_path)
    check(first)
    assert second.voice == voice
    assert SILENCE in {s.phone for s in second.segments}


@needs_festival
def test_festival_that_says_nothing_is_told(tmp_path: Path) -> None:
    with pytest.raises(RuntimeError, match="festival said nothing with voice nobody_diphone"):
        list(festival.say_all("nobody_diphone", [festival.Line("hello", 1.0)], tmp_path))


def test_wave_files_are_read_to_full_scale_one(tmp_path: Path) -> None:
    path = tmp_path / "a.wav"
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(22_050)
        file.writeframes(np.array([0, 16384, -32768], np.int16).tobytes())
    samples, rate = flite.read_wave(path)
    assert (samples.tolist(), rate) == ([0.0, 0.5, -1.0], 22_050)


def test_shards_of_a_corpus_have_names_and_seeds_of_their_own(tmp_path: Path) -> None:
    planned = shards(tmp_path, 3, 160)
    assert [shard.path.name for shard in planned] == ["shard000.npz", "shard001.npz", "shard002.npz"]
    assert [shard.number for shard in planned] == [0, 1, 2]


@needs_flite
@needs_festival
def test_a_shard_is_spoken_by_all_synthesisers(speaker: Espeak, tmp_path: Path) -> None:
    shard = Shard(tmp_path / "shard000.npz", 0, 8)
    length = synthesise(shard)
    spoken = list(load(shard.path))
    assert {u.synthesiser for u in spoken} >= {"espeak", "flite"}
    assert length == pytest.approx(seconds(shard.path)) == sum(len(u.samples) for u in spoken) / SAMPLE_RATE
    assert min(len(u.samples) for u in spoken) > SHORTEST * SAMPLE_RATE
