"""Speech and phone times from flite. Knows no lips. A build-time tool only: nothing of flite is shipped."""

from __future__ import annotations

import subprocess
import wave
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from scripts.training.speech.phones import parse_set
from scripts.training.speech.segments import split
from scripts.training.speech.utterance import Utterance, resample

VOICES = ("slt", "rms", "awb", "kal16")


def read_wave(path: Path) -> tuple[NDArray[np.float32], int]:
    """16-bit mono WAV to samples in [-1, 1] and their rate."""
    with wave.open(str(path)) as file:
        samples = np.frombuffer(file.readframes(file.getnframes()), np.int16) * np.float32(1 / 32768)
        return samples, file.getframerate()


def say(text: str, voice: str, stretch: float, pitch: float, scratch: Path) -> Utterance:
    """Speak; stretch 1 is normal speed, 1.3 slower; pitch in hertz. scratch: a file to overwrite.

    Raises:
        subprocess.CalledProcessError: flite failed.
    """
    settings = ("--setf", f"duration_stretch={stretch:.3f}", "--setf", f"int_f0_target_mean={pitch:.0f}")
    command = ("flite", "-voice", voice, *settings, "-t", text, "-psdur", "-o", str(scratch))
    printed = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    marks: list[tuple[float, float, str]] = []
    for token in printed.split():
        symbol, end = token.rsplit(":", 1)
        marks.append((marks[-1][1] if marks else 0.0, float(end), symbol))
    samples, rate = read_wave(scratch)
    segments = split(marks, lambda symbol: parse_set(symbol, "arpabet"), burst_marked=False)
    return Utterance(resample(samples, rate), segments, "flite", voice)
