"""Recordings with texts: phones are found where they are, what has no text or fits none is left out."""

from __future__ import annotations

import ctypes.util
import gzip
from collections.abc import Iterator
from pathlib import Path

import av
import numpy as np
import pytest

pytest.importorskip("scipy", reason="alignment needs scipy: pip install -e .[train]")
if ctypes.util.find_library("espeak-ng") is None:
    pytest.skip("alignment needs espeak-ng: apt-get install espeak-ng", allow_module_level=True)

from scripts.training.speech.align import Aligned, Spoken, align
from scripts.training.speech.espeak import Espeak
from scripts.training.speech.recordings import (
    PIECE,
    TALKERS,
    Talker,
    pieces,
    read,
    recordings,
    refuse_missing,
    speak,
    trimmed,
)
from scripts.training.speech.utterance import PERSON, SAMPLE_RATE, Segment, Utterance

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
    """As the recordings are: Ogg at 48 kHz."""
    with av.open(str(path), "w") as file:
        stream = file.add_stream("libopus", rate=48_000, layout="mono")
        assert isinstance(stream, av.AudioStream)
        frame = av.AudioFrame.from_ndarray(np.repeat(samples, 3)[None].astype(np.float32), "flt", "mono")
        frame.sample_rate = 48_000
        for part in [*av.AudioResampler("flt", "mono", 48_000, 960).resample(frame), None]:
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


def test_a_package_becomes_utterances(speaker: Espeak, tmp_path: Path) -> None:
    for i, text in enumerate(TEXTS):
        write_sound(tmp_path / f"{i}_desc_it.ogg", speaker.say(text, "it+m7", 150, 40, 50).samples)
        (tmp_path / f"{i}.txt").write_text(f"A thing.\nit.utf8={text}\n", encoding="utf-8")
    write_sound(tmp_path / "untold_desc_it.ogg", np.zeros(SAMPLE_RATE, np.float32))
    talker = Talker("someone", "it", ".", "it")
    assert {text for _, text in recordings(talker, tmp_path)} == set(TEXTS)
    utterances = list(speak(talker, tmp_path, speaker))
    assert len(TEXTS) // 2 < len(utterances) < len(TEXTS)  # those that fit worst are left out
    for utterance in utterances:
        assert (utterance.synthesiser, utterance.voice) == (PERSON, "someone")
        times = [t for s in utterance.segments for t in (s.start, s.release, s.end)]
        assert np.diff(times).min() > -1e-9
        assert times[-1] <= len(utterance.samples) / SAMPLE_RATE + 1e-9


def test_a_missing_package_is_named(speaker: Espeak, tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match="install its package"):
        list(speak(Talker("someone", "it", ".", "it"), tmp_path, speaker))


def test_descriptions_of_sounds_are_no_speech(tmp_path: Path) -> None:
    for name in ("hello", "beep"):
        (tmp_path / f"{name}.g722").write_bytes(b"\0" * 80)
    with gzip.open(tmp_path / "texts.txt.gz", "wt", encoding="utf-8") as file:
        file.write("; comment\nhello: Hello there.\nbeep: [a beep]\nmissing: Not recorded.\n")
    found = list(recordings(Talker("someone", "en-us", ".", "texts.txt.gz"), tmp_path))
    assert found == [(tmp_path / "hello.g722", "Hello there.")]


def test_letters_are_read_from_their_list(speaker: Espeak, tmp_path: Path) -> None:
    names = ("BA", "DO", "FE", "MI", "PU", "TA")
    listed = "".join(f'<sound name="{name}" file="it/{name}.ogg"/>' for name in (*names, "ZO"))
    (tmp_path / "it").mkdir()
    (tmp_path / "it/sounds.xml").write_text(
        f"<klettres><language><syllables>{listed}</syllables></language></klettres>"
    )
    for name in names:  # all but the last, each after two seconds of silence
        spoken = speaker.say(name.lower(), "it+m7", 150, 40, 50).samples
        write_sound(tmp_path / f"it/{name}.ogg", np.concatenate([np.zeros(2 * SAMPLE_RATE, np.float32), spoken]))
    talker = Talker("someone", "it", ".", "it/sounds.xml")
    assert [text for _, text in recordings(talker, tmp_path)] == ["ba", "do", "fe", "mi", "pu", "ta"]
    utterances = list(speak(talker, tmp_path, speaker))
    assert len(utterances) == len(names) - 1  # the one that fits worst is left out
    assert all(len(u.segments) == 2 and len(u.samples) < 1.5 * SAMPLE_RATE for u in utterances)


def test_files_that_cannot_be_read_are_named_and_left_out(
    speaker: Espeak, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for i, text in enumerate(TEXTS[:3]):
        write_sound(tmp_path / f"{i}_desc_it.ogg", speaker.say(text, "it+m7", 150, 40, 50).samples)
        (tmp_path / f"{i}.txt").write_text(f"A thing.\nit.utf8={text}\n", encoding="utf-8")
    (tmp_path / "1_desc_it.ogg").write_bytes(b"OggS" + bytes(200))
    assert len(list(speak(Talker("someone", "it", ".", "it"), tmp_path, speaker))) == 1
    assert "1_desc_it.ogg is left out" in capsys.readouterr().out


def test_silence_around_a_letter_is_cut_but_for_a_little() -> None:
    sound = np.zeros(3 * SAMPLE_RATE, np.float32)
    sound[SAMPLE_RATE : SAMPLE_RATE + 1600] = 0.5
    assert len(trimmed(sound)) == pytest.approx(SAMPLE_RATE * (0.25 + 0.1 + 0.25), abs=2)
    np.testing.assert_array_equal(trimmed(np.zeros(100, np.float32)), np.zeros(100))


def test_sound_files_become_mono_at_16_khz(tmp_path: Path) -> None:
    t = np.arange(2 * SAMPLE_RATE) / SAMPLE_RATE
    write_sound(tmp_path / "tone.ogg", (0.3 * np.sin(2 * np.pi * 500 * t)).astype(np.float32))
    samples = read(tmp_path / "tone.ogg")
    assert len(samples) == pytest.approx(2 * SAMPLE_RATE, rel=0.02)
    assert np.abs(np.fft.rfft(samples)).argmax() * SAMPLE_RATE / len(samples) == pytest.approx(500, abs=2)


def test_long_recordings_are_cut_at_pauses() -> None:
    spans = [(0.5, 4.0, "a"), (4.0, 4.5, "_"), (4.5, 5.5, "o"), (5.5, 6.0, "_")]
    segments = tuple(Segment(a, b, phone, b) for a, b, phone in spans)
    samples = np.zeros(6 * SAMPLE_RATE, np.float32)
    first, second = pieces(samples, Aligned(segments, 0.0), "someone")
    assert isinstance(first, Utterance)
    assert first.segments[0].start == pytest.approx(0.15)
    assert [s.phone for s in first.segments] == ["a"]
    assert [s.phone for s in second.segments] == ["o"]
    assert 4.0 - 0.5 >= PIECE


def test_packages_that_are_missing_are_named_before_anything_is_made(tmp_path: Path) -> None:
    for talker in TALKERS:
        for place in talker.packages.values():
            path = tmp_path / place
            path.parent.mkdir(parents=True, exist_ok=True)
            path.mkdir(exist_ok=True)
    refuse_missing(tmp_path)
    (tmp_path / "usr/share/doc/asterisk-core-sounds-it/core-sounds-it.txt.gz").rmdir()
    with pytest.raises(SystemExit, match=r"those of: asterisk-core-sounds-it; install these Debian packages"):
        refuse_missing(tmp_path)
