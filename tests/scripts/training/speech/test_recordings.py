"""Recordings with texts: phones are found where they are, what has no text or fits none is left out."""

from __future__ import annotations

import ctypes.util
import json
from collections.abc import Iterator, Sequence
from pathlib import Path

import av
import numpy as np
import pytest

pytest.importorskip("scipy", reason="alignment needs scipy: pip install -e .[train]")
if ctypes.util.find_library("espeak-ng") is None:
    pytest.skip("alignment needs espeak-ng: apt-get install espeak-ng", allow_module_level=True)

from scripts.training.speech.align import Aligned, Spoken, align
from scripts.training.speech.espeak import Espeak
from scripts.training.speech.real_lips import read_audio
from scripts.training.speech.recordings import SHORTEST_PIECE, Recording, pieces, refuse_missing, sources, speak
from scripts.training.speech.utterance import PERSON, SAMPLE_RATE, Segment, Utterance
from tests.scripts.training.speech.utterances import measured as measured_lips

TEXTS = (
    "una rana verde", "la mamma prepara la pappa", "il bambino beve", "dieci mele mature", "un lupo nel bosco",
    "buona sera a tutti", "il mio piccolo cane", "la barca va via", "prima o poi piove", "un fiume molto lungo",
    "sette pomodori rossi", "la bella bambina", "il pane e il vino", "domani parto per Roma",
)  # fmt: skip


@pytest.fixture(scope="module")
def speaker() -> Iterator[Espeak]:
    speaker = Espeak({})
    yield speaker
    speaker.close()


def write_sound(path: Path, samples: np.ndarray) -> None:
    """At 48 kHz, so that reading has something to resample."""
    with av.open(str(path), "w") as file:
        stream = file.add_stream("flac", rate=48_000, layout="mono")
        assert isinstance(stream, av.AudioStream)
        frame = av.AudioFrame.from_ndarray(np.repeat(samples, 3)[None].astype(np.float32), "flt", "mono")
        frame.sample_rate = 48_000
        resampler = av.AudioResampler("s16", "mono", 48_000, 960)
        for part in [*resampler.resample(frame), *resampler.resample(None), None]:
            file.mux(stream.encode(part))


def test_phones_are_found_where_they_are(speaker: Espeak) -> None:
    truth, spoken, taught = [], [], []
    for text in TEXTS:
        truth.append(speaker.say(text, "it+m7", 150, 40, 50))
        spoken.append(Spoken(truth[-1].samples, speaker.words()))
        taught.append(speaker.say(text, "it+f2", 150, 50, 50))
    errors = []
    for found, utterance in zip(align(spoken, taught), truth, strict=True):
        for phone in "pbm":
            wanted = [s for s in utterance.segments if s.phone == phone]
            there = [s for s in found.segments if s.phone == phone]
            assert len(there) == len(wanted)
            errors += [a.start - b.start for a, b in zip(there, wanted, strict=True)]
    assert len(errors) > 15
    assert np.median(np.abs(errors)) < 0.02


def write_source(folder: Path, speaker: Espeak, texts: Sequence[str], talker: str = "someone") -> None:
    """As recordings are laid out: transcripts beside FLAC files."""
    folder.mkdir(parents=True)
    lines = []
    for i, text in enumerate(texts):
        write_sound(folder / f"{i}.flac", speaker.say(text, "it+m7", 150, 40, 50).samples)
        lines.append(json.dumps({"name": str(i), "text": text, "language": "it", "talker": talker}))
    (folder / "transcripts.jsonl").write_text("\n".join(lines) + "\n", encoding="utf-8")


