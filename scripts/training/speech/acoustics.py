"""What rooms, microphones and lines do to speech. Knows no phones: times stay as they are."""

from __future__ import annotations

from collections.abc import Callable

import av
import numpy as np
from numpy.typing import NDArray

from scripts.training.speech.utterance import fast_length

Samples = NDArray[np.float32]
Draw = np.random.Generator

RATE = 16_000


def filtered(x: Samples, gain_db: Callable[[NDArray[np.float64]], NDArray[np.float64]]) -> Samples:
    """x through a zero-phase filter given as dB over frequency in hertz."""
    n = len(x)
    spectrum = np.fft.rfft(x)
    frequency: NDArray[np.float64] = np.fft.rfftfreq(n, 1 / RATE).astype(np.float64)
    y: Samples = np.fft.irfft(spectrum * 10 ** (gain_db(frequency) / 20), n).astype(np.float32)
    return y


def equalise(x: Samples, draw: Draw, depth: float = 9.0) -> Samples:
    """A random colour: up to ±depth dB at five frequencies."""
    points = [0, 300, 1000, 2500, 5000, 8000]
    gains = draw.uniform(-depth, depth, len(points))
    return filtered(x, lambda f: np.interp(f, points, gains))


def telephone(x: Samples) -> Samples:
    """300-3400 Hz."""
    return filtered(x, lambda f: np.interp(f, [0, 200, 320, 3300, 3800, 8000], [-50, -25, 0, 0, -40, -60]))


def mu_law(x: Samples) -> Samples:
    """Eight bits, as on a digital line."""
    peak = np.abs(x).max() + 1e-9
    squeezed = np.sign(x) * np.log1p(255 * np.abs(x / peak)) / np.log(256)
    coarse = np.round(squeezed * 127) / 127
    y: Samples = (peak * np.sign(coarse) * np.expm1(np.abs(coarse) * np.log(256)) / 255).astype(np.float32)
    return y


def reverberate(x: Samples, draw: Draw) -> Samples:
    """A room of T60 0.1-0.9 s, the talker nearer than the critical distance or a little beyond."""
    length = draw.uniform(0.1, 0.9)
    n = int(length * RATE)
    tail = draw.standard_normal(n) * np.exp(-6.9 * np.arange(n) / n)
    tail[: int(draw.uniform(0.001, 0.01) * RATE)] = 0
    tail *= 10 ** (draw.uniform(-18, 2) / 20) / np.sqrt((tail**2).sum())
    tail[0] = 1
    size = fast_length(len(x) + n)
    y: Samples = np.fft.irfft(np.fft.rfft(x, size) * np.fft.rfft(tail, size), size)[: len(x)].astype(np.float32)
    return y


