"""Training clips: utterances strung together, spoken with another voice and effort, heard badly. Knows no network."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from scripts.training.speech import acoustics
from scripts.training.speech.acoustics import RATE, Draw, Samples
from scripts.training.speech.excerpt import excerpt
from scripts.training.speech.labels import Labels, PlacedUtterance, label
from scripts.training.speech.sustained_vowels import sustained_vowel
from scripts.training.speech.time_stretch import time_stretch
from scripts.training.speech.utterance import PERSON, Segment, Utterance

SECONDS = 8.0
FRAMES = int(SECONDS * 100)  # label and feature frames of a clip
NOT_SPEECH_SHARE = 0.12  # of the clips hold no speech and a closed mouth
HELD_SHARE = 0.06  # of the clips are of held vowels
WELL_SHARE = 0.3  # of the clips with speech are heard well: a good microphone in a quiet room, as most who present have
HELD_VOWELS = 8  # in such a clip, at most
EMPHASIS = 6.0  # dB, of syllable groups over their neighbours
SPEED, UNLIKE = 0.09, 0.02  # deviations of the logarithm of a clip's speed, and of its utterances'
PERSONS_SPEED, PERSONS_TEMPO = 0.14, 0.18  # likewise of a person's, of whom there are few; tempo leaves the pitch
MEASURED_TEMPO = 0.08  # the same where lips were measured: how they move is to stay true
EXCERPT_SHARE = 0.5  # of the clips with measured lips hold excerpts that follow one another without a pause


@dataclass(frozen=True, slots=True, eq=False)
class Clip:
    """samples: (128000,) as the microphone hears them; labels: what the lips do in 800 frames."""

    samples: Samples
    labels: Labels


def make_clip(utterances: Sequence[Utterance], draw: Draw) -> Clip:
    """A clip of some of the utterances, in their order until the clip is full, degraded at random."""
    if draw.random() < NOT_SPEECH_SHARE:
        clean = np.zeros(int(SECONDS * RATE), np.float32)
        return Clip(_not_speech(draw), label([], clean, FRAMES))
    held = draw.random() < HELD_SHARE
    said = [sustained_vowel(draw) for _ in range(draw.integers(3, HELD_VOWELS + 1))] if held else utterances
    clean, spoken = string_together(said, draw)
    if not any(s.lips for s in spoken):  # a measured talker's lips do not follow a loudness that is made here
        clean = _emphasise(clean, draw)
    heard = good_microphone(clean, draw) if draw.random() < WELL_SHARE else degrade(clean, draw)
    return Clip(heard, label(spoken, clean, FRAMES))


def plain_clip(utterances: Sequence[Utterance]) -> Clip:
    """The utterances as they are, half a second apart: for testing."""
    clean = np.zeros(int(SECONDS * RATE), np.float32)
    spoken = _place(clean, utterances, lambda: 0.5)
    return Clip(clean, label(spoken, clean, FRAMES))


def string_together(utterances: Sequence[Utterance], draw: Draw) -> tuple[Samples, list[PlacedUtterance]]:
    """Utterances at random speed (pitch, formants and tempo together) and random distances, level 0.1 or so."""
    person = any(u.synthesiser == PERSON for u in utterances)
    measured = any(u.lips for u in utterances)
    joined = measured and draw.random() < EXCERPT_SHARE
    if joined:
        utterances = [excerpt(u, draw) for u in utterances]
    if person:
        spread = MEASURED_TEMPO if measured else PERSONS_TEMPO
        tempo = float(np.exp(np.clip(draw.normal(0.0 if measured else 0.05, spread), -0.4, 0.4)))
        utterances = [time_stretch(u, tempo) for u in utterances]
    speed = float(np.exp(draw.normal(0, PERSONS_SPEED if person else SPEED)))
    voiced = [respeed(u, speed * float(np.exp(draw.normal(0, UNLIKE)))) for u in utterances]
    clean = np.zeros(int(SECONDS * RATE), np.float32)
    first = [draw.uniform(0.0, 1.2)]
    return clean, _place(
        clean, voiced, lambda: first.pop() if first else 0.0 if joined else float(draw.gamma(1.5, 0.35))
    )


def _place(clean: Samples, utterances: Sequence[Utterance], pause: Callable[[], float]) -> list[PlacedUtterance]:
    """Lay the utterances into clean, each a pause after the last, as loud as one another; what is said where."""
    spoken: list[PlacedUtterance] = []
    at = 0
    for utterance in utterances:
        at += int(pause() * RATE)
        room = len(clean) - at
        if room < RATE // 4:
            break
        x = utterance.samples[:room]
        clean[at : at + len(x)] += x * np.float32(0.1 / (np.sqrt(np.mean(utterance.samples**2)) + 1e-6))
        shift = at / RATE
        moved = (Segment(s.start + shift, s.end + shift, s.phone, s.release + shift) for s in utterance.segments)
        segments = tuple(s for s in moved if s.start < SECONDS)
        spoken.append(PlacedUtterance(shift, shift + len(x) / RATE, segments, utterance.lips))
        at += len(x)
    return spoken


def respeed(utterance: Utterance, speed: float) -> Utterance:
    """Played faster or slower, as a tape: a shorter or longer vocal tract."""
    n = int(len(utterance.samples) / speed)
    where = np.arange(n) * speed
    samples = np.interp(where, np.arange(len(utterance.samples)), utterance.samples).astype(np.float32)
    segments = tuple(Segment(s.start / speed, s.end / speed, s.phone, s.release / speed) for s in utterance.segments)
    lips = utterance.lips.stretched(speed) if utterance.lips else None
    return Utterance(samples, segments, utterance.synthesiser, utterance.voice, lips)


def _emphasise(clean: Samples, draw: Draw) -> Samples:
    """Louder and softer syllables: synthesisers speak more evenly than people; labels follow the loudness."""
    knots = draw.normal(0, EMPHASIS / 2, int(SECONDS * draw.uniform(1.5, 4)))
    gain = np.interp(np.arange(len(clean)), np.linspace(0, len(clean), len(knots)), knots)
    louder: Samples = (clean * 10 ** (gain / 20)).astype(np.float32)
    return louder


def good_microphone(x: Samples, draw: Draw) -> Samples:
    """What a good microphone near the mouth makes of clean speech: another colour, and a room that is hardly heard."""
    x = x + _level(x) * 10 ** (-draw.uniform(35, 60) / 20) * acoustics.noise(len(x), draw)
    return _as_loud_as_may_be(acoustics.equalise(x, draw), draw)


def degrade(x: Samples, draw: Draw) -> Samples:
    """What a microphone somewhere makes of clean speech."""
    level = _level(x)
    if draw.random() < 0.3:
        x = _add_breath(x, level, draw)
    if draw.random() < 0.12:
        x = x + level * 10 ** (-draw.uniform(8, 25) / 20) * acoustics.babble(x, draw)
    if draw.random() < 0.7:
        x = acoustics.equalise(x, draw)
    if draw.random() < 0.45:
        x = acoustics.reverberate(x, draw)
    if draw.random() < 0.85:
        x = x + level * 10 ** (-draw.uniform(5, 45) / 20) * acoustics.noise(len(x), draw)
    if draw.random() < 0.12:
        x = x + level * 10 ** (-draw.uniform(8, 35) / 20) * acoustics.hum(len(x), draw)
    if draw.random() < 0.15:
        x = x + level * 10 ** (-draw.uniform(-10, 15) / 20) * acoustics.puffs(len(x), draw)
    if draw.random() < 0.12:
        x = x + level * 10 ** (-draw.uniform(-4, 20) / 20) * acoustics.clicks(len(x), draw)
    return _as_loud_as_may_be(_line(x, draw), draw)


def _level(x: Samples) -> float:
    """Of the speech, its root mean square; 0.1, as speech is laid into clips, where there is none."""
    return float(np.sqrt(np.mean(x[np.abs(x) > 0.003] ** 2))) if np.abs(x).max() > 0.003 else 0.1


def _as_loud_as_may_be(x: Samples, draw: Draw) -> Samples:
    """At some level, from hardly audible to a little too loud."""
    peak = np.abs(x).max() + 1e-9
    loud: Samples = (x / peak * 10 ** (draw.uniform(-36, 3) / 20)).astype(np.float32)
    return np.clip(loud, -1, 1)


def _line(x: Samples, draw: Draw) -> Samples:
    kind = draw.random()
    if kind < 0.10:
        return acoustics.telephone(x)
    if kind < 0.14:
        return acoustics.mu_law(acoustics.telephone(x))
    if kind < 0.24:
        return acoustics.opus(x / (4 * np.abs(x).max() + 1e-9), int(draw.choice([8_000, 12_000, 16_000, 24_000])))
    return x


def _add_breath(x: Samples, level: float, draw: Draw) -> Samples:
    """A breath before some pause ends."""
    x = x.copy()
    starts = np.flatnonzero((np.abs(x[:-4800]) < 1e-3)[::800]) * 800
    if len(starts):
        at = int(draw.choice(starts))
        n = min(int(draw.uniform(0.2, 0.5) * RATE), len(x) - at)
        x[at : at + n] += level * np.float32(10 ** (-draw.uniform(15, 35) / 20)) * acoustics.breath(n, draw)
    return x


def _not_speech(draw: Draw) -> Samples:
    """Noises of a room from the first sample on, or from a later point on, and breathing."""
    n = int(SECONDS * RATE)
    x = np.zeros(n, np.float32)
    for make, share in (
        (acoustics.noise, 0.8),
        (acoustics.hum, 0.3),
        (acoustics.clicks, 0.4),
        (acoustics.puffs, 0.2),
        (_breathing, 0.4),
    ):
        if draw.random() < share:
            late = make is not acoustics.hum and draw.random() < 0.3  # a tone that begins is too like a voice
            starts = int(draw.uniform(0, n)) if late else 0
            x[starts:] += np.float32(10 ** (draw.uniform(-60, -12) / 20)) * make(n - starts, draw)
    return np.clip(x, -1, 1)


def _breathing(n: int, draw: Draw) -> Samples:
    """Breaths of 0.3 to 2 s, close to one another or far apart."""
    x = np.zeros(n, np.float32)
    at = 0
    apart = draw.uniform(0, 1.5)
    while at < n:
        length = min(int(draw.uniform(0.3, 2.0) * RATE), n - at)
        x[at : at + length] = np.float32(draw.uniform(0.4, 1)) * acoustics.breath(length, draw)
        at += length + int(draw.uniform(0, apart) * RATE)
    return x
