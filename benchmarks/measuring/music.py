"""Music, ringing, sirens and machines without a voice, ten seconds each. Knows no encoder.

Syntheses other than those that the voice gate is fitted on (scripts/training/speech/music.py).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

import numpy as np
from numpy.typing import NDArray

Samples = NDArray[np.float32]
Values = NDArray[np.float64]

RATE = 16_000  # Hz
SECONDS = 10
LEVEL = 0.3  # peak
TIME: Values = np.arange(SECONDS * RATE) / RATE


def _note(number: float) -> float:
    """A MIDI note's frequency in hertz."""
    return float(440 * 2 ** ((number - 69) / 12))


def _summed(waves: Iterable[Values]) -> Values:
    total: Values = np.sum(list(waves), axis=0)
    return total


def _plucked(hertz: float, n: int, seed: int) -> Values:
    """Karplus and Strong's string (Computer Music Journal 7(2), 1983)."""
    period = round(RATE / hertz)
    string = np.random.default_rng(seed).uniform(-1, 1, period)
    parts = []
    for _ in range(n // period + 1):
        parts.append(string)
        string = 0.498 * (string + np.roll(string, 1))
    string = np.concatenate(parts)[:n]
    return string


def _sequence(starts: Sequence[float], sounds: Sequence[Values]) -> Values:
    x = np.zeros(len(TIME))
    for start, sound in zip(starts, sounds, strict=True):
        at = round(start * RATE)
        part = sound[: len(x) - at]
        x[at : at + len(part)] += part
    return x


def guitar() -> Values:
    """Arpeggios of four chords, plucked."""
    chords = ((40, 47, 52, 56, 59, 64), (45, 52, 57, 61, 64, 69), (38, 45, 50, 54, 57, 62), (43, 47, 50, 55, 59, 67))
    notes = [chords[i // 10 % 4][(0, 2, 3, 4, 5, 4, 3, 2, 4, 3)[i % 10] % 6] for i in range(48)]
    return _sequence([0.2 * i for i in range(48)], [_plucked(_note(n), 16_000, i) for i, n in enumerate(notes)])


def strings() -> Values:
    """Sustained chords of sawtooth waves with vibrato, low-passed."""
    x = np.zeros(len(TIME))
    for i, chord in enumerate(((48, 55, 64), (45, 57, 60), (41, 57, 65), (43, 55, 62))):
        inside = np.clip((TIME - 2.5 * i) / 0.15, 0, 1) * np.clip((2.5 * i + 2.5 - TIME) / 0.15, 0, 1)
        for note in chord:
            phase = 2 * np.pi * _note(note) * TIME + 0.8 * np.sin(2 * np.pi * 5.5 * TIME + note)
            x += inside * _summed(np.sin(k * phase) / k / (1 + (k * _note(note) / 2500) ** 2) for k in range(1, 20))
    return x


def flute() -> Values:
    """A melody of three partials with vibrato and breath noise; the pitch glides from note to note."""
    notes = (72, 74, 76, 79, 76, 74, 72, 69, 67, 69, 72, 74, 76, 74, 72, 72)
    hertz = np.repeat([_note(n) for n in notes], len(TIME) // len(notes))
    hertz = np.convolve(np.pad(hertz, 400, "edge"), np.ones(801) / 801, "valid") * (1 + 0.006 * np.sin(32 * TIME))
    phase = 2 * np.pi * np.cumsum(hertz) / RATE
    breath = np.random.default_rng(0).standard_normal(len(TIME))
    x: Values = np.sin(phase) + 0.3 * np.sin(2 * phase) + 0.1 * np.sin(3 * phase) + 0.02 * breath
    return x


def piano_chords() -> Values:
    """Struck chords, stretched partials that die the faster the higher they are."""
    t = TIME[: 2 * RATE]
    sounds = []
    for root in (48, 53, 55, 48, 57, 50, 55, 48):
        chord = np.zeros(len(t))
        for note in (root, root + 4, root + 7, root + 12):
            for k in range(1, 10):
                hertz = _note(note) * k * np.sqrt(1 + 4e-4 * k * k)
                chord += np.exp(-t * (1 + 0.7 * k)) * np.sin(2 * np.pi * hertz * t + k) / k**1.2
        sounds.append(chord)
    return _sequence([1.2 * i for i in range(8)], sounds)


def electric_piano() -> Values:
    """A quick tune by frequency modulation whose index falls."""
    t = TIME[:8000]
    tune = (60, 64, 67, 72, 71, 67, 64, 62) * 5
    sounds: list[Values] = [
        np.exp(-5 * t) * np.sin(2 * np.pi * _note(n) * t + 3 * np.exp(-8 * t) * np.sin(2 * np.pi * 2 * _note(n) * t))
        for n in tune
    ]
    return _sequence([0.24 * i for i in range(40)], sounds)


def pop() -> Values:
    """Drums, bass and chords at 110 beats a minute."""
    draw = np.random.default_rng(1)
    t, beat = TIME[:4800], 60 / 110
    kick = np.sin(2 * np.pi * (50 * t + 6 * (1 - np.exp(-30 * t)))) * np.exp(-12 * t)
    snare = (draw.standard_normal(4800) + np.sin(2 * np.pi * 190 * t)) * np.exp(-22 * t)
    hat = np.diff(draw.standard_normal(4801)) * np.exp(-60 * t)
    beats = range(int(SECONDS / beat))
    drums = _sequence([beat * i for i in beats], [(kick, snare)[i % 2] for i in beats])
    hats = _sequence([beat * i / 2 for i in range(2 * len(beats))], [0.3 * hat] * (2 * len(beats)))
    bass = _sequence(
        [beat * i for i in beats], [_plucked(_note(36 + (0, 0, 5, 7)[i // 4 % 4]), 8000, i) for i in beats]
    )
    return drums + hats + bass + 0.25 * strings()


def bells() -> Values:
    """Church bells: hum, prime, tierce, quint and nominal."""
    t = TIME[: 3 * RATE]
    sounds = []
    for i in range(12):
        prime = (392.0, 330.0, 294.0, 440.0)[i % 4]
        partials = ((0.5, 1, 0.5), (1, 0.8, 1), (1.19, 0.9, 1.5), (1.5, 0.4, 2), (2, 0.8, 2.5), (2.66, 0.4, 4))
        sounds.append(_summed(a * np.exp(-d * t) * np.sin(2 * np.pi * prime * f * t) for f, a, d in partials))
    return _sequence([0.8 * i for i in range(12)], sounds)


def telephone_rings() -> Values:
    """440 and 480 Hz, 2 s on and 2 s off, at 20 Hz."""
    on = TIME % 4 < 2
    x: Values = np.sin(2 * np.pi * 440 * TIME) + np.sin(2 * np.pi * 480 * TIME)
    return on * x * (0.6 + 0.4 * np.sin(126 * TIME))


def mobile_ringtone() -> Values:
    """A tune of square waves, twice, with a pause."""
    tune = (88, 86, 78, 80, 85, 83, 74, 76, 83, 81, 73, 76, 81)
    t = TIME[:2200]
    sounds = [np.sign(np.sin(2 * np.pi * _note(n) * t)) * np.hanning(2200) ** 0.2 for n in tune] * 3
    return _sequence([3.4 * (i // 13) + 0.17 * (i % 13) for i in range(39)], sounds)[: len(TIME)]


def dialling() -> Values:
    """Touch tones (ITU-T Q.23), 90 ms on and 80 ms off."""
    low, high = (697, 770, 852, 941), (1209, 1336, 1477)
    t = TIME[:1440]
    draw = np.random.default_rng(2)
    sounds = [np.sin(2 * np.pi * draw.choice(low) * t) + np.sin(2 * np.pi * draw.choice(high) * t) for _ in range(56)]
    return _sequence([0.17 * i for i in range(56)], sounds)


def two_tone_siren() -> Values:
    """Horns of 435 and 580 Hz, as on European ambulances."""
    hertz = np.where(TIME % 1.5 < 0.75, 435.0, 580.0)
    phase = 2 * np.pi * np.cumsum(hertz) / RATE
    return _summed(np.sin(k * phase) / k**0.7 for k in range(1, 9))


def wailing_siren() -> Values:
    """500 to 1500 Hz and back in four seconds, then quickly: wail and yelp, clipped as by a horn."""
    rate = np.where(TIME < 6, 0.25, 3.0)
    sweep = 0.5 - 0.5 * np.cos(2 * np.pi * np.cumsum(rate) / RATE)
    horn: Values = np.tanh(3 * np.sin(2 * np.pi * np.cumsum(500 + 1000 * sweep) / RATE))
    return horn


def alarm_clock() -> Values:
    """Four beeps of 2 kHz a second, and a pause."""
    return np.sign(np.sin(2 * np.pi * 2048 * TIME)) * (TIME % 1 < 0.5) * (TIME % 0.125 < 0.07)


def engine() -> Values:
    """A car that accelerates through two gears."""
    hertz = 30 + 60 * (TIME % 5) / 5
    phase = 2 * np.pi * np.cumsum(hertz) / RATE
    noise = np.random.default_rng(3).standard_normal(len(TIME))
    pulses = _summed(np.sin(k * phase + k * k) / k**0.6 for k in range(1, 40))
    return pulses * (1 + 0.3 * np.sin(phase / 2)) + 0.3 * noise


def humming_mains() -> Values:
    return _summed(np.sin(2 * np.pi * 100 * k * TIME + k) / k for k in range(1, 12))


def whistling() -> Values:
    """A tune, whistled."""
    notes = (91, 91, 93, 91, 96, 95, 91, 91, 93, 91, 98, 96)
    hertz = np.repeat([_note(n) for n in notes], len(TIME) // len(notes) + 1)[: len(TIME)]
    hertz = np.convolve(np.pad(hertz, 300, "edge"), np.ones(601) / 601, "valid") * (1 + 0.008 * np.sin(35 * TIME))
    noise = np.random.default_rng(4).standard_normal(len(TIME))
    return np.sin(2 * np.pi * np.cumsum(hertz) / RATE) + 0.01 * noise


KINDS: tuple[Callable[[], Values], ...] = (
    guitar,
    strings,
    flute,
    piano_chords,
    electric_piano,
    pop,
    bells,
    telephone_rings,
    mobile_ringtone,
    dialling,
    two_tone_siren,
    wailing_siren,
    alarm_clock,
    engine,
    humming_mains,
    whistling,
)


def voiceless() -> dict[str, Samples]:
    """Sounds by name, each (160000,) at 16 kHz, peak 0.3, after half a second of silence."""
    sounds = {}
    for kind in KINDS:
        x = kind()
        x[: RATE // 2] = 0
        sounds[kind.__name__] = (LEVEL * x / np.abs(x).max()).astype(np.float32)
    return sounds