def test_a_source_becomes_utterances(speaker: Espeak, tmp_path: Path) -> None:
    write_source(tmp_path / "books", speaker, TEXTS)
    (source,) = sources(tmp_path)
    assert [r.text for r in source.recordings()] == list(TEXTS)
    utterances = list(speak(list(source.recordings()), speaker))
    assert len(TEXTS) // 2 < len(utterances) < len(TEXTS)  # those that fit worst are left out
    for utterance in utterances:
        assert (utterance.synthesiser, utterance.voice, utterance.lips) == (PERSON, "someone", None)
        times = [t for s in utterance.segments for t in (s.start, s.release, s.end)]
        assert np.diff(times).min() > -1e-9
        assert times[-1] <= len(utterance.samples) / SAMPLE_RATE + 1e-9


def test_folders_without_recordings_are_refused_before_anything_is_made(tmp_path: Path) -> None:
    with pytest.raises(SystemExit, match=r"transcripts\.jsonl with NAME\.flac beside it, and found none"):
        refuse_missing(tmp_path, tmp_path)
    (tmp_path / "books").mkdir()
    (tmp_path / "books/transcripts.jsonl").touch()
    with pytest.raises(SystemExit, match="expected recordings with measured lips"):
        refuse_missing(tmp_path, tmp_path)


def test_recordings_that_are_too_long_for_their_text_are_left_out(speaker: Espeak) -> None:
    long = Recording("a", "someone", "it", "una rana", np.zeros(10 * SAMPLE_RATE, np.float32))
    assert list(speak([long], speaker)) == []


def test_measured_recordings_are_all_kept_with_their_lips(speaker: Espeak) -> None:
    lips = measured_lips(1.0).lips
    recordings = [
        Recording(str(i), "lips-x", "it", text, speaker.say(text, "it+m7", 150, 40, 50).samples, lips)
        for i, text in enumerate(TEXTS)
    ]
    utterances = list(speak(recordings, speaker))
    assert len(utterances) == len(TEXTS)
    for utterance in utterances:
        assert utterance.lips is not None
        assert utterance.lips.time.min() >= 0


def test_a_recording_whose_text_is_not_known_is_cut_at_quiet_moments(speaker: Espeak) -> None:
    samples = (0.1 * np.random.default_rng(0).standard_normal(14 * SAMPLE_RATE)).astype(np.float32)
    samples[int(6.5 * SAMPLE_RATE) : int(6.8 * SAMPLE_RATE)] = 0
    first, second = speak([Recording("a", "lips-x", "en", "", samples, measured_lips(14.0).lips)], speaker)
    assert 6.5 <= len(first.samples) / SAMPLE_RATE <= 6.8
    assert first.segments == second.segments == ()
    assert first.lips is not None
    assert second.lips is not None
    assert len(first.lips.time) + len(second.lips.time) == 14 * 25


def test_sound_files_become_mono_at_16_khz(tmp_path: Path) -> None:
    t = np.arange(2 * SAMPLE_RATE) / SAMPLE_RATE
    write_sound(tmp_path / "tone.flac", (0.3 * np.sin(2 * np.pi * 500 * t)).astype(np.float32))
    samples = read_audio(tmp_path / "tone.flac")
    assert len(samples) == pytest.approx(2 * SAMPLE_RATE, rel=0.02)
    assert np.abs(np.fft.rfft(samples)).argmax() * SAMPLE_RATE / len(samples) == pytest.approx(500, abs=2)


def test_long_recordings_are_cut_at_pauses() -> None:
    spans = [(0.5, 4.0, "a"), (4.0, 4.5, "_"), (4.5, 5.5, "o"), (5.5, 6.0, "_")]
    segments = tuple(Segment(a, b, phone, b) for a, b, phone in spans)
    samples = np.zeros(6 * SAMPLE_RATE, np.float32)
    first, second = pieces(Recording("a", "someone", "en", "ao", samples), Aligned(segments, 0.0))
    assert isinstance(first, Utterance)
    assert first.segments[0].start == pytest.approx(0.15)
    assert [s.phone for s in first.segments] == ["a"]
    assert [s.phone for s in second.segments] == ["o"]
    assert 4.0 - 0.5 >= SHORTEST_PIECE