def opus(x: Samples, bit_rate: int = 16_000) -> Samples:
    """Through the Opus codec and back, without its delay."""
    encoder = av.CodecContext.create("libopus", "w")
    assert isinstance(encoder, av.AudioCodecContext)
    encoder.sample_rate, encoder.layout, encoder.format, encoder.bit_rate = RATE, "mono", "s16", bit_rate
    decoder = av.CodecContext.create("libopus", "r")
    assert isinstance(decoder, av.AudioCodecContext)
    decoder.sample_rate, decoder.layout = 48_000, "mono"
    step = 320
    padded = np.pad(x, (0, -len(x) % step + 4 * step))
    heard = []
    for start in range(0, len(padded), step):
        chunk = np.round(np.clip(padded[start : start + step], -1, 1) * 32767).astype(np.int16)
        frame = av.AudioFrame.from_ndarray(chunk[None], "s16", "mono")
        frame.sample_rate, frame.pts = RATE, start
        heard += [f.to_ndarray() for packet in encoder.encode(frame) for f in decoder.decode(packet)]
    wide = np.concatenate(heard, axis=1)[0].astype(np.float32)
    wide = wide / 32768 if np.abs(wide).max(initial=0) > 2 else wide
    y = (
        wide.reshape(-1, 3).mean(axis=1)
        if len(wide) % 3 == 0
        else np.interp(np.arange(len(wide) // 3) * 3, np.arange(len(wide)), wide)
    )
    return _aligned(x, y.astype(np.float32))


def _aligned(x: Samples, y: Samples, most: int = 640) -> Samples:
    """y shifted to lie on x, as long as x."""
    y = np.pad(y, (0, max(0, len(x) + most - len(y))))
    head = x[: 4 * RATE]
    size = len(head) + most
    long = fast_length(2 * size)
    cross = np.fft.irfft(np.fft.rfft(y[:size], long) * np.conj(np.fft.rfft(head, long)), long)[:most]
    lag = int(np.argmax(cross))
    return y[lag : lag + len(x)]


def noise(n: int, draw: Draw) -> Samples:
    """White to brown noise, steady or swelling, of deviation 1."""
    spectrum = np.fft.rfft(draw.standard_normal(n))
    spectrum /= np.maximum(1, np.arange(len(spectrum))) ** draw.uniform(0, 0.9)
    x = np.fft.irfft(spectrum, n)
    if draw.random() < 0.4:
        knots = draw.uniform(0.2, 1, max(2, n // 6000))
        x *= np.interp(np.arange(n), np.linspace(0, n, len(knots)), knots)
    y: Samples = (x / (x.std() + 1e-9)).astype(np.float32)
    return y


def hum(n: int, draw: Draw) -> Samples:
    """Mains or a fan: a few harmonics, deviation about 1."""
    t = np.arange(n) / RATE
    base = draw.choice([50, 60, 100, 120, draw.uniform(80, 400)])
    x = sum(draw.random() * np.sin(2 * np.pi * (base * k * t + draw.random())) for k in range(1, 8))
    y: Samples = (x / (np.std(x) + 1e-9)).astype(np.float32)
    return y


def clicks(n: int, draw: Draw) -> Samples:
    """A keyboard: short bursts of 3-20 ms, deviation about 1 where they are."""
    x = np.zeros(n, np.float32)
    at = int(draw.uniform(0, 0.3) * RATE)
    while at < n - 400:
        length = min(int(draw.uniform(0.003, 0.02) * RATE), n - at)
        burst = draw.standard_normal(length) * np.exp(-5 * np.arange(length) / length)
        x[at : at + length] += (draw.uniform(0.3, 2) * burst).astype(np.float32)
        at += int(draw.uniform(0.05, 0.5) * RATE)
    return equalise(x, draw)


def breath(n: int, draw: Draw) -> Samples:
    """An inhalation: coloured noise that swells and ends, deviation about 1."""
    x = filtered(noise(n, draw), lambda f: np.interp(f, [0, 300, 1500, 4000, 8000], [-20, -5, 0, -6, -20]))
    y: Samples = (x * np.sin(np.pi * np.linspace(0, 1, n)) ** 0.7).astype(np.float32)
    return y


def puffs(n: int, draw: Draw) -> Samples:
    """Wind and breath that strike a microphone: rumbles of 30-200 ms, deviation about 1 where they are."""
    edge = draw.uniform(60, 500)  # Hz
    rumble = filtered(noise(n, draw), lambda f: -24 * np.log2(np.maximum(f / edge, 1)))
    shape = np.zeros(n, np.float32)
    at = int(draw.uniform(0, 0.5) * RATE)
    while at < n - 400:
        length = min(int(draw.uniform(0.03, 0.2) * RATE), n - at)
        shape[at : at + length] = draw.uniform(0.3, 1) * np.hanning(length)
        at += length + int(draw.uniform(0.1, 1.5) * RATE)
    y: Samples = (rumble / (rumble.std() + 1e-9) * shape).astype(np.float32)
    return y


def babble(x: Samples, draw: Draw) -> Samples:
    """Several people at once, made of one: speech over itself at other times and speeds, deviation 1."""
    voices = np.zeros(len(x), np.float32)
    for _ in range(draw.integers(3, 8)):
        where = (draw.uniform(0, len(x)) + draw.uniform(0.85, 1.2) * np.arange(len(x))) % (len(x) - 1)
        voices += np.interp(where, np.arange(len(x)), x).astype(np.float32)
    y: Samples = (voices / (voices.std() + 1e-9)).astype(np.float32)
    return y
