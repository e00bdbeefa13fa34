"""Music, ringing, alarms and machines that the voice gate is fitted on. Knows no features.

Every sound is drawn from wide ranges rather than copied from an instrument. benchmarks/measuring/music.py holds
other syntheses, on which the gate is measured.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from scripts.training.speech.acoustics import RATE, filtered, noise

Samples = NDArray[np.float32]
Draw = np.random.Generator

MIDDLE_C = 261.6  # Hz


def tone(hertz: NDArray[np.float64], draw: Draw) -> Samples:
    """A tone of random partials, harmonic or not, through random fixed resonances; hertz: (n,) the pitch."""
    phase = 2 * np.pi * np.cumsum(hertz) / RATE
    slope, stiff = draw.uniform(0.3, 2.5), draw.choice([0.0, draw.uniform(0, 0.01), draw.uniform(0, 0.2)])
    peaks, widths = draw.uniform(200, 4000, 3), draw.uniform(100, 1500, 3)
    even = draw.choice([1.0, 0.1])
    x = np.zeros(len(hertz))
    for k in range(1, int(draw.integers(1, 25)) + 1):
        factor = k * np.sqrt(1 + stiff * k * k)
        middle = float(hertz.mean()) * factor
        if middle > 7000:
            break
        colour = 0.2 + np.exp(-np.square((middle - peaks) / widths)).sum()
        level = k**-slope * colour * draw.uniform(0.3, 1) * (even if k % 2 == 0 else 1)
        x += (
            level
            * np.exp(-np.arange(len(x)) / RATE * draw.uniform(0, 0.5) * k)
            * np.sin(factor * phase + 6 * draw.random())
        )
    if draw.random() < 0.15:  # frequency modulation
        x = np.sin(phase + draw.uniform(0.5, 6) * np.sin(draw.choice([0.5, 1, 1.41, 2, 3.5]) * phase))
    y: Samples = (x / (np.abs(x).max() + 1e-9)).astype(np.float32)
    return y


def envelope(n: int, attack: float, decay: float, sustain: float) -> NDArray[np.float64]:
    """attack and decay in seconds, sustain a share; 20 ms of release."""
    t = np.arange(n) / RATE
    shape = np.minimum(t / attack, 1) * (sustain + (1 - sustain) * np.exp(-t / decay))
    return shape * np.minimum((n - np.arange(n)) / (0.02 * RATE), 1)


def melody(n: int, draw: Draw) -> Samples:
    """Notes or chords of one instrument: any tempo, any scale, with or without vibrato and glides."""
    x = np.zeros(n, np.float32)
    scale = draw.choice(12, int(draw.integers(3, 8)), replace=False)
    voices, beat = int(draw.integers(1, 5)), draw.uniform(0.08, 1.2)
    attack, decay = 10 ** draw.uniform(-3, -0.8), 10 ** draw.uniform(-1.2, 0.7)
    sustain, legato = draw.choice([0.0, 0.5, 1.0]), draw.uniform(0.4, 1.8)
    vibrato = draw.choice([0.0, draw.uniform(0.002, 0.02)])
    octave, timbre = draw.integers(-2, 3), int(draw.integers(1 << 30))
    rate, at, last = draw.uniform(4, 7), 0, MIDDLE_C
    while at < n:
        step = int(beat * draw.choice([0.5, 1.0, 1.0, 2.0]) * RATE)
        length = min(int(step * legato), n - at)
        if draw.random() < 0.85 and length > 400:
            for _ in range(voices):
                pitch = MIDDLE_C * 2.0 ** (octave + (draw.choice(scale) + 12 * draw.integers(0, 2)) / 12)
                t = np.arange(length) / RATE
                hertz = pitch * (1 + vibrato * np.sin(2 * np.pi * rate * t) * np.minimum(t / 0.3, 1))
                if vibrato and draw.random() < 0.2:
                    hertz += (last - pitch) * np.exp(-t / 0.04)
                last = pitch
                note = tone(hertz, np.random.default_rng(timbre)) * envelope(length, attack, decay, sustain)
                x[at : at + length] += (draw.uniform(0.4, 1) * note).astype(np.float32)
        at += step
    return x


def hit(edge: float, length: int, tonal: float, draw: Draw) -> Samples:
    """Noise about a frequency and a tone that falls from it, dying away."""
    t = np.arange(length) / RATE
    hiss = filtered(noise(length, draw), lambda f: -12 * np.abs(np.log2(np.maximum(f, 20) / edge)))
    fall = np.sin(2 * np.pi * edge * (t - draw.uniform(0, 0.5) * t * t))
    x: Samples = ((tonal * fall + (1 - tonal) * hiss) * np.exp(-6 * t / t[-1])).astype(np.float32)
    return x


def drums(n: int, draw: Draw) -> Samples:
    """Three instruments on a grid."""
    x = np.zeros(n, np.float32)
    beat = draw.uniform(0.1, 0.4)
    for low, high, likely in ((30, 200, 0.5), (200, 2000, 0.4), (3000, 7000, 0.7)):
        edge, length, tonal = draw.uniform(low, high), int(draw.uniform(0.03, 0.3) * RATE), draw.uniform(0, 1)
        for at in range(0, n - length, int(beat * RATE)):
            if draw.random() < likely:
                x[at : at + length] += np.float32(draw.uniform(0.3, 1)) * hit(edge, length, tonal, draw)
    return x


def alarm(n: int, draw: Draw) -> Samples:
    """Steady, warbling, sweeping or pulsed tones, one or two at once, with or without pauses."""
    t = np.arange(n) / RATE
    rate = 10 ** draw.uniform(-1, 1.5)
    swing = draw.choice([0.0, draw.uniform(0.02, 0.8)])
    phase = rate * t % 1
    shape = (np.sin(2 * np.pi * phase), np.sign(phase - 0.5), 2 * phase - 1, np.abs(2 * phase - 1))[draw.integers(4)]
    x = np.zeros(n, np.float32)
    for _ in range(int(draw.integers(1, 3))):
        hertz = np.clip(10 ** draw.uniform(2.2, 3.5) * 2 ** (swing * shape), 50, 5000)
        x += tone(hertz, draw)
    period, share = 10 ** draw.uniform(-1, 0.7), draw.choice([1.0, draw.uniform(0.2, 0.8)])
    trill = draw.choice([0.0, draw.uniform(0.2, 1)]) * (np.sin(2 * np.pi * draw.uniform(10, 30) * t) > 0)
    y: Samples = (x * (t % period < share * period) * (1 - trill)).astype(np.float32)
    return y


def machine(n: int, draw: Draw) -> Samples:
    """An engine, a fan or a mixer: a low harmonic tone that wanders, and noise."""
    t = np.arange(n) / RATE
    knots = draw.uniform(0.8, 1.25, max(2, n // int(draw.uniform(4000, 40_000))))
    hertz = draw.uniform(30, 500) * np.interp(t, np.linspace(0, t[-1], len(knots)), knots)
    x = tone(hertz, draw) + draw.uniform(0, 0.5) * 0.3 * noise(n, draw)
    return x.astype(np.float32)


def whistle(n: int, draw: Draw) -> Samples:
    """A pure tone that glides between notes, with pauses."""
    steps = np.repeat(draw.uniform(-0.8, 0.8, n // 3000 + 1), 3000)[:n]
    kernel = np.hanning(int(draw.uniform(400, 4000)))
    hertz = draw.uniform(700, 2200) * 2 ** np.convolve(steps, kernel / kernel.sum(), "same")
    on = np.convolve(np.repeat(draw.random(n // 3000 + 1) < 0.8, 3000)[:n].astype(float), np.hanning(600) / 300, "same")
    y: Samples = (np.sin(2 * np.pi * np.cumsum(hertz) / RATE) * on + 0.01 * noise(n, draw)).astype(np.float32)
    return y


KINDS = (melody, melody, melody, drums, alarm, alarm, machine, whistle)


def music(n: int, draw: Draw) -> Samples:
    """(n,) at 16 kHz, peak 1: one kind of sound or a band of up to four."""
    x = np.zeros(n, np.float32)
    for _ in range(int(draw.choice([1, 1, 2, 3, 4]))):
        part = KINDS[draw.integers(len(KINDS))](n, draw)
        x += np.float32(draw.uniform(0.2, 1)) * part / (np.abs(part).max() + 1e-9)
    loudest: Samples = x / (np.abs(x).max() + np.float32(1e-9))
    return loudest
